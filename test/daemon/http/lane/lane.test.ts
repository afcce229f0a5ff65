/** The lane over real sockets: what it answers itself, when a connection leaves it, and that the client cannot tell. */
import assert from "node:assert/strict";
import * as diagnostics from "node:diagnostics_channel";
import { createServer } from "node:http";
import net from "node:net";
import { after, before, test } from "node:test";
import { openLane } from "../../../../daemon/http/lane/lane.ts";
import { requestText } from "../../../support/raw-http.ts";
import { pause, until } from "../../../support/until.ts";
import { type Lab, startLab, startUpstream, type Upstream } from "../../pipeline/lab.ts";

let upstream: Upstream;
let lab: Lab;
before(async () => {
  upstream = await startUpstream((_request, response, { body }) => {
    response.setHeader("content-type", "application/json");
    const choices = [{ index: 0, message: { role: "assistant", content: "so" }, finish_reason: "stop" }];
    response.end(JSON.stringify({ object: "chat.completion", choices, user: JSON.parse(body).user as string }));
  });
  lab = await startLab({
    auth: { inference: "open" },
    providers: { up: { base_url: `${upstream.origin}/v1`, models: ["m"], api_key: "env.SECRET" } },
  });
});
after(async () => {
  await lab?.stop();
  await upstream?.stop();
});

const body = (user: string, more = "") => JSON.stringify({ model: "up/m", messages: [], user, more });
const post = (user: string, headers: readonly string[] = [], more = "") =>
  requestText("POST", "/v1/chat/completions", ["host: h", ...headers], body(user, more));

function dial(): { socket: net.Socket; text: () => string; users: () => (string | undefined)[] } {
  const socket = net.connect(Number(new URL(lab.url).port), "127.0.0.1");
  socket.setNoDelay(true);
  let text = "";
  socket.on("error", () => {});
  socket.on("data", (bytes) => {
    text += bytes.toString("latin1");
  });
  return { socket, text: () => text, users: () => [...text.matchAll(/"user":"(\w*)"/g)].map(([, user]) => user) };
}

test("openLane() answers one request after the other on a kept connection", async () => {
  const { socket, text, users } = dial();
  for (const user of ["one", "two", "three"]) {
    socket.write(post(user));
    await until(user, () => users().includes(user));
  }
  socket.destroy();
  assert.deepEqual(users(), ["one", "two", "three"]);
  assert.equal(text().match(/Connection: keep-alive\r\nKeep-Alive: timeout=\d+\r\n/g)?.length, 3);
  assert.equal(text().match(/Date: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\n/g)?.length, 3);
});

test("openLane() answers calls whose path names the model", async () => {
  const byNode: string[] = [];
  const note = (message: unknown) => byNode.push((message as { request: { url: string } }).request.url);
  diagnostics.subscribe("http.server.request.start", note);
  const { socket, text } = dial();
  const told = () => text().match(/HTTP\/1\.1 200 /g)?.length ?? 0;
  const words = [{ text: "hi" }];
  const asked: readonly [path: string, body: object][] = [
    ["/v1beta/models/up/m:generateContent", { contents: [{ parts: words }] }],
    ["/genai/v1beta/models/up%2Fm:generateContent", { contents: [{ parts: words }] }],
    ["/model/up%2Fm/converse", { messages: [{ role: "user", content: words }] }],
  ];
  try {
    for (const [count, [path, question]] of asked.entries()) {
      socket.write(requestText("POST", path, ["host: h"], JSON.stringify(question)));
      await until(`the answer at ${path}`, () => told() === count + 1);
    }
    assert.deepEqual(
      upstream.seen.slice(-3).map(({ body }) => (JSON.parse(body) as { model: string }).model),
      ["m", "m", "m"],
    );
    assert.deepEqual(
      byNode.filter((url) => asked.some(([path]) => path === url)),
      [],
    );
  } finally {
    diagnostics.unsubscribe("http.server.request.start", note);
    socket.destroy();
  }
});

test("openLane() takes a request cut at every byte as it takes it whole", async () => {
  const request = post("cut");
  for (let cut = 1; cut < request.length; cut += 1) {
    const { socket, users } = dial();
    socket.write(request.slice(0, cut));
    await new Promise((resolve) => setImmediate(resolve));
    socket.write(request.slice(cut));
    await until(`the answer to a request cut at ${cut}`, () => users().includes("cut"));
    socket.destroy();
  }
});

test("openLane() answers a request that comes while another is served, afterwards", async () => {
  const { socket, users } = dial();
  const before = upstream.seen.length;
  socket.write(post("one"));
  await until("the first call", () => upstream.seen.length > before || users().length > 0);
  socket.write(post("two"));
  socket.write(post("three").slice(0, 40));
  socket.write(post("three").slice(40));
  await until("three answers", () => users().length === 3);
  assert.deepEqual(users(), ["one", "two", "three"]);
  socket.destroy();
});

test("openLane() hands a connection over at any time, and the client cannot tell", async () => {
  const unusual: readonly [what: string, text: string, mark: string][] = [
    ["another route", requestText("GET", "/health/live", ["host: h"]), '"status":"ok"'],
    [
      "a chunked body",
      `POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n${body("odd").length.toString(16)}\r\n${body("odd")}\r\n0\r\n\r\n`,
      '"user":"odd"',
    ],
    ["two at once", post("odd") + post("even"), '"user":"even"'],
    ["a large body", post("odd", [], "x".repeat(300_000)), '"user":"odd"'],
    ["an empty line first", `\r\n${post("odd")}`, '"user":"odd"'],
    ["no HTTP", "GARBAGE\r\n\r\n", "invalid_request"],
  ];
  for (const [what, bytes, mark] of unusual) {
    const { socket, text, users } = dial();
    socket.write(post("first"));
    await until("the first answer", () => users().includes("first"));
    socket.write(bytes);
    await until(what, () => text().includes(mark));
    if (mark !== "invalid_request") {
      socket.write(post("last"));
      await until(`an answer after ${what}`, () => users().includes("last"));
    }
    socket.destroy();
  }
});

test("openLane() ends a connection with its answer when the daemon drains", async () => {
  const { socket, text } = dial();
  socket.write(post("one"));
  await until("an answer", () => text().includes('"user":"one"'));
  lab.plane.draining = true;
  try {
    socket.write(post("two"));
    await until("the end", () => socket.readableEnded || socket.destroyed);
    assert.match(text(), /HTTP\/1\.1 503 [\s\S]*connection: close\r\n/);
  } finally {
    lab.plane.draining = false;
    socket.destroy();
  }
});

test("openLane() ends no silent connection before its time, whenever it came", async (t) => {
  const server = createServer();
  openLane(server, {
    callOf: () => undefined,
    serve: () => assert.fail("nobody asks"),
    mayKeep: () => true,
    keepAliveMs: 1_000,
    headMs: 1_000,
    bodyBytesMax: () => 1_000,
    headBytesMax: 1_000,
  });
  const livedMs: number[] = [];
  server.on("connection", (socket: net.Socket) => {
    const since = performance.now();
    socket.on("close", () => livedMs.push(performance.now() - since));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as net.AddressInfo;
  const count = 25;
  // Over more than one of the lane's looks at its connections, so that some come right before one.
  for (let index = 0; index < count; index++) {
    net.connect(port, "127.0.0.1").on("error", () => {});
    await pause(50);
  }
  await until("the end of all", () => livedMs.length === count, 30_000);
  const early = livedMs.filter((ms) => ms < 990); // a timer may be early by its own unit
  assert.deepEqual(early, []);
});
