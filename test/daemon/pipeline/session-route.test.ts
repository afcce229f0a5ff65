/** Sessions on sockets are routed at their start like requests, until a provider's socket has opened. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { until } from "../../support/until.ts";
import { type Lab, startLab } from "./lab.ts";

/** A provider that opens sessions, or refuses them with a status. */
type Provider = { readonly server: Server; readonly origin: string; refusal: number; asked: number; heard: string[] };

let down: Provider;
let good: Provider;
let lab: Lab;
let key: string;

async function startProvider(): Promise<Provider> {
  const server = createServer();
  const provider: Provider = { server, origin: "", refusal: 0, asked: 0, heard: [] };
  const sockets = new WebSocketServer({
    server,
    verifyClient: (_info, done) => {
      provider.asked++;
      done(provider.refusal === 0, provider.refusal);
    },
  });
  sockets.on("connection", (socket) =>
    socket.on("message", (data) => {
      provider.heard.push(data.toString());
      if (!data.toString().includes("response.create")) return;
      socket.send('{"type":"response.created","response":{"id":"r1"}}');
      socket.send('{"type":"response.done","response":{"id":"r1","usage":{"input_tokens":1,"output_tokens":1}}}');
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(provider, { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

before(async () => {
  [down, good] = [await startProvider(), await startProvider()];
  const to = ({ origin }: Provider) => ({ base_url: `${origin}/v1`, models: ["voice"], api_key: "env.SECRET" });
  lab = await startLab({
    providers: { down: to(down), good: to(good), claude: { ...to(good), dialect: "anthropic" } },
    groups: { voices: { strategy: "ordered", targets: ["claude/voice", "down/voice", "good/voice"] } },
    fallbacks: { "down/voice": "good/voice" },
    routing: {
      breaker: { failures: 3 },
      rules: [{ name: "gold", when: 'request_type == "realtime" && "x-tier" in headers', targets: ["good/voice"] }],
    },
  });
  key = lab.createKey();
});
beforeEach(() => {
  for (const provider of [down, good]) Object.assign(provider, { asked: 0, refusal: 0, heard: [] });
});
after(async () => {
  await lab?.stop();
  for (const { server } of [down, good]) {
    server.closeAllConnections();
    server.close();
  }
});

/** A session with one turn; what it ended with, if it did not come to that. */
async function session(model: string, headers: Record<string, string> = {}): Promise<string> {
  const socket = new WebSocket(`${lab.url.replace("http", "ws")}/v1/realtime?model=${model}`, {
    headers: { authorization: `Bearer ${key}`, ...headers },
  });
  const events: string[] = [];
  let isClosed = false;
  socket.on("message", (data) => events.push(data.toString()));
  socket.on("close", () => {
    isClosed = true;
  });
  socket.on("open", () => socket.send('{"type":"response.create"}'));
  await until("a turn, or the end", () => isClosed || events.some((event) => event.includes("response.done")));
  socket.terminate();
  return isClosed ? (JSON.parse(events.at(-1)!) as { error: { code: string } }).error.code : "";
}

async function lastRow() {
  const row = (await lab.rows()).at(-1)!;
  return { ...row, trail: String(row["attempts"]) } as typeof row & { readonly trail: string };
}

test("openSession() goes on to the next place while no socket has opened, and the first turn's row tells how", async () => {
  down.refusal = 500;
  assert.equal(await session("voices"), "");
  const row = await lastRow();
  assert.deepEqual([row["target"], row["status"], down.asked, good.heard.length], ["good/voice", 200, 1, 1]);
  assert.match(row.trail, /"claude\/voice".*"unsupported_parameter".*"down\/voice".*"upstream_error"/);
  // A fallback of the config is one as well.
  assert.equal(await session("down/voice"), "");
  assert.equal((await lastRow())["target"], "good/voice");
});

test("openSession() moves the breaker, which leaves the place alone", async () => {
  down.refusal = 500;
  for (let count = 0; count < 4; count++) await session("down/voice");
  const { asked } = down;
  assert.equal(await session("down/voice"), "");
  assert.equal(down.asked, asked, "it was asked again");
  assert.match((await lastRow()).trail, /"down\/voice","reason":"skipped","error":"breaker_open"/);
});

test("routeSession() asks the rules, and the row tells which held", async () => {
  assert.equal(await session("voices", { "x-tier": "gold" }), "");
  const row = await lastRow();
  assert.deepEqual([row["target"], down.asked, good.asked], ["good/voice", 0, 1]);
  assert.match(row.trail, /"rules":\["gold"\]/);
});

test("openSession() tells the first failure where nobody opens, and leaves a row of it", async () => {
  good.refusal = 500;
  assert.equal(await session("good/voice"), "upstream_error");
  const row = await lastRow();
  assert.deepEqual([row["route"], row["error"]], ["realtime", "upstream_error"]);
});

test("openSession() leaves nothing under way, whoever leaves when", async () => {
  await until("all to have ended", () => {
    const { table } = lab.plane.routing;
    return ["good/voice", "down/voice"].every((name) => table.inFlight(table.find(name)) === 0);
  });
});
