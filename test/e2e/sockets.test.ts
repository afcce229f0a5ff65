/** What happens to a WebSocket that stays open while keys and budgets change, over a real daemon. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import type { KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

let provider: Server;
let sessions: WebSocketServer;
let daemon: Daemon;
const heard: string[] = [];
const proofs: (string | undefined)[] = [];
/** A turn is not ended until this is. */
let turnEnds = Promise.resolve();

const config = (secret: string) => ({
  ledger: patientLedger,
  providers: {
    live: {
      base_url: `http://127.0.0.1:${(provider.address() as AddressInfo).port}/v1`,
      models: ["voice"],
      api_key: `env.${secret}`,
    },
    // By weight it is always the first.
    pair: {
      base_url: `http://127.0.0.1:${(provider.address() as AddressInfo).port}/v1`,
      models: ["voice"],
      keys: [
        { name: "heavy", value: "env.FIRST", weight: 1_000_000 },
        { name: "light", value: "env.SECOND", weight: 1 },
      ],
    },
  },
  prices: { "live/*": { input: 500, output: 1_000 } },
});

before(async () => {
  provider = createServer();
  sessions = new WebSocketServer({ server: provider });
  sessions.on("connection", (socket, request) => {
    proofs.push(request.headers.authorization);
    socket.on("message", async (data) => {
      heard.push(data.toString());
      const { type, event_id: event = "r" } = JSON.parse(data.toString()) as { type: string; event_id?: string };
      if (type !== "response.create") return;
      if (event === "unwanted") {
        const error = { type: "invalid_request_error", code: "conversation_already_has_active_response" };
        socket.send(JSON.stringify({ type: "error", error: { ...error, event_id: event } }));
        return;
      }
      socket.send(JSON.stringify({ type: "response.created", response: { id: event } }));
      await turnEnds;
      const usage = { input_tokens: 10, output_tokens: event === "short" ? 1 : 1_000 };
      socket.send(JSON.stringify({ type: "response.done", response: { id: event, usage } }));
    });
  });
  await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", resolve));
  daemon = await startDaemon({ env: { FIRST: "first-secret", SECOND: "second-secret" }, config: config("FIRST") });
});
after(async () => {
  for (const socket of sessions.clients) socket.terminate();
  provider?.close();
  await daemon?.stop();
});

type Session = {
  readonly socket: WebSocket;
  readonly types: string[];
  readonly codes: string[];
  closed?: [number, string];
};

async function dial(path: string, secret: string): Promise<Session> {
  const socket = new WebSocket(daemon.url.replace("http", "ws") + path, {
    headers: { authorization: `Bearer ${secret}` },
  });
  const session: Session = { socket, types: [], codes: [] };
  socket.on("message", (data) => {
    const { type, error } = JSON.parse(data.toString()) as { type: string; error?: { code: string } };
    session.types.push(type);
    if (error !== undefined) session.codes.push(error.code);
  });
  socket.on("close", (code, reason) => {
    session.closed = [code, reason.toString()];
  });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return session;
}

const realtime = "/v1/realtime?model=live/voice";
let names = 0;
const makeKey = (more: object = {}) =>
  daemon.admin<KeySecretAnswer>("POST", "/api/keys", { name: `socket-${names++}`, ...more });
const turns = ({ types }: Session) => types.filter((type) => type === "response.done").length;

for (const path of [realtime, "/v1/responses"]) {
  test(`a revoked key ends ${path} while nothing is said, and says why`, async () => {
    const { key, secret } = await makeKey();
    const session = await dial(path, secret);
    await daemon.admin("DELETE", `/api/keys/${key.id}`);
    await until("the end", () => session.closed !== undefined);
    assert.deepEqual([session.closed, session.codes], [[1008, "blocked_api_key"], ["blocked_api_key"]]);
  });
}

test("a turn that was begun with a key which is revoked then is finished and paid; there is no next one", async () => {
  const { key, secret } = await makeKey();
  const session = await dial(realtime, secret);
  let finish = (): void => {};
  turnEnds = new Promise((resolve) => {
    finish = resolve;
  });
  session.socket.send('{"type":"response.create"}');
  await until("the turn", () => session.types.includes("response.created"));
  await daemon.admin("DELETE", `/api/keys/${key.id}`);
  const begun = heard.length;
  // Two looks at the key pass by.
  await new Promise((resolve) => setTimeout(resolve, 2_200));
  assert.equal(session.closed, undefined);
  finish();
  turnEnds = Promise.resolve();
  await until("the end", () => session.closed !== undefined);
  assert.deepEqual([turns(session), session.closed, heard.length], [1, [1008, "blocked_api_key"], begun]);
});

test("a key that may not ask for sessions opens none, and one that may no longer begins no turn", async () => {
  const refused = async (bounds: object) => {
    const { secret } = await makeKey(bounds);
    const session = await dial(realtime, secret);
    await until("the end", () => session.closed !== undefined);
    return session.codes;
  };
  assert.deepEqual(await refused({ operations: ["chat"] }), ["permission_denied"]);
  assert.deepEqual(await refused({ required: ["user"] }), ["permission_denied"], "a session cannot say it");
  const { key, secret } = await makeKey({ operations: ["realtime"], aliases: { mouth: "live/voice" } });
  const session = await dial("/v1/realtime?model=mouth", secret);
  session.socket.send('{"type":"response.create"}');
  await until("a turn", () => turns(session) === 1);
  await daemon.admin("PATCH", `/api/keys/${key.id}`, { operations: ["chat"] });
  session.socket.send('{"type":"response.create"}');
  await until("the end", () => session.closed !== undefined);
  assert.deepEqual([turns(session), session.codes], [1, ["permission_denied"]]);
});

test("a rotated key's old secret keeps its session until the grace ends", async () => {
  const { key, secret } = await makeKey();
  const session = await dial(realtime, secret);
  await daemon.admin("POST", `/api/keys/${key.id}/rotate`, { grace_ms: 2_500 });
  session.socket.send('{"type":"response.create"}');
  await until("a turn within the grace", () => turns(session) === 1);
  await until("the end", () => session.closed !== undefined);
  assert.deepEqual(session.closed, [1008, "expired_api_key"]);
});

test("a budget that a turn has used up ends the session before the next", async () => {
  // A turn costs a dollar.
  const { secret } = await makeKey({
    budgets: [{ limit_nano: 10_000_000_000, window: { kind: "rolling", length_ms: 86_400_000 } }],
  });
  const session = await dial(realtime, secret);
  for (let turn = 1; session.closed === undefined && turn <= 12; turn++) {
    session.socket.send('{"type":"response.create"}');
    await until("an answer", () => turns(session) === turn || session.closed !== undefined);
  }
  assert.deepEqual([session.closed, session.codes], [[1008, "budget_exceeded"], ["budget_exceeded"]]);
  assert.ok(turns(session) >= 1, "the first turns were served");
});

test("of several responses asked for at once each is paid for before the provider hears of it", async () => {
  // What is held for a turn is a little over a dollar.
  const budgets = [{ limit_nano: 2_200_000_000, window: { kind: "rolling", length_ms: 86_400_000 } }];
  const { secret } = await makeKey({ budgets });
  const session = await dial(realtime, secret);
  session.socket.send('{"type":"input_audio_buffer.clear"}');
  await until("the provider's side", () => heard.at(-1)?.includes("clear") === true);
  const begun = heard.length;
  let finish = (): void => {};
  turnEnds = new Promise((resolve) => {
    finish = resolve;
  });
  for (const event of ["one", "two", "three"])
    session.socket.send(JSON.stringify({ type: "response.create", event_id: event }));
  await until("the end", () => session.closed !== undefined);
  finish();
  turnEnds = Promise.resolve();
  assert.deepEqual([session.closed, session.codes], [[1008, "budget_exceeded"], ["budget_exceeded"]]);
  assert.deepEqual(
    heard.slice(begun).map((text) => (JSON.parse(text) as { event_id: string }).event_id),
    ["one", "two"],
  );
});

test("a response that the provider refuses costs nothing, and each other what it told itself", async () => {
  const { key, secret } = await makeKey();
  const session = await dial(realtime, secret);
  let finish = (): void => {};
  turnEnds = new Promise((resolve) => {
    finish = resolve;
  });
  for (const event of ["long", "unwanted", "short"])
    session.socket.send(JSON.stringify({ type: "response.create", event_id: event }));
  await until("the two that begin", () => session.types.filter((type) => type === "response.created").length === 2);
  finish();
  turnEnds = Promise.resolve();
  await until("the two ends", () => turns(session) === 2);
  type Row = { readonly key: string; readonly status: number; readonly cost_nano: number };
  const paid = async () => {
    const { rows } = await daemon.admin<{ rows: Row[] }>("GET", "/api/logs?limit=50");
    return rows
      .filter((row) => row.key === key.id)
      .map(({ status, cost_nano: cost }) => `${status} ${cost}`)
      .sort();
  };
  await until("the rows", async () => (await paid()).length === 3);
  assert.deepEqual(await paid(), ["200 1005000000", "200 6000000", "400 0"]);
  session.socket.close();
});

test("a key that may use one credential of a provider uses no other, whatever it asks for", async () => {
  const ask = async (secret: string, method: string, path: string, more: Readonly<Record<string, string>> = {}) => {
    const headers = { authorization: `Bearer ${secret}`, "content-type": "application/json", ...more };
    const body = method === "GET" ? null : '{"model":"voice"}';
    const before = proofs.length;
    await (await fetch(daemon.url + path, { method, headers, body })).text();
    return proofs.slice(before);
  };
  const talk = async (secret: string) => {
    const before = proofs.length;
    const { socket } = await dial("/v1/realtime?model=pair/voice", secret);
    await until("the provider's side", () => proofs.length > before);
    socket.close();
    return proofs.slice(before);
  };
  provider.on("request", (request, response) => {
    proofs.push(request.headers.authorization);
    response.writeHead(200, { "content-type": "application/json" }).end('{"object":"list","data":[]}');
  });
  const free = await makeKey({ providers: [{ provider: "pair", models: ["*"] }] });
  const bound = await makeKey({ providers: [{ provider: "pair", models: ["*"], credentials: ["light"] }] });
  const [heavy, light] = ["Bearer first-secret", "Bearer second-secret"];
  const calls = [
    ["GET", "/v1/files?provider=pair"],
    ["POST", "/passthrough/pair/v1/anything"],
  ] as const;
  for (const [method, path] of calls) {
    assert.deepEqual(await ask(free.secret, method, path), [heavy], path);
    assert.deepEqual(await ask(free.secret, method, path, { "x-bf-api-key": "light" }), [light], path);
    assert.deepEqual(await ask(bound.secret, method, path), [light], path);
    assert.deepEqual(await ask(bound.secret, method, path, { "x-bf-api-key": "heavy" }), [], path);
  }
  assert.deepEqual([await talk(free.secret), await talk(bound.secret)], [[heavy], [light]]);
});

test("a provider's new key is used by the next session, and the open one goes on with the old", async () => {
  const { secret } = await makeKey();
  const session = await dial(realtime, secret);
  session.socket.send('{"type":"response.create"}');
  await until("a turn", () => turns(session) === 1);
  daemon.writeConfig(config("SECOND"));
  assert.equal((await daemon.cli("reload")).code, 0);
  session.socket.send('{"type":"response.create"}');
  await until("another turn", () => turns(session) === 2);
  const next = await dial(realtime, secret);
  next.socket.send('{"type":"response.create"}');
  await until("a turn", () => turns(next) === 1);
  assert.deepEqual(proofs.slice(-2), ["Bearer first-secret", "Bearer second-secret"]);
  for (const { socket } of [session, next]) socket.close();
});
