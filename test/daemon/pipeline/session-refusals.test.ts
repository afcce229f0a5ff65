/** A provider that answers a session's handshake with a status is judged as if it had answered a request so. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { until } from "../../support/until.ts";
import { type Lab, startLab } from "./lab.ts";

/** What is said in place of a session; undefined: it is opened. */
type Refusal = {
  readonly status: number;
  readonly body?: unknown;
  readonly waitS?: number;
  readonly isUnending?: true;
};
type Provider = { readonly server: Server; refuse: (key: string) => Refusal | undefined; readonly keys: string[] };
type Told = {
  readonly code: string;
  readonly status: number;
  readonly message: string;
  readonly retryAfterMs: number | undefined;
};

const reject = (message: string) => ({ error: { message, type: "invalid_request_error" } });

const connections = new Set<Socket>();
let down: Provider;
let good: Provider;
let lab: Lab;
let key: string;

async function startProvider(): Promise<Provider> {
  const server = createServer();
  const provider: Provider = { server, refuse: () => undefined, keys: [] };
  const sockets = new WebSocketServer({ noServer: true });
  server.on("connection", (socket) => connections.add(socket));
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const { "x-goog-api-key": google, authorization } = request.headers;
    const used = String(google ?? authorization).replace("Bearer ", "");
    provider.keys.push(used);
    const refusal = provider.refuse(used);
    if (refusal === undefined) {
      sockets.handleUpgrade(request, socket, head, (opened) =>
        opened.on("message", (data) => {
          const isLive = data.toString().includes('"setup"');
          if (isLive) opened.send('{"setupComplete":{}}');
          if (isLive || !data.toString().includes("response.create")) return;
          opened.send('{"type":"response.created","response":{"id":"r1"}}');
          opened.send('{"type":"response.done","response":{"id":"r1","usage":{"input_tokens":1,"output_tokens":1}}}');
        }),
      );
      return;
    }
    const { status, body = "", waitS, isUnending } = refusal;
    const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
    const wait = waitS === undefined ? "" : `retry-after: ${waitS}\r\n`;
    socket.on("error", () => undefined);
    socket.write(`HTTP/1.1 ${status} No\r\n${wait}content-length: ${bytes.length + (isUnending ? 1 : 0)}\r\n\r\n`);
    socket.write(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return provider;
}

before(async () => {
  [down, good] = [await startProvider(), await startProvider()];
  const to = ({ server }: Provider, path: string) => {
    return { base_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, models: ["voice"] };
  };
  const two = {
    keys: [
      { value: "env.REVOKED", weight: 1_000_000 },
      { value: "env.SECRET", weight: 1 },
    ],
  };
  const [google, one] = [{ dialect: "gemini" }, { api_key: "env.SECRET" }];
  lab = await startLab({
    providers: {
      down: { ...to(down, "/v1"), ...two },
      good: { ...to(good, "/v1"), ...one },
      "g-down": { ...to(down, "/v1beta"), ...google, ...two },
      "g-good": { ...to(good, "/v1beta"), ...google, ...one },
    },
    fallbacks: { "down/voice": "good/voice", "g-down/voice": "g-good/voice" },
    routing: { breaker: { failures: 2 } },
  });
  key = lab.createKey();
});
beforeEach(() => {
  for (const provider of [down, good]) {
    provider.refuse = () => undefined;
    provider.keys.length = 0;
  }
});
after(async () => {
  await lab?.stop();
  for (const { server } of [down, good]) server.close();
  for (const socket of connections) socket.destroy();
});

type Kind = "realtime" | "live";
const live = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
const targetOf = (kind: Kind, name: "down" | "good") => `${kind === "live" ? "g-" : ""}${name}/voice`;

/** What ended a session before anybody had opened it; undefined: somebody has. */
async function session(kind: Kind, headers: Record<string, string> = {}): Promise<Told | undefined> {
  const path = kind === "live" ? live : `/v1/realtime?model=${targetOf(kind, "down")}`;
  const socket = new WebSocket(lab.url.replace("http", "ws") + path, {
    headers: { authorization: `Bearer ${key}`, ...headers },
  });
  const heard: string[] = [];
  let isClosed = false;
  socket.on("message", (data) => heard.push(data.toString()));
  socket.on("close", () => {
    isClosed = true;
  });
  const first =
    kind === "live" ? { setup: { model: `models/${targetOf(kind, "down")}` } } : { type: "response.create" };
  socket.on("open", () => socket.send(JSON.stringify(first)));
  const isThere = (text: string) => text.includes("setupComplete") || text.includes("response.done");
  await until("an answer, or the end", () => isClosed || heard.some(isThere));
  socket.terminate();
  return isClosed ? toldBy(kind, JSON.parse(heard.at(-1)!) as Failure) : undefined;
}

type Failure = {
  readonly status: number;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly retry_after_ms?: number;
    readonly details?: readonly [{ readonly reason: string; readonly metadata: Record<string, string> }];
  };
};

function toldBy(kind: Kind, { error, status }: Failure): Told {
  const { message } = error;
  if (kind === "realtime") return { code: error.code, status, message, retryAfterMs: error.retry_after_ms };
  const [{ reason, metadata }] = error.details!;
  const waitMs = metadata["retry_after_ms"];
  return {
    code: reason.toLowerCase(),
    status,
    message,
    retryAfterMs: waitMs === undefined ? undefined : Number(waitMs),
  };
}

const stateOf = (kind: Kind): string => {
  const { table, breaker } = lab.plane.routing;
  return breaker.state(table.find(targetOf(kind, "down")), Date.now());
};

for (const kind of ["realtime", "live"] as const) {
  test(`openSession() ends a ${kind} session that a provider calls wrong, and asks nobody else`, async () => {
    down.refuse = () => ({ status: 400, body: reject("no such voice; asked with upstream-secret") });
    for (let count = 0; count < 3; count++)
      assert.deepEqual(await session(kind), {
        code: "upstream_rejected",
        status: 400,
        message: "no such voice; asked with [our credential]",
        retryAfterMs: undefined,
      });
    assert.deepEqual([down.keys.length, good.keys.length, stateOf(kind)], [3, 0, "closed"]);
  });

  test(`openSession() asks the next place at once for a ${kind} session whose model the first does not have`, async () => {
    down.refuse = () => ({ status: 404, body: reject("no such model") });
    for (let count = 0; count < 3; count++) assert.equal(await session(kind), undefined);
    assert.deepEqual([down.keys.length, good.keys.length, stateOf(kind)], [3, 3, "closed"]);
    const told = await session(kind, { "x-bifrost-fallbacks": "off" });
    assert.deepEqual([told?.code, told?.status], ["upstream_rejected", 404]);
  });

  for (const status of [401, 403])
    test(`openSession() opens a ${kind} session with another key where one is refused with ${status}`, async () => {
      down.refuse = (used) =>
        used === "revoked-secret" ? { status, body: reject("bad key revoked-secret") } : undefined;
      assert.equal(await session(kind), undefined);
      assert.deepEqual([down.keys, good.keys.length], [["revoked-secret", "upstream-secret"], 0]);
      down.refuse = () => ({ status, body: reject("bad key") });
      for (let count = 0; count < 3; count++)
        assert.deepEqual(await session(kind, { "x-bifrost-fallbacks": "off" }), {
          code: "upstream_credential",
          status: 502,
          message: `${targetOf(kind, "down").split("/")[0]} refused the gateway's own credential (${status}); check it in the config`,
          retryAfterMs: undefined,
        });
      assert.equal(stateOf(kind), "closed");
    });

  test(`openSession() waits for no more of a refusal of a ${kind} session than connecting may take`, async () => {
    down.refuse = () => ({ status: 404, body: "half", isUnending: true });
    const told = await session(kind, { "x-bifrost-fallbacks": "off", "x-bifrost-connect-timeout": "0.2" });
    assert.deepEqual([told?.code, told?.status, told?.message], ["upstream_rejected", 404, "half"]);
  });

  test(`openSession() goes on to a fallback of a ${kind} session while no socket has opened`, async () => {
    down.refuse = () => ({ status: 503, body: reject("busy") });
    assert.equal(await session(kind), undefined);
    assert.equal(good.keys.length, 1);
    const row = (await lab.rows()).at(-1)!;
    const trail = new RegExp(`"${targetOf(kind, "down")}".*"upstream_overloaded"`);
    // A session of Gemini's has no turn yet, and so no row.
    if (kind === "realtime") assert.match(String(row["attempts"]), trail);
  });

  test(`openSession() lets keys rest for as long as a provider asks at a ${kind} session's handshake`, async () => {
    down.refuse = () => ({ status: 429, waitS: 60, body: reject("slow down") });
    const told = await session(kind, { "x-bifrost-fallbacks": "off" });
    assert.deepEqual([told?.code, told?.status, told?.message], ["rate_limit_exceeded", 429, "slow down"]);
    assert.ok(told!.retryAfterMs! > 50_000 && told!.retryAfterMs! <= 60_000);
    assert.deepEqual(down.keys.toSorted(), ["revoked-secret", "upstream-secret"]);
    // Both rest: the provider is not asked, and the next place is.
    assert.equal(await session(kind), undefined);
    assert.deepEqual([down.keys.length, good.keys.length], [2, 1]);
  });
}
