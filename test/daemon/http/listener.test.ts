/** The listener over real sockets: what node's parser refuses, what is no call, and who hears of what. */
import assert from "node:assert/strict";
import net from "node:net";
import { after, before, describe, test } from "node:test";
import { generic } from "../../../providers/hosts/host.ts";
import { exchange, requestText } from "../../support/raw-http.ts";
import { until } from "../../support/until.ts";
import { call, chunk, done, type Lab, role, startLab, startUpstream, stop, type Upstream } from "../pipeline/lab.ts";

let upstream: Upstream;
let lab: Lab;
before(async () => {
  upstream = await startUpstream();
  lab = await startLab({
    auth: { inference: "open" },
    server: { header_max: "8KB", request_timeout: "1s" },
    providers: { up: { base_url: `${upstream.origin}/v1`, models: ["m"], api_key: "env.SECRET" } },
  });
});
after(async () => {
  await lab?.stop();
  await upstream?.stop();
});

const host = "host: h";
const chat = (extra: object = {}) => JSON.stringify({ model: "up/m", messages: [], ...extra });
const post = (headers: readonly string[], body: string) =>
  requestText("POST", "/v1/chat/completions", [host, ...headers], body);

/** A socket that collects what comes. */
function dial(): { socket: net.Socket; text: () => string } {
  const socket = net.connect(Number(new URL(lab.url).port), "127.0.0.1");
  let text = "";
  socket.on("data", (bytes) => {
    text += bytes.toString("latin1");
  });
  socket.on("error", () => {});
  return { socket, text: () => text };
}

describe("createListener()", () => {
  const odd: readonly [what: string, text: string, status: number, code: string][] = [
    ["a length and chunks", `${post(["transfer-encoding: chunked"], "{}")}`, 400, "invalid_request"],
    [
      "two lengths",
      "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
      400,
      "invalid_request",
    ],
    [
      "a chunked that is not last",
      "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked, x\r\n\r\n0\r\n\r\n",
      400,
      "invalid_request",
    ],
    [
      "a length with a sign",
      "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: +2\r\n\r\n{}",
      400,
      "invalid_request",
    ],
    ["a space before the colon", "POST /v1/chat/completions HTTP/1.1\r\nhost : h\r\n\r\n", 400, "invalid_request"],
    ["a folded header", "GET /health HTTP/1.1\r\nhost: h\r\nx: a\r\n b\r\n\r\n", 400, "invalid_request"],
    ["a bare line feed in a value", "GET /health HTTP/1.1\r\nhost: h\r\nx: a\nb\r\n\r\n", 400, "invalid_request"],
    ["no HTTP at all", "\x16\x03\x01\x02\x00\x01\r\n\r\n", 400, "invalid_request"],
    [
      "headers above the bound",
      requestText("GET", "/health", [host, `x: ${"y".repeat(9_000)}`]),
      431,
      "headers_too_large",
    ],
  ];
  for (const [what, text, status, code] of odd) {
    test(`refuses ${what} with ${status}, an id and the end of the connection`, async () => {
      const answer = await exchange(lab.url, text);
      assert.equal(answer.status, status, answer.head);
      const { error } = JSON.parse(answer.body) as { error: { code: string; request_id: string } };
      assert.equal(error.code, code);
      assert.match(error.request_id, /^req_[0-9A-Z]{26}$/);
      assert.ok(answer.head.includes(`x-request-id: ${error.request_id}`), answer.head);
      assert.match(answer.head, /connection: close/);
    });
  }

  test("closes the socket of a client that keeps its half open after a refusal", async () => {
    const { socket, text } = dial();
    socket.allowHalfOpen = true;
    socket.write("nonsense\r\n\r\n");
    await until("the answer", () => text().includes("invalid_request"));
    await until("no connection left", async () => (await connections()) === 0, 4_000);
    socket.destroy();
  });

  test("does not write a refusal into an answer that is under way", async () => {
    let finish = () => {};
    upstream.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(role + chunk({ content: "Hel" }));
      finish = () => response.end(chunk({ content: "lo" }) + stop + done);
    };
    const { socket, text } = dial();
    socket.write(post([], chat({ stream: true })));
    await until("the first words", () => text().includes("Hel"));
    socket.write("nonsense\r\n\r\n");
    await until("the end of the connection", () => socket.destroyed || text().includes("HTTP/1.1 400"));
    assert.equal(text().split("HTTP/1.1").length, 2, text());
    finish();
    socket.destroy();
  });

  test("does not answer one request with the refusal of the next", async () => {
    let finish = () => {};
    upstream.answer = (_request, response) => {
      finish = () => response.end("{}");
    };
    const { socket, text } = dial();
    socket.write(post([], chat()));
    await until("the call", () => upstream.sockets.size > 0 && lab.plane.words[0] === 1);
    socket.write("nonsense\r\n\r\n");
    await until("the end of the connection", () => socket.destroyed || text() !== "");
    assert.equal(text(), "");
    finish();
    socket.destroy();
  });

  test("answers pipelined requests in their order, each with an id of its own", async () => {
    upstream.answer = (_request, response, { body }) => {
      const { user } = JSON.parse(body) as { user: string };
      // The first takes longer than the second.
      setTimeout(
        () => {
          response.setHeader("content-type", "application/json");
          response.end(JSON.stringify({ object: "chat.completion", choices: [], user }));
        },
        user === "one" ? 60 : 0,
      );
    };
    const { socket, text } = dial();
    socket.write(
      post([], chat({ user: "one" })) + post([], chat({ user: "two" })) + requestText("GET", "/nothing", [host]),
    );
    await until("three answers", () => text().includes("route_not_found"));
    socket.destroy();
    const statuses = [...text().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    const ids = [...text().matchAll(/x-request-id: (\S+)/g)].map(([, id]) => id);
    const users = [...text().matchAll(/"user":"(\w+)"/g)].map(([, user]) => user);
    assert.deepEqual([statuses, users, new Set(ids).size], [["200", "200", "404"], ["one", "two"], 3]);
  });

  test("tells a request that waits in a pipeline that its client has left", async () => {
    const before = (await lab.rows()).length;
    let calls = 0;
    upstream.answer = () => {
      calls++;
    };
    const { socket } = dial();
    socket.write(post([], chat()) + post([], chat()));
    await until("both calls", () => calls === 2);
    socket.destroy();
    await until("both upstream connections closed", () => upstream.sockets.size === 0, 2_000);
    const rows = (await lab.rows()).slice(before);
    assert.deepEqual(
      rows.map(({ status, error }) => [status, error]),
      [
        [499, "client_closed_request"],
        [499, "client_closed_request"],
      ],
    );
  });

  test("counts a half-closed client as gone", async () => {
    const before = (await lab.rows()).length;
    let closed = false;
    upstream.answer = (incoming) => {
      incoming.on("close", () => {
        closed = true;
      });
    };
    const { socket } = dial();
    socket.write(post([], chat()));
    await until("the call", () => lab.plane.words[0] === 1 && upstream.sockets.size > 0);
    await until("the call", () => upstream.seen.length > 0);
    socket.end();
    await until("the upstream connection closed", () => closed, 2_000);
    assert.deepEqual(
      (await lab.rows()).slice(before).map(({ status }) => status),
      [499],
    );
  });

  test("refuses a request whose body does not come in time", { timeout: 20_000 }, async () => {
    const { socket, text } = dial();
    socket.write("POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n{");
    await until("the answer", () => text().includes("\r\n\r\n"), 15_000);
    assert.match(text(), /^HTTP\/1\.1 408 [\s\S]*x-request-id: req_[\s\S]*"code":"request_timeout"/);
    socket.destroy();
    const row = (await lab.rows()).at(-1)!;
    assert.deepEqual([row.status, row.error], [499, "client_closed_request"]);
    assert.equal(lab.plane.bodyBytes, 0);
  });

  test("lets a client that asks first send its body", async () => {
    upstream.answer = (_request, response) => response.end('{"choices":[]}');
    const { socket, text } = dial();
    const body = chat();
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    await until("the go-ahead", () => text().includes("\r\n\r\n"));
    assert.equal(text(), "HTTP/1.1 100 Continue\r\n\r\n");
    socket.write(body);
    await until("the answer", () => text().includes("HTTP/1.1 200 OK"));
    assert.equal(upstream.seen.at(-1)!.headers.expect, undefined);
    socket.destroy();
  });

  test("A38 answers an odd target, host or method override as the path alone says", async () => {
    const targets: readonly [target: string, headers: readonly string[], status: number][] = [
      ["http://elsewhere/v1/models", [host], 200],
      ["//v1/models", [host], 404],
      ["/%76%31/models", [host], 404],
      ["/v1/models;x", [host], 404],
      ["/health/../v1/models", [host], 404],
      ["/v1/models", ["host: metadata.internal"], 200],
      ["/v1/chat/completions", [host, "x-http-method-override: POST", "x-http-method: POST"], 405],
      ["*", [host], 404],
    ];
    for (const [target, headers, status] of targets) {
      const answer = await exchange(lab.url, requestText("GET", target, headers));
      assert.equal(answer.status, status, target);
    }
  });

  test("answers HEAD without a body, and says what a route allows", async () => {
    const head = await call(lab.url, { method: "HEAD", path: "/v1/models" });
    assert.deepEqual([head.status, head.text, Number(head.headers["content-length"]) > 0], [200, "", true]);
    const wrong = await call(lab.url, { method: "HEAD", path: "/v1/messages" });
    assert.deepEqual([wrong.status, wrong.text, wrong.headers["allow"]], [405, "", "POST"]);
    assert.match(wrong.headers["request-id"] as string, /^req_/);
  });

  test("lists models, or one of them, and nothing under an empty name", async () => {
    const names = (text: string) => (JSON.parse(text) as { data: { id: string }[] }).data.map(({ id }) => id);
    const all = await call(lab.url, { method: "GET", path: "/v1/models" });
    assert.ok(names(all.text).includes("up/m"));
    const one = await call(lab.url, { method: "GET", path: "/v1/models/up%2Fm" });
    assert.deepEqual(JSON.parse(one.text), {
      id: "up/m",
      object: "model",
      created: 0,
      owned_by: "up",
      operations: Object.keys(generic["openai-chat"].operations),
    });
    const none = await call(lab.url, { method: "GET", path: "/v1/models/" });
    assert.equal(none.status, 404);
    const anthropic = await call(lab.url, { method: "GET", path: "/v1/models", headers: { "anthropic-version": "x" } });
    assert.deepEqual(Object.keys(JSON.parse(anthropic.text) as object), ["data", "has_more", "first_id", "last_id"]);
  });

  test("says ready until the ledger cannot be written or the daemon drains, and live always", async () => {
    const health = async (path: string) => {
      const { status, text } = await call(lab.url, { method: "GET", path });
      return [status, (JSON.parse(text) as { status: string }).status];
    };
    assert.deepEqual(await health("/health/ready"), [200, "ok"]);
    lab.plane.draining = true;
    assert.deepEqual(
      [await health("/health/ready"), await health("/health/live")],
      [
        [503, "draining"],
        [200, "ok"],
      ],
    );
    const refused = await call(lab.url, { body: { model: "up/m", messages: [] } });
    assert.deepEqual([refused.status, refused.headers["retry-after"]], [503, "1"]);
    lab.plane.draining = false;
    lab.stateFails();
    assert.deepEqual(
      [await health("/health"), await health("/health/live")],
      [
        [503, "unavailable"],
        [200, "ok"],
      ],
    );
  });
});

function connections(): Promise<number> {
  return new Promise((resolve) => lab.server.getConnections((_error, count) => resolve(count)));
}
