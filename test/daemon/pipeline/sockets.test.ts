/** WebSockets of clients, over real sockets on both sides. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { until } from "../../support/until.ts";
import { chunk, done, type Lab, startLab, startUpstream, stop, streams, type Upstream, usageChunk } from "./lab.ts";

let upstream: Upstream;
/** Speaks Responses itself. */
let native: Upstream;
let session: Server;
let sessions: WebSocketServer;
let lab: Lab;
let key: string;
/** What the provider's side of realtime heard, and how it was asked. */
const heard: string[] = [];
const late: (() => void)[] = [];
let refusals = 0;
let refusal = 401;
let waitS: string | undefined;
let asked: { url: string; authorization: string } = { url: "", authorization: "" };
before(async () => {
  upstream = await startUpstream(streams(chunk({ content: "Hello." }), stop, usageChunk, done));
  const reasoning = [
    { type: "reasoning", id: "rs_1", summary: [] },
    { type: "reasoning", id: "rs_2", summary: [], encrypted_content: "c2ln" },
    null,
  ];
  const response = { id: "resp_1", object: "response", status: "completed", store: false, output: reasoning };
  const completed = { type: "response.completed", sequence_number: 0, response };
  native = await startUpstream(streams(`event: response.completed\ndata: ${JSON.stringify(completed)}\n\n`));
  session = createServer();
  sessions = new WebSocketServer({
    server: session,
    verifyClient: ({ req }, done) => {
      const refused = req.headers.authorization === "Bearer revoked-secret";
      refusals += refused ? 1 : 0;
      done(!refused, refusal, "", waitS === undefined ? {} : { "retry-after": waitS });
    },
  });
  sessions.on("connection", (socket, request) => {
    asked = { url: request.url ?? "", authorization: request.headers.authorization ?? "" };
    socket.on("message", (data) => {
      const text = data.toString();
      heard.push(text);
      if (text.includes("buffer.commit")) {
        const written = { type: "conversation.item.input_audio_transcription.completed", transcript: "Hi." };
        socket.send(JSON.stringify({ ...written, usage: { type: "tokens", input_tokens: 30, output_tokens: 4 } }));
      }
      if (!text.includes("response.create") || text.includes("never")) return;
      socket.send('{"type":"response.created","response":{"id":"r1"}}');
      const usage = { input_tokens: 10, output_tokens: 5, output_token_details: { audio_tokens: 0 } };
      const tell = () => socket.send(JSON.stringify({ type: "response.done", response: { id: "r1", usage } }));
      // Of several at once all have begun before the first has ended.
      if (text.includes("late")) late.push(tell);
      else tell();
      if (late.length === 3) for (const end of late.splice(0)) end();
    });
  });
  await new Promise<void>((resolve) => session.listen(0, "127.0.0.1", resolve));
  const { port } = session.address() as AddressInfo;
  lab = await startLab({
    routing: {},
    providers: {
      up: { base_url: `${upstream.origin}/v1`, models: ["m"], api_key: "env.SECRET" },
      native: { base_url: `${native.origin}/v1`, dialect: "openai-responses", models: ["m"], api_key: "env.SECRET" },
      spare: {
        base_url: `http://127.0.0.1:${port}/v1`,
        models: ["voice"],
        keys: [
          { value: "env.REVOKED", weight: 1_000_000 },
          { value: "env.SECRET", weight: 1 },
        ],
      },
      resting: {
        base_url: `http://127.0.0.1:${port}/v1`,
        models: ["voice"],
        keys: [
          { value: "env.REVOKED", weight: 1_000_000 },
          { value: "env.SECRET", weight: 1 },
        ],
      },
      bad: { base_url: `http://127.0.0.1:${port}/v1`, models: ["voice"], api_key: "env.REVOKED" },
      live: { base_url: `http://127.0.0.1:${port}/v1`, models: ["voice"], api_key: "env.SECRET" },
    },
    prices: { "live/*": { input: 1, output: 2 }, "up/*": { input: 1, output: 2 } },
  });
});
beforeEach(() => {
  key = lab.createKey();
  heard.length = 0;
});
after(async () => {
  for (const socket of sessions.clients) socket.terminate();
  session?.close();
  await lab?.stop();
  await upstream?.stop();
  await native?.stop();
});

type Client = {
  readonly socket: WebSocket;
  readonly events: { type: string; [field: string]: unknown }[];
  closed: number | undefined;
  refused: number | undefined;
};

function dial(
  path: string,
  headers: Record<string, string> = { authorization: `Bearer ${key}` },
  protocols: string[] = [],
): Client {
  const socket = new WebSocket(lab.url.replace("http", "ws") + path, protocols, { headers });
  const client: Client = { socket, events: [], closed: undefined, refused: undefined };
  socket.on("message", (data) => client.events.push(JSON.parse(data.toString()) as Client["events"][number]));
  socket.on("close", (code) => {
    client.closed = code;
  });
  socket.on("unexpected-response", (_request, response) => {
    client.refused = response.statusCode;
    socket.terminate();
  });
  socket.on("error", () => {});
  return client;
}

async function open(client: Client): Promise<Client> {
  await until("the socket to open", () => client.socket.readyState === client.socket.OPEN);
  return client;
}

const types = ({ events }: Client) => events.map(({ type }) => type);
const count = (client: Client, type: string) => types(client).filter((one) => one === type).length;

describe("responses over a WebSocket", () => {
  test("each response.create is a request of its own, one after the other, recorded and paid", async () => {
    const client = await open(dial("/v1/responses"));
    client.socket.send(JSON.stringify({ type: "response.create", model: "up/m", input: "one", store: false }));
    client.socket.send(
      JSON.stringify({ type: "response.create", response: { model: "up/m", input: "two", store: false } }),
    );
    await until("both to complete", () => count(client, "response.completed") === 2);
    assert.equal(types(client)[0], "response.created");
    const firstEnd = types(client).indexOf("response.completed");
    assert.equal(types(client).lastIndexOf("response.created"), firstEnd + 1, "the turns do not mix");
    const rows = (await lab.rows()).slice(-2);
    assert.deepEqual(
      rows.map(({ route, status, cost_nano }) => [route, status, cost_nano]),
      [
        ["responses", 200, 100 * 1_000 + 10 * 2_000],
        ["responses", 200, 100 * 1_000 + 10 * 2_000],
      ],
    );
    client.socket.close();
  });

  test("a turn goes on from one before it", async () => {
    const client = await open(dial("/v1/responses"));
    client.socket.send(JSON.stringify({ type: "response.create", model: "up/m", input: "one" }));
    await until("the first", () => count(client, "response.completed") === 1);
    const { response } = client.events.at(-1) as unknown as { response: { id: string } };
    client.socket.send(
      JSON.stringify({ type: "response.create", model: "up/m", input: "two", previous_response_id: response.id }),
    );
    await until("the second", () => count(client, "response.completed") === 2);
    assert.match(upstream.seen.at(-1)!.body, /one.*Hello\..*two/);
    client.socket.close();
  });

  test("a turn goes on from the last one that nobody was to store, and from no other", async () => {
    const client = await open(dial("/v1/responses"));
    const turn = (fields: object) =>
      client.socket.send(JSON.stringify({ type: "response.create", model: "up/m", store: false, ...fields }));
    const idOf = (index: number) =>
      (
        client.events.filter(({ type }) => type === "response.completed")[index] as unknown as {
          response: { id: string };
        }
      ).response.id;
    turn({ input: "one" });
    await until("the first", () => count(client, "response.completed") === 1);
    turn({ input: [{ type: "message", role: "user", content: "two" }], previous_response_id: idOf(0) });
    await until("the second", () => count(client, "response.completed") === 2);
    turn({ input: "three", previous_response_id: idOf(1) });
    await until("the third", () => count(client, "response.completed") === 3);
    assert.match(upstream.seen.at(-1)!.body, /one.*Hello\..*two.*Hello\..*three/);
    assert.ok(!upstream.seen.at(-1)!.body.includes("previous_response_id"));
    turn({ input: "four", previous_response_id: "resp_of_long_ago" });
    await until("a refusal", () => count(client, "error") === 1);
    const { status, error } = client.events.at(-1) as unknown as { status: number; error: { code: string } };
    assert.deepEqual([status, error.code], [400, "previous_response_not_found"]);
    client.socket.close();
    const other = await open(dial("/v1/responses"));
    const last = { type: "response.create", model: "up/m", input: "x", previous_response_id: idOf(2) };
    other.socket.send(JSON.stringify(last));
    await until("a refusal elsewhere", () => count(other, "error") === 1);
    other.socket.close();
  });

  test("of reasoning only what its provider can read again is sent again", async () => {
    const client = await open(dial("/v1/responses"));
    const turn = { type: "response.create", model: "native/m", store: false };
    client.socket.send(JSON.stringify({ ...turn, input: "one" }));
    await until("the first", () => count(client, "response.completed") === 1);
    client.socket.send(JSON.stringify({ ...turn, input: "two", previous_response_id: "resp_1" }));
    await until("the second", () => count(client, "response.completed") === 2);
    const { input } = JSON.parse(native.seen.at(-1)!.body) as { input: ({ type: string; id?: string } | null)[] };
    assert.deepEqual(
      input.map((item) => item?.id ?? item?.type),
      ["message", "rs_2", undefined, "message"],
    );
    client.socket.close();
  });

  test("a turn that is only to be prepared asks nobody and costs nothing, and is gone on from", async () => {
    const client = await open(dial("/v1/responses"));
    const [calls, rows] = [upstream.seen.length, (await lab.rows()).length];
    const prepared = { type: "response.create", model: "up/m", store: false, input: "be brief", generate: false };
    client.socket.send(JSON.stringify(prepared));
    await until("it to be prepared", () => count(client, "response.completed") === 1);
    const { response } = client.events.at(-1) as unknown as { response: { id: string; output: unknown[] } };
    assert.deepEqual([response.output, upstream.seen.length], [[], calls]);
    const turn = {
      type: "response.create",
      model: "up/m",
      store: false,
      input: "go",
      previous_response_id: response.id,
    };
    client.socket.send(JSON.stringify({ ...turn, generate: true }));
    await until("the turn", () => count(client, "response.completed") === 2);
    const { body } = upstream.seen.at(-1)!;
    assert.match(body, /be brief.*go/);
    assert.ok(!body.includes("generate"), body);
    assert.equal((await lab.rows()).length, rows + 1);
    client.socket.close();
  });

  test("refusals are error events, and the socket stays", async () => {
    const only = lab.createKey({ models: ["up/other"] });
    const client = await open(dial("/v1/responses", { authorization: `Bearer ${only}` }));
    client.socket.send("not json");
    client.socket.send(JSON.stringify({ type: "response.create", model: "up/m", input: "x" }));
    await until("two errors", () => count(client, "error") === 2);
    const [malformed, forbidden] = client.events as unknown as { status: number; error: { code: string } }[];
    assert.deepEqual([malformed?.status, forbidden?.status, forbidden?.error.code], [400, 403, "model_not_allowed"]);
    assert.equal(client.socket.readyState, client.socket.OPEN);
    client.socket.close();
  });

  test("a client that leaves ends the provider's call", async () => {
    let closed = false;
    const before = upstream.answer;
    upstream.answer = (_request, response) => {
      response.on("close", () => {
        closed = true;
      });
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(chunk({ content: "Hel" }));
    };
    const client = await open(dial("/v1/responses"));
    client.socket.send(JSON.stringify({ type: "response.create", model: "up/m", input: "x", store: false }));
    await until("the first words", () => count(client, "response.output_text.delta") > 0);
    client.socket.terminate();
    await until("the end of the call", () => closed, 2_000);
    assert.equal((await lab.rows()).at(-1)?.status, 499);
    upstream.answer = before;
  });

  test("nobody gets one without a key, or where there is none", async () => {
    const none = dial("/v1/responses", {});
    const wrong = dial("/v1/responses", { authorization: "Bearer sk-bf-nobody" });
    const elsewhere = dial("/v1/chat/completions");
    await until(
      "three refusals",
      () => none.refused !== undefined && wrong.refused !== undefined && elsewhere.refused !== undefined,
    );
    assert.deepEqual([none.refused, wrong.refused, elsewhere.refused], [401, 401, 404]);
  });
});

describe("startRealtime()", () => {
  const realtime = "/v1/realtime?model=live/voice";

  test("relays both ways with our credential, and pays each turn by what it tells", async () => {
    const client = await open(dial(realtime, {}, ["realtime", `openai-insecure-api-key.${key}`]));
    client.socket.send('{"type":"input_audio_buffer.append","audio":"AAAA"}');
    client.socket.send('{"type":"response.create"}');
    await until("the turn", () => count(client, "response.done") === 1);
    assert.deepEqual(asked, { url: "/v1/realtime?model=voice", authorization: "Bearer upstream-secret" });
    assert.deepEqual(heard, ['{"type":"input_audio_buffer.append","audio":"AAAA"}', '{"type":"response.create"}']);
    client.socket.send('{"type":"response.create"}');
    await until("the second turn", () => count(client, "response.done") === 2);
    const rows = (await lab.rows()).slice(-2);
    for (const row of rows)
      assert.deepEqual(
        [row.route, row.target, row.status, row.cost_nano],
        ["realtime", "live/voice", 200, 10 * 1_000 + 5 * 2_000],
      );
    client.socket.close();
  });

  test("meters a turn that the provider begins by itself", async () => {
    const client = await open(dial(realtime));
    await until("the provider's side", () => sessions.clients.size > 0);
    const provider = [...sessions.clients].at(-1)!;
    await until("it to be open", () => provider.readyState === provider.OPEN);
    const before = (await lab.rows()).length;
    provider.send('{"type":"response.created","response":{"id":"r"}}');
    provider.send('{"type":"response.done","response":{"usage":{"input_tokens":1,"output_tokens":1}}}');
    await until("its row", async () => (await lab.rows()).length === before + 1);
    assert.equal((await lab.rows()).at(-1)?.cost_nano, 3_000);
    client.socket.close();
  });

  test("ends a session whose key has nothing left, or whose model would change", async () => {
    const poor = lab.createKey({ budgetNano: 1 });
    const client = await open(dial(realtime, { authorization: `Bearer ${poor}` }));
    client.socket.send('{"type":"response.create"}');
    await until("the end", () => client.closed !== undefined);
    assert.equal(client.closed, 1008);
    assert.deepEqual(
      (client.events as unknown as { error: { code: string } }[]).map(({ error }) => error.code),
      ["budget_exceeded"],
    );
    assert.ok(!heard.includes('{"type":"response.create"}'));
    assert.equal((await lab.rows()).at(-1)?.status, 402);
    const other = await open(dial(realtime));
    other.socket.send('{"type":"session.update","session":{"model":"dearer"}}');
    await until("the end", () => other.closed !== undefined);
    assert.equal(other.closed, 1008);
  });

  test("A66 asks for the model that writes down what is heard, and meters each piece", async () => {
    const restricted = lab.createKey({ models: ["live/voice"] });
    const written = (model: string) => ({ audio: { input: { transcription: { model } } } });
    for (const [type, session] of [
      ["session.update", written("ear")],
      ["transcription_session.update", { input_audio_transcription: { model: "ear" } }],
      ["session.update", { type: "transcription", audio: { input: { transcription: { language: "en" } } } }],
    ] as const) {
      const refused = await open(dial("/v1/realtime?model=live/voice", { authorization: `Bearer ${restricted}` }));
      refused.socket.send(JSON.stringify({ type, session }));
      await until("the end", () => refused.closed !== undefined);
      assert.deepEqual([refused.closed, heard], [1008, []], JSON.stringify(session));
    }
    const client = await open(dial("/v1/realtime?model=live/voice"));
    client.socket.send(JSON.stringify({ type: "session.update", session: written("ear") }));
    for (const pieces of [1, 2]) {
      client.socket.send(JSON.stringify({ type: "input_audio_buffer.append", audio: "AAAA" }));
      client.socket.send('{"type":"input_audio_buffer.commit"}');
      await until("it to be written down", () => client.events.length === pieces);
    }
    const rows = (await lab.rows()).slice(-2);
    const row = ["realtime.transcription", "live/ear", 200, 30 * 1_000 + 4 * 2_000];
    assert.deepEqual(
      rows.map(({ route, target, status, cost_nano }) => [route, target, status, cost_nano]),
      [row, row],
    );
    client.socket.close();
  });

  test("meters each of several responses at once, and what a session writes down by itself", async () => {
    const client = await open(dial("/v1/realtime?model=live/voice"));
    const before = (await lab.rows()).length;
    for (let count = 1; count <= 3; count++) client.socket.send('{"type":"response.create","event":"late"}');
    await until("all of them", () => count(client, "response.done") === 3);
    client.socket.send('{"type":"input_audio_buffer.commit"}');
    await until("it to be written down", () => client.events.at(-1)?.type.endsWith("completed") === true);
    assert.deepEqual(
      (await lab.rows()).slice(before).map(({ route, target, cost_nano }) => [route, target, cost_nano]),
      [...Array(3).fill(["realtime", "live/voice", 20_000]), ["realtime.transcription", "live/voice", 38_000]],
    );
    for (let count = 1; count <= 5; count++) client.socket.send('{"type":"response.create","event":"never"}');
    await until("the end", () => client.closed !== undefined);
    assert.equal(client.events.at(-1)?.["error"]?.["code" as never], "rate_limit_exceeded");
  });

  test("holds what was said before for the turn that reads it again, and no tool of unknown cost", async () => {
    // A turn is told as 10 tokens in and 5 out: 20,000 nano-dollars.
    key = lab.createKey({ budgetNano: 10_000_000 });
    const client = await open(dial("/v1/realtime?model=live/voice"));
    for (const turns of [1, 2]) {
      client.socket.send('{"type":"response.create","response":{"max_output_tokens":1}}');
      await until("a turn", () => count(client, "response.done") === turns);
    }
    const [first, second] = (await lab.rows()).slice(-2).map(({ held_nano: held }) => held as number);
    assert.equal(second! - first!, 15 * 1_000);
    client.socket.send(JSON.stringify({ type: "session.update", session: { tools: [{ type: "web_search" }] } }));
    client.socket.send('{"type":"response.create"}');
    await until("the end", () => client.closed !== undefined);
    assert.deepEqual(client.events.at(-1)?.["error"]?.["code" as never], "unpriced_model");
  });

  test("is refused for a model that nobody offers, that is named twice, or that the key may not call", async () => {
    for (const [path, by] of [
      ["/v1/realtime?model=nobody/x", key],
      ["/v1/realtime?model=live/voice&deployment=live/voice", key],
      ["/v1/realtime", key],
    ] as const) {
      const client = dial(path, { authorization: `Bearer ${by}` });
      await until("the end", () => client.closed !== undefined || client.refused !== undefined);
      assert.ok(client.closed === 1008 || client.refused !== undefined, path);
    }
    const before = sessions.clients.size;
    const client = dial(realtime, { authorization: `Bearer ${lab.createKey({ models: ["up/m"] })}` });
    await until("the end", () => client.closed !== undefined);
    assert.deepEqual([client.closed, heard, sessions.clients.size], [1008, [], before]);
  });

  test("opens the session with another of the provider's keys when one is refused, for that session only", async () => {
    for (const asks of [1, 2]) {
      const client = await open(dial("/v1/realtime?model=spare/voice"));
      client.socket.send('{"type":"response.create"}');
      await until("the turn", () => count(client, "response.done") === 1);
      assert.deepEqual([asked.authorization, refusals], ["Bearer upstream-secret", asks]);
      client.socket.close();
    }
  });

  test("lets a key rest that its provider told to wait, and opens the next sessions with another", async () => {
    [refusal, waitS] = [429, "60"];
    const before = refusals;
    for (let sessions = 0; sessions < 2; sessions++) {
      const client = await open(dial("/v1/realtime?model=resting/voice"));
      client.socket.send('{"type":"response.create"}');
      await until("the turn", () => count(client, "response.done") === 1);
      client.socket.close();
    }
    assert.equal(refusals, before + 1, "the one that has to wait was asked again");
    [refusal, waitS] = [401, undefined];
  });

  for (const [status, code] of [
    [401, "upstream_credential"],
    [429, "rate_limit_exceeded"],
    [500, "upstream_error"],
  ] as const) {
    test(`tells of a provider that answers ${status} as ${code}, and ends the session`, async () => {
      refusal = status;
      const client = dial("/v1/realtime?model=bad/voice");
      await until("the end", () => client.closed !== undefined);
      const [{ error } = { error: undefined }] = client.events as unknown as { error: { code: string } }[];
      assert.deepEqual([client.closed, error?.code], [1011, code]);
    });
  }
});
