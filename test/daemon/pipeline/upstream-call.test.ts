/** The five timers, who leaves when, and back-pressure both ways, over real sockets and the real wheel. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import net from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { requestText } from "../../support/raw-http.ts";
import { until } from "../../support/until.ts";
import {
  answers,
  chunk,
  completion,
  dechunked,
  done,
  errorOf,
  type Lab,
  role,
  startLab,
  startUpstream,
  stop,
  streams,
  type Upstream,
  usageChunk,
} from "./lab.ts";

let upstream: Upstream;
let lab: Lab;
let key: string;
before(async () => {
  upstream = await startUpstream();
  const provider = (more: object = {}) => ({
    base_url: `${upstream.origin}/v1`,
    dialect: "openai-chat",
    api_key: "env.SECRET",
    ...more,
  });
  lab = await startLab({
    server: { hold_back: "300ms", keep_alive_comment: "100ms", bodies_max: "33MB" },
    timeouts: {
      connect: "2s",
      first_byte_stream: "300ms",
      first_byte: "400ms",
      idle: "500ms",
      client_stall: "600ms",
      total: "1500ms",
    },
    providers: {
      up: provider(),
      narrow: provider({
        base_url: upstream.origin.replace("127.0.0.1", "localhost"),
        connections_max: 1,
        timeouts: { connect: "200ms" },
      }),
    },
    prices: { "up/*": { input: 1, output: 5 }, "narrow/*": { input: 1, output: 5 } },
  });
  key = lab.createKey({ budgetNano: 1_000_000_000_000 });
});
after(async () => {
  await lab?.stop();
  await upstream?.stop();
});
afterEach(async () => {
  const words = await lab.rows();
  assert.ok(words.length > 0);
  assert.deepEqual([lab.plane.bodyBytes, lab.plane.generation.inFlight, [...lab.ledger.holdsOf()]], [0, 0, []]);
  assert.deepEqual(lab.logged.splice(0), []);
  await until("nothing on the wheel", () => lab.plane.wheel.size === 0);
  upstream.answer = answers();
});

const silent: Upstream["answer"] = () => {};
const ask = (stream: boolean, model = "up/m") =>
  lab.call({ key, body: { model, stream, messages: [], max_tokens: 5 } });
const timer = ({ text }: { text: string }) => /\((.*) timer\)/.exec(text)?.[1];

async function timed<Result>(work: () => Promise<Result>): Promise<[Result, number]> {
  const from = performance.now();
  return [await work(), performance.now() - from];
}

async function lastRow() {
  return (await lab.rows()).at(-1)!;
}

/** A client on a bare socket, which reads only when told to. */
function dial(body: object): { socket: net.Socket; text: () => string } {
  const socket = net.connect(Number(new URL(lab.url).port), "127.0.0.1");
  let text = "";
  socket.on("error", () => {});
  socket.write(
    requestText(
      "POST",
      "/v1/chat/completions",
      ["host: h", `authorization: Bearer ${key}`],
      JSON.stringify({ messages: [], max_tokens: 5, ...body }),
    ),
  );
  socket.on("data", (bytes) => {
    text += bytes.toString("latin1");
  });
  return { socket, text: () => text };
}

/** The head and these frames, then nothing more until told. */
function opens(...frames: readonly string[]): {
  answer: Upstream["answer"];
  response: () => ServerResponse | undefined;
} {
  let open: ServerResponse | undefined;
  return {
    answer: (_request, response) => {
      open = response;
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.flushHeaders();
      for (const frame of frames) response.write(frame);
    },
    response: () => open,
  };
}

describe("UpstreamCall", () => {
  test("waits for the first byte as long as is set for streams and for others, then tells 504", async () => {
    upstream.answer = silent;
    for (const [stream, least] of [
      [true, 300],
      [false, 400],
    ] as const) {
      const [answer, ms] = await timed(() => ask(stream));
      assert.deepEqual([answer.status, errorOf(answer).code, timer(answer)], [504, "upstream_timeout", "first byte"]);
      assert.ok(ms >= least - 30 && ms < least + 300, `${ms} ms`);
      const row = await lastRow();
      assert.ok(Number(row.cost_nano) > 0 && row.flags === 1, "it was sent, so its input is charged, as an estimate");
    }
    await until("its connections closed", () => upstream.sockets.size === 0);
  });

  test("ends an answer that stops coming, in the stream once a byte is out", async () => {
    upstream.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "99" });
      response.write("{");
    };
    const whole = await ask(false);
    assert.deepEqual([whole.status, timer(whole)], [504, "idle"]);
    upstream.answer = opens(role, chunk({ content: "Hel" })).answer;
    const streamed = await ask(true);
    assert.equal(streamed.status, 200);
    assert.match(streamed.text, /\(idle timer\)[^\n]*\n\ndata: \[DONE\]\n\n$/);
    const row = await lastRow();
    assert.deepEqual([row.status, row.error, Number(row.flags) & 32], [200, "upstream_timeout", 32]);
  });

  test("ends what never ends when the total is over, though bytes keep coming", async () => {
    upstream.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const beat = setInterval(() => response.write(chunk({ content: "x" })), 50);
      response.on("close", () => clearInterval(beat));
    };
    const [{ text }, ms] = await timed(() => ask(true));
    assert.equal(timer({ text }), "total");
    assert.ok(ms >= 1_470 && ms < 1_900, `${ms} ms`);
  });

  test("commits the status after the hold-back and says that it lives, between events only", async () => {
    const open = opens(role);
    upstream.answer = open.answer;
    const { socket, text } = dial({ model: "up/m", stream: true });
    const from = performance.now();
    await until("the head", () => text().includes("\r\n\r\n"));
    assert.ok(performance.now() - from > 250, "nothing before the hold-back");
    await until("a comment", () => text().includes(": ping\n"));
    // Half an event, then silence: the comment must wait for its other half.
    const frame = chunk({ content: "Hello" });
    open.response()!.write(frame.slice(0, 40));
    await until("another comment", () => text().split(": ping\n").length > 3);
    open.response()!.end(frame.slice(40) + stop + done);
    await until("the end", () => text().endsWith("0\r\n\r\n"));
    const body = dechunked(text());
    assert.equal(body.replaceAll(": ping\n", ""), role + frame + stop + done);
    socket.destroy();
  });

  test("reads no further than a slow client takes, and ends when it takes nothing", { timeout: 20_000 }, async () => {
    let written = 0;
    upstream.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const frame = chunk({ content: "x".repeat(60_000) });
      const more = (): void => {
        while (!response.destroyed && written < 200_000_000) {
          written += frame.length;
          if (!response.write(frame)) return;
        }
      };
      response.on("drain", more);
      more();
    };
    const { socket, text } = dial({ model: "up/m", stream: true });
    await until("the first bytes", () => text().length > 0);
    socket.pause();
    const row = await until(
      "the row",
      async () => ((await lab.rows()).length > 0 && lab.plane.words[0] === 0 ? await lastRow() : undefined),
      5_000,
    );
    assert.deepEqual([row.status, row.error], [499, "client_closed_request"]);
    // What the kernel keeps for two connections, and little of ours.
    assert.ok(written < 30_000_000, `${written} bytes`);
    assert.ok(Number(row.bytes_out) < 20_000_000, `${row.bytes_out} bytes handed to a client that does not read`);
    socket.destroy();
    await until("the upstream's connection closed", () => upstream.sockets.size === 0);
  });

  test("sendBody() keeps no complete answer for a client that takes nothing", async () => {
    // More than the kernel keeps for one connection: 32 MB where its limits are wide.
    const choices = [{ index: 0, message: { content: "x".repeat(48_000_000) }, finish_reason: "stop" }];
    upstream.answer = answers({ ...completion, choices });
    const { socket, text } = dial({ model: "up/m" });
    await until("the first bytes", () => text().length > 0);
    socket.pause();
    assert.equal((await lastRow()).status, 200);
    const open = () => new Promise<number>((resolve) => lab.server.getConnections((_error, count) => resolve(count)));
    await until("its connection closed", async () => (await open()) === 0, 3_000);
    socket.destroy();
  });

  test("resumes when a slow client takes again, and every byte arrives", async () => {
    const frames = Array.from({ length: 400 }, (_, index) => chunk({ content: `${index} ${"y".repeat(20_000)}` }));
    upstream.answer = streams(role, ...frames, stop, usageChunk, done);
    const { socket, text } = dial({ model: "up/m", stream: true, stream_options: { include_usage: true } });
    await until("the first bytes", () => text().length > 0);
    for (let round = 0; round < 5; round++) {
      socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 60));
      socket.resume();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await until("the end", () => text().endsWith("0\r\n\r\n"));
    const body = dechunked(text()).replaceAll(": ping\n", ""); // a machine that is slow itself is kept alive
    assert.ok(body === [role, ...frames, stop, usageChunk, done].join(""), "byte for byte");
    const row = await lastRow();
    assert.deepEqual([row.status, row.cost_nano, row.flags], [200, 150_000, 0]);
    socket.destroy();
  });

  const leaves: readonly [when: string, stream: boolean, frames: readonly string[], seen: string | undefined][] = [
    ["before the first byte", false, [], undefined],
    ["before the first event", true, [role], undefined],
    ["after the first content", true, [role, chunk({ content: "Hel" })], "Hel"],
  ];
  for (const [when, stream, frames, seen] of leaves) {
    for (const how of ["destroy", "end"] as const) {
      test(`F13 abort() closes the upstream's connection when the client leaves ${when} by ${how}()`, async () => {
        const open = opens(...frames);
        const count = upstream.seen.length;
        upstream.answer = frames.length === 0 ? silent : open.answer;
        const before = (await lab.settled()).length;
        const { socket, text } = dial({ model: "up/m", stream });
        await until("the call", () => upstream.seen.length > count && (seen === undefined || text().includes(seen)));
        socket[how]();
        await until("the upstream's connection closed", () => upstream.sockets.size === 0);
        const row = await lastRow();
        assert.deepEqual([row.status, row.error, row.flags], [499, "client_closed_request", 1]);
        assert.ok(Number(row.cost_nano) > 0);
        assert.equal((await lab.settled()).length, before + 1);
        socket.destroy();
      });
    }
  }

  test("F13 readBody() ends with a client that leaves in the middle of its body: nothing was asked, nothing is owed", async () => {
    const count = upstream.seen.length;
    const socket = net.connect(Number(new URL(lab.url).port), "127.0.0.1");
    socket.on("error", () => {});
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nauthorization: Bearer ${key}\r\ncontent-length: 500000\r\n\r\n{"model":"up/m","x":"${"y".repeat(100_000)}`,
    );
    await until("the request", () => lab.plane.words[0] === 1);
    socket.destroy();
    const row = await lastRow();
    assert.deepEqual(
      [row.status, row.error, row.cost_nano, upstream.seen.length],
      [499, "client_closed_request", 0, count],
    );
  });

  test("a call that waits for a connection of ours is not blamed on the provider, and a client may leave while it waits", async () => {
    const count = upstream.seen.length;
    upstream.answer = silent;
    const busy = ask(false, "narrow/m");
    await until("the first call", () => upstream.seen.length > count);
    const waits = dial({ model: "narrow/m" });
    await until("the second", () => lab.plane.words[0] === 2);
    waits.socket.destroy();
    await until("the second gone", () => lab.plane.words[0] === 1);
    const left = await lastRowNow();
    assert.deepEqual([left.status, left.cost_nano], [499, 0]);
    const late = await ask(false, "narrow/m");
    assert.deepEqual([late.status, errorOf(late).code], [503, "overloaded"]);
    assert.equal((await busy).status, 504);
    assert.equal(upstream.seen.length, count + 1, "neither was sent");
  });

  test("holds no more request bytes at once than is allowed, those still being sent counted", async () => {
    const socket = net.connect(Number(new URL(lab.url).port), "127.0.0.1");
    socket.on("error", () => {});
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nauthorization: Bearer ${key}\r\ncontent-length: 31000000\r\n\r\n`;
    socket.write(`${head}{"model":"up/m","x":"${"y".repeat(30_000_000)}`);
    await until("most of a body", () => lab.plane.bodyBytes > 29_000_000);
    const text = JSON.stringify({ model: "up/m", messages: [], x: "y".repeat(6_000_000) });
    const refused = await lab.call({ key, body: text });
    assert.deepEqual([refused.status, errorOf(refused).code, refused.headers["retry-after"]], [503, "overloaded", "1"]);
    socket.destroy();
    await until("its bytes given back", () => lab.plane.bodyBytes === 0);
    assert.equal((await lab.call({ key, body: text })).status, 200);
  });

  test("reads an error body only so far", async () => {
    for (const stream of [false, true]) {
      let written = 0;
      upstream.answer = (_request, response) => {
        response.writeHead(500, { "content-type": "text/plain" });
        const more = (): void => {
          while (!response.destroyed && written < 100_000_000) {
            written += 65_536;
            if (!response.write("e".repeat(65_536))) return;
          }
        };
        response.on("drain", more);
        more();
      };
      const answer = await ask(stream);
      assert.deepEqual([answer.status, errorOf(answer).code], [502, "upstream_error"]);
      assert.ok(answer.text.length < 5_000, "and tells no more of it than a person reads");
      assert.ok(written < 20_000_000, `${written} bytes`);
    }
  });

  test("takes a whole answer for a stream, and tells it as one", async () => {
    upstream.answer = answers();
    const answer = await ask(true);
    assert.equal(answer.headers["content-type"], "text/event-stream");
    assert.match(answer.text, /"content":"Hello\."[\s\S]*"finish_reason":"stop"[\s\S]*data: \[DONE\]\n\n$/);
    const row = await lastRow();
    assert.deepEqual([row.cost_nano, row.flags, row.tokens_in], [150_000, 0, completion.usage.prompt_tokens]);
  });
});

/** The last row while other requests are still under way. */
async function lastRowNow() {
  await lab.plane.traffic.durable();
  return lab.rowsNow().at(-1)!;
}
