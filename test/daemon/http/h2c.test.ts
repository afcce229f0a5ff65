/** HTTP/2 with prior knowledge and HTTP/1.1 on one port, over real sockets. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from "node:http2";
import net from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { until } from "../../support/until.ts";
import {
  chunk,
  completion,
  done,
  type Lab,
  role,
  startLab,
  startUpstream,
  stop,
  type Upstream,
} from "../pipeline/lab.ts";

let upstream: Upstream;
let lab: Lab;
const sessions: ClientHttp2Session[] = [];
before(async () => {
  upstream = await startUpstream();
  lab = await startLab({
    server: { header_max: "8KB", request_timeout: "4s", keep_alive: "300ms" },
    providers: { up: { base_url: `${upstream.origin}/v1`, models: ["m"], api_key: "env.SECRET" } },
  });
});
afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy();
});
after(async () => {
  await lab?.stop();
  await upstream?.stop();
});

type Heard = { status: number; headers: Record<string, unknown>; text: string; closed: boolean };

function dial(): ClientHttp2Session {
  const session = connect(lab.url);
  session.on("error", () => {});
  sessions.push(session);
  return session;
}

function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string | Buffer) {
  const heard: Heard = { status: 0, headers: {}, text: "", closed: false };
  const stream = session.request(
    { ":method": "POST", ":path": "/v1/chat/completions", ...headers },
    { endStream: false },
  );
  stream.on("response", (head) => {
    heard.status = head[":status"] ?? 0;
    heard.headers = head;
  });
  stream.setEncoding("utf8").on("data", (part: string) => {
    heard.text += part;
  });
  stream.on("error", () => {});
  stream.on("close", () => {
    heard.closed = true;
  });
  if (body !== undefined) stream.end(body);
  return { stream, heard };
}

async function whole(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body: string | Buffer): Promise<Heard> {
  const { heard } = ask(session, headers, body);
  await until("the end of the stream", () => heard.closed, 20_000);
  return heard;
}

const chat = (extra: object = {}) => JSON.stringify({ model: "up/m", messages: [], ...extra });

describe("serveH2c()", () => {
  test("serves a call whose connection begins with the preface, cut at every byte", async () => {
    upstream.answer = (_request, response) => response.end(JSON.stringify(completion));
    const key = lab.createKey();
    const heard = await whole(dial(), { authorization: `Bearer ${key}`, "content-type": "application/json" }, chat());
    assert.deepEqual([heard.status, JSON.parse(heard.text)], [200, completion]);
    const sent = upstream.seen.at(-1)!.headers;
    assert.deepEqual(
      Object.keys(sent).filter((name) => name.startsWith(":")),
      [],
    );
    // A raw socket: three bytes of the preface, one by one.
    const socket = net.connect(Number(new URL(lab.url).port), "127.0.0.1");
    socket.setNoDelay(true);
    let bytes = Buffer.alloc(0);
    socket.on("data", (more) => {
      bytes = Buffer.concat([bytes, more]);
    });
    for (const byte of "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0") {
      socket.write(byte, "latin1");
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until("the server's settings frame", () => bytes.length >= 9 && bytes[3] === 4);
    socket.destroy();
    // The same in HTTP/1.1.
    const first = net.connect(Number(new URL(lab.url).port), "127.0.0.1");
    let text = "";
    first.on("data", (more) => {
      text += more;
    });
    for (const byte of "PROPFIND /health/live HTTP/1.1\r\nhost: h\r\n\r\n") {
      first.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until("an answer in HTTP/1.1", () => text.startsWith("HTTP/1.1 405"));
    first.destroy();
  });

  test("carries large bodies up and streams down, many at once on one connection", async () => {
    upstream.answer = (_request, response, { body }) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(role);
      response.write(chunk({ content: String(body.length) }));
      response.end(stop + done);
    };
    const session = dial();
    const key = lab.createKey();
    const pad = "x".repeat(300_000);
    const all = await Promise.all(
      Array.from({ length: 20 }, () =>
        whole(session, { authorization: `Bearer ${key}` }, chat({ stream: true, user: pad })),
      ),
    );
    for (const heard of all) {
      assert.equal(heard.status, 200);
      assert.match(heard.text, /"content":"30\d{4}"[\s\S]*data: \[DONE\]\n\n$/);
    }
    assert.equal(lab.plane.bodyBytes, 0);
  });

  test("waits for a client that does not read, and goes on when it does", async () => {
    const frame = chunk({ content: "y".repeat(16_000) });
    let written = 0;
    upstream.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const more = (): void => {
        while (written < 1_000) {
          written++;
          if (!response.write(frame)) return void response.once("drain", more);
        }
        response.end(stop + done);
      };
      more();
    };
    const { stream, heard } = ask(dial(), { authorization: `Bearer ${lab.createKey()}` }, chat({ stream: true }));
    stream.pause();
    await until("the upstream to be held", async () => {
      const before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return before > 0 && before === written;
    });
    assert.ok(written < 1_000, `${written} frames of 16 KB were taken for a client that reads nothing`);
    stream.resume();
    await until("the rest", () => heard.closed, 10_000);
    // Every byte: of a string that waits, node's HTTP/2 has been seen to send what the memory held later.
    assert.ok(heard.text === frame.repeat(1_000) + stop + done, `${heard.text.length} characters`);
  });

  test("ends the provider's call when a stream is reset, and the others go on", async () => {
    const open = new Set<string>();
    upstream.answer = (request, response, { body }) => {
      const { user } = JSON.parse(body) as { user: string };
      open.add(user);
      response.on("close", () => open.delete(user));
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(role + chunk({ content: "Hel" }));
      request.resume();
    };
    const session = dial();
    const authorization = `Bearer ${lab.createKey()}`;
    const one = ask(session, { authorization }, chat({ stream: true, user: "one" }));
    const two = ask(session, { authorization }, chat({ stream: true, user: "two" }));
    await until("both streams", () => one.heard.text.includes("Hel") && two.heard.text.includes("Hel"), 20_000);
    one.stream.close(8);
    await until("the call of the one that left to end", () => !open.has("one"));
    assert.deepEqual([...open], ["two"]);
    session.destroy();
    await until("the other to end with its connection", () => open.size === 0);
    const rows = (await lab.rows()).slice(-2);
    assert.deepEqual(
      rows.map(({ status }) => status),
      [499, 499],
    );
  });

  test("A38 decides on the bytes of the path and on the key, whatever else is said", async () => {
    const session = dial();
    const key = lab.createKey();
    upstream.answer = (_request, response) => response.end(JSON.stringify(completion));
    const cases: readonly [headers: OutgoingHttpHeaders, status: number][] = [
      [{}, 401],
      [{ "x-http-method-override": "GET", "x-original-url": "/health" }, 401],
      [{ ":path": "/v1/../v1/chat/completions" }, 404],
      [{ ":path": "/v1/chat/completions/" }, 404],
      [{ ":path": "/v1%2fchat/completions" }, 404],
      [{ ":path": "//v1/chat/completions" }, 404],
      [{ ":path": "/health/live;/v1/chat/completions" }, 404],
      [{ ":authority": "evil.example" }, 401],
      [{ ":authority": "evil.example", authorization: `Bearer ${key}` }, 200],
      [{ ":path": "/v1/chat/completions?x=/health", authorization: `Bearer ${key}` }, 200],
      [{ ":method": "GET" }, 405],
      [{ ":method": "OPTIONS" }, 204],
      [{ "x-api-key": key }, 200],
    ];
    for (const [headers, status] of cases) {
      const heard = await whole(session, headers, headers[":method"] === "GET" ? "" : chat());
      assert.equal(heard.status, status, JSON.stringify(headers));
    }
    await until("a head above the bound to end the stream", async () => {
      const long = ask(session, { "x-long": "y".repeat(20_000) }, "");
      await until("the end", () => long.heard.closed);
      return long.heard.status === 0 || long.heard.status === 431;
    });
  });

  test("refuses a body that does not come in time, and keeps nothing of it", async () => {
    const session = dial();
    const { stream, heard } = ask(session, { authorization: `Bearer ${lab.createKey()}` });
    (stream as ClientHttp2Stream).write("{");
    await until("the answer", () => heard.closed, 30_000);
    assert.equal(heard.status, 408);
    assert.match(heard.text, /"code":"request_timeout"/);
    await lab.rows();
    assert.equal(lab.plane.bodyBytes, 0);
  });

  test("closes a connection on which nothing is asked, in either protocol", async () => {
    const session = dial();
    await until("the end of the idle connection", () => session.closed || session.destroyed, 5_000);
    const socket = net.connect(Number(new URL(lab.url).port), "127.0.0.1");
    socket.on("error", () => {});
    await until("the end of a connection that says nothing", () => socket.destroyed || socket.readableEnded, 5_000);
    socket.destroy();
  });
});

test("serveH2c() loads node's HTTP/2 with the first connection that speaks it", async () => {
  const script = `
    const { serveH2c } = await import(${JSON.stringify(new URL("../../../daemon/http/h2c.ts", import.meta.url).href)});
    const server = process.getBuiltinModule("node:http").createServer((_, response) => response.end());
    const limits = { headerBytesMax: 8_192, keepAliveMs: 1_000, headMs: 1_000, requestReadMs: 1_000 };
    const second = serveH2c(server, limits, (_, response) => response.end(), () => {});
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const isLoaded = () => process.moduleLoadList.includes("NativeModule http2");
    const say = (bytes) => new Promise((resolve) => {
      const socket = process.getBuiltinModule("node:net").connect(server.address().port, "127.0.0.1");
      socket.on("data", () => resolve(isLoaded()));
      socket.write(bytes);
    });
    const first = await say("GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n");
    console.log(first, await say("PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n\\0\\0\\0\\x04\\0\\0\\0\\0\\0"));
    process.exit();`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
  assert.equal(stdout, "false true\n");
});
