/** Secrets for browsers that open one realtime session, by OpenAI's own SDK. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { WebSocket, WebSocketServer } from "ws";
import type { KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

let provider: Server;
let sessions: WebSocketServer;
let daemon: Daemon;
const heard: string[] = [];
const called: string[] = [];

before(async () => {
  provider = createServer((request, response) => {
    called.push(request.url!);
    response.end('{"client_secret":{"value":"ek_of_the_provider"}}');
  });
  sessions = new WebSocketServer({ server: provider });
  sessions.on("connection", (socket) => {
    socket.on("message", (data) => {
      heard.push(data.toString());
      if (!data.toString().includes("response.create")) return;
      socket.send('{"type":"response.created","response":{"id":"r"}}');
      socket.send('{"type":"response.done","response":{"usage":{"input_tokens":10,"output_tokens":1000}}}');
    });
  });
  await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", resolve));
  const { port } = provider.address() as AddressInfo;
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      server: { workers: 2 },
      providers: {
        live: { base_url: `http://127.0.0.1:${port}/v1`, models: ["voice", "other"], api_key: "env.KEY" },
      },
      prices: { "live/*": { input: 500, output: 1_000 } },
    },
  });
});
after(async () => {
  for (const socket of sessions?.clients ?? []) socket.terminate();
  provider?.close();
  await daemon?.stop();
});

let names = 0;
const makeKey = (more: object = {}) =>
  daemon.admin<KeySecretAnswer>("POST", "/api/keys", { name: `browser-${names++}`, ...more });
const sdk = (apiKey: string) => new OpenAI({ baseURL: `${daemon.url}/v1`, apiKey, maxRetries: 0 });
const ask = (apiKey: string, seconds?: number, model = "live/voice") =>
  sdk(apiKey).realtime.clientSecrets.create({
    session: { type: "realtime", model, instructions: "be brief" },
    ...(seconds === undefined ? {} : { expires_after: { anchor: "created_at", seconds } }),
  });

type Talk = { readonly types: string[]; readonly codes: string[]; readonly socket: WebSocket; closed?: number };

/** As a browser does it: the secret is a protocol. Resolves with the status where no socket is opened. */
function open(secret: string, query = ""): Promise<Talk | number> {
  const socket = new WebSocket(`${daemon.url.replace("http", "ws")}/v1/realtime${query}`, [
    "realtime",
    `openai-insecure-api-key.${secret}`,
  ]);
  const talk: Talk = { types: [], codes: [], socket };
  socket.on("message", (data) => {
    const { type, error } = JSON.parse(data.toString()) as { type: string; error?: { code: string } };
    talk.types.push(type);
    if (error !== undefined) talk.codes.push(error.code);
  });
  socket.on("close", (code) => {
    talk.closed = code;
  });
  return new Promise((resolve) => {
    socket.on("open", () => resolve(talk));
    socket.on("unexpected-response", (_, { statusCode }) => resolve(statusCode!));
    socket.on("error", () => {});
  });
}

test("a secret opens its key's session, with what the session was to be, and a turn is the key's", async () => {
  const { secret: key } = await makeKey();
  const { value, expires_at: end, session } = await ask(key);
  assert.match(value, /^ek_bf_/);
  assert.ok(Math.abs(end - Date.now() / 1_000 - 600) < 60);
  assert.equal((session as { model: string }).model, "live/voice");
  const talk = await open(value);
  assert.ok(typeof talk !== "number");
  talk.socket.send('{"type":"response.create"}');
  await until("the turn", () => talk.types.includes("response.done"));
  assert.deepEqual(JSON.parse(heard[0]!), {
    type: "session.update",
    session: { type: "realtime", instructions: "be brief" },
  });
  const [turn] = await daemon.rows("live/voice", 2);
  assert.deepEqual([turn!.route, turn!.tokens_out], ["realtime", 1_000]);
  talk.socket.close();
  await daemon.settled();
});

test("the older path answers in its own way", async () => {
  const { secret: key } = await makeKey();
  const response = await fetch(`${daemon.url}/v1/realtime/sessions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: '{"model":"live/voice","voice":"alloy"}',
  });
  const { client_secret: secret, model } = (await response.json()) as {
    client_secret: { value: string };
    model: string;
  };
  assert.equal(model, "live/voice");
  assert.ok(typeof (await open(secret.value, "?model=live/voice")) !== "number");
});

test("A66 a secret is good for its session alone: for no other model, no other call, and no longer than it was to be", async () => {
  const { secret: key } = await makeKey();
  const { value } = await ask(key, 1);
  const other = await open(value, "?model=live/other");
  assert.ok(typeof other !== "number");
  await until("the end", () => other.closed !== undefined);
  assert.deepEqual(other.codes, ["model_not_allowed"]);
  await assert.rejects(sdk(value).models.list(), { status: 401 });
  await assert.rejects(sdk(value).chat.completions.create({ model: "echo", messages: [] }), { status: 401 });
  await until("its end", async () => (await open(value)) === 401);
  assert.equal(await open("ek_bf_nobody"), 401);
});

test("A66 a secret asks for the key's model, and ends with its key", async () => {
  const { secret: only } = await makeKey({ models: ["live/other"] });
  await assert.rejects(ask(only), { status: 403 });
  await assert.rejects(ask((await makeKey()).secret, 0), { status: 400, param: "expires_after.seconds" });
  await assert.rejects(ask((await makeKey()).secret, undefined, "echo/echo"), { status: 400 });
  const { key, secret } = await makeKey();
  const { value } = await ask(secret);
  const talk = await open(value);
  assert.ok(typeof talk !== "number");
  await daemon.admin("DELETE", `/api/keys/${key.id}`);
  await until("the end", () => talk.closed !== undefined);
  assert.deepEqual([talk.closed, talk.codes], [1008, ["blocked_api_key"]]);
  assert.equal(await open(value), 401);
});

test("A66 a raw call makes no secret or session of the provider's own, which nobody would count", async () => {
  const { secret: key } = await makeKey({
    budgets: [{ limit_nano: 1_000_000_000_000, window: { kind: "rolling", length_ms: 86_400_000 } }],
  });
  const raw = async (path: string) => {
    const response = await fetch(`${daemon.url}/passthrough/live${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: '{"model":"voice"}',
    });
    const text = await response.text();
    return [response.status, text.includes("ek_of")];
  };
  for (const path of [
    "/v1/realtime/client_secrets",
    "/v1/realtime/sessions",
    "/realtime/calls",
    "/REALTIME/sessions",
    "/%72ealtime/sessions?x=%zz",
    "/v1/chatkit/sessions",
    "/v1alpha/auth_tokens",
  ])
    assert.deepEqual(await raw(path), [403, false], path);
  assert.deepEqual(called, []);
  assert.deepEqual(await raw("/v1/other"), [200, true]);
});

test("a session keeps its model, however a message that would change it is written", async () => {
  const { secret: key } = await makeKey();
  const { value } = await ask(key);
  const change = '{"type":"session.update","session":{"model":"other"}}';
  const before = heard.length;
  for (const message of [change, change.replace("session.u", "session\\u002eu"), Buffer.from(change)]) {
    const talk = await open(value);
    assert.ok(typeof talk !== "number");
    talk.socket.send(message);
    await until("the end", () => talk.closed !== undefined);
    assert.deepEqual(talk.codes, ["forbidden_parameter"]);
  }
  assert.ok(!heard.slice(before).some((message) => message.includes("other")));
});

test("A66 over kill -9 a secret ends with the secret of its key, and not before", async () => {
  const { key: rotated, secret: old } = await makeKey();
  const { value: ended } = await ask(old);
  await daemon.admin("POST", `/api/keys/${rotated.id}/rotate`, { grace_ms: 0 });
  const { secret: key } = await makeKey();
  const { value } = await ask(key);
  assert.equal(await open(ended), 401);
  await daemon.kill("SIGKILL");
  await daemon.restart();
  assert.ok(typeof (await open(value)) !== "number");
  assert.equal(await open(ended), 401);
});
