/** Gemini's Live API by Google's own SDK: a socket under the same keys, models, budgets and record as every call. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { GoogleGenAI, type LiveServerMessage, Modality, type Session } from "@google/genai";
import { WebSocket, WebSocketServer } from "ws";
import type { KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

let provider: Server;
let sessions: WebSocketServer;
let daemon: Daemon;
const opened: { readonly url: string; readonly key: unknown }[] = [];
const heard: string[] = [];
/** Usage comes with the turn's end, or in a message of its own after it. */
let usageLater = false;

before(async () => {
  provider = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "application/json", "x-goog-upload-status": "final" });
    response.end('{"file":{"name":"files/mine"}}');
  });
  sessions = new WebSocketServer({ server: provider });
  sessions.on("connection", (socket, request) => {
    opened.push({ url: request.url ?? "", key: request.headers["x-goog-api-key"] });
    // Google's messages are binary.
    const say = (message: object) => socket.send(Buffer.from(JSON.stringify(message)));
    socket.on("message", (data) => {
      heard.push(data.toString());
      const { setup, clientContent } = JSON.parse(data.toString()) as { setup?: object; clientContent?: object };
      if (setup !== undefined) say({ setupComplete: {} });
      if (clientContent === undefined) return;
      if (data.toString().includes("searched")) {
        say({ serverContent: { modelTurn: {}, groundingMetadata: { webSearchQueries: ["a", "b"] } } });
        const details = { responseTokensDetails: [{ modality: "AUDIO", tokenCount: 1_000 }] };
        const usage = { promptTokenCount: 10, responseTokenCount: 1_000, totalTokenCount: 1_010, ...details };
        say({ serverContent: { turnComplete: true }, usageMetadata: usage });
        return;
      }
      const usage = { usageMetadata: { promptTokenCount: 10, responseTokenCount: 1000, totalTokenCount: 1010 } };
      say({ serverContent: { modelTurn: { parts: [{ text: "ok" }] } } });
      say({ serverContent: { turnComplete: true }, ...(usageLater ? {} : usage) });
      if (usageLater) say(usage);
    });
  });
  await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", resolve));
  const { port } = provider.address() as AddressInfo;
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: {
        ge: { base_url: `http://127.0.0.1:${port}/v1beta`, dialect: "gemini", models: ["m", "n"], api_key: "env.KEY" },
      },
      prices: {
        "ge/n": { input: 1, output: 1, audio_output: 2, server_tool: 0.01 },
        "ge/*": { input: 500, output: 1_000 },
      },
    },
  });
});
after(async () => {
  for (const socket of sessions?.clients ?? []) socket.terminate();
  provider?.close();
  await daemon?.stop();
});

type Talk = {
  readonly session: Session;
  readonly heard: LiveServerMessage[];
  closed?: { code: number; reason: string };
};

async function connect(apiKey: string, model = "ge/m", path = "", more: object = {}): Promise<Talk> {
  const messages: LiveServerMessage[] = [];
  const talk: { closed?: { code: number; reason: string } } = {};
  const session = await new GoogleGenAI({ apiKey, httpOptions: { baseUrl: daemon.url + path } }).live.connect({
    model,
    config: { responseModalities: [Modality.TEXT], ...more },
    callbacks: {
      onmessage: (message) => void messages.push(message),
      onclose: ({ code, reason }) => {
        talk.closed = { code, reason };
      },
    },
  });
  return Object.assign(talk, { session, heard: messages });
}

const turns = ({ heard: messages }: Talk) => messages.filter(({ serverContent }) => serverContent?.turnComplete).length;
const say = ({ session }: Talk, turn: string | object = "hi") =>
  session.sendClientContent({ turns: typeof turn === "string" ? turn : [turn], turnComplete: true });

test("a session is opened with our credential, and its turns are recorded and paid one by one", async () => {
  const key = await daemon.createKey({ budget: "10/1d" });
  const talk = await connect(key);
  for (const count of [1, 2]) {
    usageLater = count === 2;
    say(talk);
    await until("a turn", () => turns(talk) === count);
  }
  const rows = await daemon.rows("ge/m", 2);
  assert.deepEqual(
    rows.map(({ route, status, tokens_in: input, tokens_out: output, cost_nano: cost }) => [
      route,
      status,
      input,
      output,
      cost,
    ]),
    Array(2).fill(["live", 200, 10, 1000, 10 * 500_000 + 1000 * 1_000_000]),
  );
  assert.deepEqual(JSON.parse(heard[0]!).setup.model, "models/m");
  assert.deepEqual(opened[0], {
    url: "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
    key: "upstream-secret",
  });
  talk.session.close();
  await daemon.settled();
});

test("A66 a session asks for a key, for its model, and for money at each turn", async () => {
  const count = opened.length;
  await assert.rejects(connect("sk-bf-nobody"));
  await assert.rejects(connect(await daemon.createKey({ models: ["ge/n"] })), /may not call ge\/m/);
  await assert.rejects(connect(await daemon.createKey(), "echo/echo"), /echo does not offer live/);
  assert.equal(opened.length, count);
  // A turn costs 1.005 dollars.
  const talk = await connect(await daemon.createKey({ budget: "1.1/1d" }));
  say(talk);
  await until("a turn", () => turns(talk) === 1);
  const told = heard.length;
  say(talk);
  await until("the end", () => talk.closed !== undefined);
  assert.equal(talk.closed!.code, 1008);
  assert.match(talk.closed!.reason, /^the budget of /);
  assert.equal(heard.length, told, "the turn that could not be paid did not reach the provider");
  await daemon.settled();
});

test("searches are held for and paid, and refused to a budget where their price is not known", async () => {
  const key = await daemon.createKey({ budget: "10/1d" });
  const tools = [{ googleSearch: {} }];
  const unknown = await connect(key, "ge/m", "", { tools });
  say(unknown);
  await until("the end", () => unknown.closed !== undefined);
  assert.match(unknown.closed!.reason, /^what a search of this provider costs is not known/);
  const talk = await connect(key, "ge/n", "", { tools });
  say(talk, "searched");
  const [row] = await daemon.rows("ge/n");
  assert.equal(row!.cost_nano, 10 * 1_000 + 1_000 * 2_000 + 2 * 10_000_000);
  talk.session.close();
});

test("a key that is revoked ends its session while nothing is said", async () => {
  const { key, secret } = await daemon.admin<KeySecretAnswer>("POST", "/api/keys", { name: "revoked" });
  const talk = await connect(secret);
  await daemon.admin("DELETE", `/api/keys/${key.id}`);
  await until("the end", () => talk.closed !== undefined);
  assert.equal(talk.closed!.code, 1008);
});

test("a turn names a file of the caller's own and nobody else's, and turns keep their order", async () => {
  const [key, stranger] = [await daemon.createKey(), await daemon.createKey()];
  const begun = await fetch(`${daemon.url}/upload/v1beta/files`, {
    method: "POST",
    headers: { "x-goog-api-key": key, "content-type": "application/json", "x-goog-upload-command": "start" },
    body: "{}",
  });
  assert.equal(((await begun.json()) as { file: { name: string } }).file.name, "files/ge~mine");
  const file = (fileUri: string) => ({ role: "user", parts: [{ fileData: { fileUri, mimeType: "text/plain" } }] });
  const own = await connect(key);
  say(own, file("https://generativelanguage.googleapis.com/v1beta/files/ge~mine"));
  say(own, "and this");
  await until("the turns", () => turns(own) === 2);
  assert.match(heard.at(-2)!, /v1beta\/files\/mine"/);
  assert.match(heard.at(-1)!, /and this/);
  own.session.close();
  for (const name of ["files/ge~mine", "https://generativelanguage.googleapis.com/v1beta/files/mine"]) {
    const talk = await connect(stranger);
    const told = heard.length;
    say(talk, file(name));
    await until("the end", () => talk.closed !== undefined);
    assert.match(talk.closed!.reason, /belongs to another key/);
    assert.equal(heard.length, told);
  }
});

test("what is no session is refused in Google's words, and the process lives", async () => {
  const key = await daemon.createKey();
  const path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
  for (const first of ["{", "[]", '{"setup":{}}', '{"clientContent":{}}', Buffer.from([0, 1, 2])]) {
    const socket = new WebSocket(`${daemon.url.replace("http", "ws")}${path}?key=${key}`);
    const said: string[] = [];
    socket.on("message", (data) => said.push(data.toString()));
    socket.on("open", () => socket.send(first));
    const code = await new Promise((resolve) => socket.on("close", resolve));
    assert.equal(code, 1008, String(first));
    assert.equal((JSON.parse(said[0]!) as { error: { status: string } }).error.status, "INVALID_ARGUMENT");
  }
  const long = "x".repeat(1_000);
  for (const second of ['{"setup":{"model":"models/n"}}', `{"\\u0073etup":{"model":"models/n"},"x":"${long}"}`]) {
    const talk = await connect(key);
    talk.session.conn.send(second);
    await until("the end", () => talk.closed !== undefined);
    assert.match(talk.closed!.reason, /set up once/);
  }
  const refused = await new Promise<string>((resolve) => {
    new WebSocket(`${daemon.url.replace("http", "ws")}${path}`).on("unexpected-response", (_, response) => {
      response.setEncoding("utf8").once("data", resolve);
    });
  });
  assert.equal((JSON.parse(refused) as { error: { status: string } }).error.status, "UNAUTHENTICATED");
});
