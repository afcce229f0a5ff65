/**
 * OpenAI's own description of its API is the judge of both sides: of what we send, by a server of somebody else's that
 * refuses what is not in it, and of what we answer, event by event.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import OpenAI, { toFile } from "openai";
import type { DialectId } from "../../providers/exchange.ts";
import { asked, whole } from "../providers/dialects/asked.ts";
import { type Ask, ask, type Caller, headersFor, send } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";
import { eventProblems, noSpec, problems } from "../support/openai-spec.ts";
import { pixel } from "../support/sdk-lab.ts";
import { frames } from "../support/seen.ts";
import { type Judged, type Steady, startSteady } from "../support/steady.ts";
import { until } from "../support/until.ts";
import { wires } from "../support/wire-frames.ts";

let steady: Steady;
let upstream: FaultUpstream;
let daemon: Daemon;
let key: string;

const judgedBy = { "openai-chat": "/chat/completions", "openai-responses": "/responses" } as const;
const judged = Object.keys(judgedBy) as (keyof typeof judgedBy)[];

before(async () => {
  if (noSpec) return;
  steady = await startSteady();
  upstream = await startFaultUpstream();
  const provider = (base_url: string, dialect: string) => ({ base_url, dialect, api_key: "env.UPSTREAM_KEY" });
  daemon = await startDaemon({
    env: { UPSTREAM_KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: Object.fromEntries([
        // With the paths that only OpenAI has.
        ["openai", { base_url: steady.origin, api_key: "env.UPSTREAM_KEY" }],
        ...judged.map((dialect) => [`judged-${dialect}`, provider(steady.origin, dialect)]),
        ...wires.map((wire) => [`up-${wire}`, provider(`${upstream.origin}/${wire === "cohere" ? "v2" : "v1"}`, wire)]),
      ]),
    },
  });
  key = await daemon.createKey();
});
after(async () => {
  await daemon?.stop();
  await upstream?.stop();
  await steady?.stop();
});

/** What the judge said of the requests that `work` made, the last of which is `last`. */
async function judgement(work: () => Promise<unknown>, last = /./): Promise<readonly Judged[]> {
  const before = steady.judged().length;
  await work();
  return until("a judgement", () => {
    const all = steady.judged().slice(before);
    return last.test(all.at(-1)?.what ?? "") && all;
  });
}

const callers: Readonly<Record<DialectId, Caller>> = {
  "openai-chat": "chat",
  "openai-responses": "responses",
  anthropic: "messages",
  gemini: "gemini",
  "bedrock-converse": "converse",
  cohere: "cohere",
};

function pathOf(from: DialectId, model: string, stream: boolean): string {
  const name = encodeURIComponent(model);
  if (from === "gemini")
    return `/v1beta/models/${name}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`;
  if (from === "bedrock-converse") return `/model/${name}/converse${stream ? "-stream" : ""}`;
  return (
    { "openai-chat": "/v1/chat/completions", "openai-responses": "/v1/responses", anthropic: "/v1/messages" }[
      from as "anthropic"
    ] ?? "/v2/chat"
  );
}

describe("what is sent", { skip: noSpec }, () => {
  test("the judge refuses what is not described", async () => {
    const said = await judgement(async () => {
      const messages = [{ role: "user", contents: "no such field" }];
      const body = { messages };
      const answer = await ask(daemon.url, { dialect: "chat", model: "judged-openai-chat/gpt-4o", key, body });
      assert.equal(answer.status, 400, answer.text);
    });
    assert.ok(said[0]!.faults.length > 0);
  });

  for (const to of judged) {
    for (const from of Object.keys(callers) as DialectId[]) {
      // Where both speak the same, the client's own bytes are sent.
      if (from === to) continue;
      for (const stream of [false, true]) {
        test(`${from} to ${to}${stream ? ", streamed" : ""}: every question is as OpenAI describes it`, async () => {
          for (const [name, { said }] of Object.entries(asked)) {
            // OpenAI has not described yet what these say.
            if (said[from] === undefined || name === "a recording") continue;
            const model = `judged-${to}/gpt-4o`;
            const named = from === "gemini" || from === "bedrock-converse" ? {} : { model };
            const streams = from === "gemini" || from === "bedrock-converse" ? {} : { stream };
            const told = await judgement(() =>
              send(daemon.url, {
                method: "POST",
                path: pathOf(from, model, stream),
                headers: headersFor({ dialect: callers[from], key }),
                body: JSON.stringify({ ...whole(from, said[from]!), ...named, ...streams }),
              }).then((opened) => opened.answer()),
            );
            assert.deepEqual(told, [{ what: `POST ${judgedBy[to]}`, status: 200, faults: [] }], name);
          }
        });
      }
    }
  }

  const client = () => new OpenAI({ baseURL: `${daemon.url}/v1`, apiKey: key, maxRetries: 0 });
  const png = () => toFile(Buffer.from(pixel, "base64"), "a.png", { type: "image/png" });
  const sound = () => toFile(Buffer.from("RIFF0000WAVE"), "a.wav", { type: "audio/wav" });
  const chat = "judged-openai-chat";
  /** Of one's own: nobody else's may be asked about. */
  const file = async () =>
    client().files.create(
      { purpose: "batch", file: await toFile(Buffer.from("{}\n"), "a.jsonl") },
      { query: { provider: chat } },
    );
  const batch = async () =>
    client().batches.create({
      input_file_id: (await file()).id,
      endpoint: "/v1/chat/completions",
      completion_window: "24h",
    });
  const endpoints: Readonly<Record<string, () => Promise<unknown>>> = {
    "POST /completions": () => client().completions.create({ model: `${chat}/gpt-3.5-turbo-instruct`, prompt: "hi" }),
    "POST /embeddings": () =>
      client().embeddings.create({ model: `${chat}/text-embedding-3-small`, input: ["a", "b"] }),
    "POST /moderations": () => client().moderations.create({ model: `${chat}/omni-moderation-latest`, input: "hi" }),
    "POST /images/generations": () => client().images.generate({ model: `${chat}/gpt-image-1`, prompt: "a cat", n: 1 }),
    "POST /images/edits": async () =>
      client().images.edit({ model: `${chat}/gpt-image-1`, prompt: "a cat", image: await png() }),
    "POST /images/variations": async () =>
      client().images.createVariation({ model: `${chat}/dall-e-2`, image: await png() }),
    "POST /audio/speech": () =>
      client().audio.speech.create({ model: `${chat}/gpt-4o-mini-tts`, voice: "alloy", input: "hi" }),
    "POST /audio/transcriptions": async () =>
      client().audio.transcriptions.create({ model: `${chat}/whisper-1`, file: await sound() }),
    "POST /audio/translations": async () =>
      client().audio.translations.create({ model: `${chat}/whisper-1`, file: await sound() }),
    "POST /files": () => file(),
    "GET /files": () => client().files.list({}, { query: { provider: chat } }),
    "GET /files/{id}": async () => client().files.retrieve((await file()).id),
    "GET /files/{id}/content": async () => client().files.content((await file()).id),
    "DELETE /files/{id}": async () => client().files.delete((await file()).id),
    "POST /batches": () => batch(),
    "GET /batches": () => client().batches.list({}, { query: { provider: chat } }),
    "GET /batches/{id}": async () => client().batches.retrieve((await batch()).id),
    "POST /batches/{id}/cancel": async () => client().batches.cancel((await batch()).id),
    "POST /responses/compact": () =>
      client().responses.compact({ model: "openai/gpt-5.1" as "gpt-5.1", input: "long" }),
    "POST /responses/input_tokens": () =>
      client().responses.inputTokens.count({ model: "judged-openai-responses/gpt-4o", input: "long" }),
  };
  for (const [what, run] of Object.entries(endpoints)) {
    test(`openai's SDK: ${what} is as OpenAI describes it, and is answered`, async () => {
      const told = await judgement(run, new RegExp(`^${what.replace("{id}", "[^/]+")}$`));
      for (const { status, faults } of told) assert.deepEqual([status, faults], [200, []]);
    });
  }

  const others: readonly [who: string, path: string, caller: Caller, body: object][] = [
    ["gemini's embedContent", ":embedContent", "gemini", { content: { parts: [{ text: "hi" }] } }],
    [
      "gemini's batchEmbedContents",
      ":batchEmbedContents",
      "gemini",
      { requests: [{ model: "models/x", content: { parts: [{ text: "hi" }] } }] },
    ],
    [
      "cohere's embed",
      "/v2/embed",
      "cohere",
      { texts: ["hi"], input_type: "search_query", embedding_types: ["float"], output_dimension: 256 },
    ],
  ];
  for (const [who, path, caller, body] of others) {
    test(`${who} is sent as OpenAI describes embeddings`, async () => {
      const model = `${chat}/text-embedding-3-small`;
      const told = await judgement(() =>
        send(daemon.url, {
          method: "POST",
          path: path.startsWith(":") ? `/v1beta/models/${encodeURIComponent(model)}${path}` : path,
          headers: headersFor({ dialect: caller, key }),
          body: JSON.stringify(path.startsWith(":") ? body : { model, ...body }),
        }).then((opened) => opened.answer()),
      );
      assert.deepEqual(told, [{ what: "POST /embeddings", status: 200, faults: [] }]);
    });
  }
});

describe("what is answered", { skip: noSpec }, () => {
  const clients = [
    { dialect: "chat", whole: "CreateChatCompletionResponse", piece: "CreateChatCompletionStreamResponse" },
    { dialect: "responses", whole: "Response", piece: undefined },
  ] as const;
  const question = (dialect: Caller, model: string, stream: boolean): Ask => ({ dialect, model, key, stream });

  for (const { dialect, whole: schema, piece } of clients) {
    for (const wire of wires) {
      test(`${dialect} from ${wire}: whole, and every event of a stream`, async () => {
        const answer = await ask(daemon.url, question(dialect, `up-${wire}/ok`, false));
        assert.equal(answer.status, 200, answer.text);
        // Where both speak the same, the provider's own bytes come back, which are for it to answer for.
        const isOurs = wire !== (dialect === "chat" ? "openai-chat" : "openai-responses");
        if (isOurs) assert.deepEqual(problems(schema, JSON.parse(answer.text)), [], answer.text);
        const streamed = await ask(daemon.url, question(dialect, `up-${wire}/ok`, true));
        const told = frames(streamed.text).filter(({ data }) => data !== "[DONE]");
        assert.ok(told.length > 2, streamed.text);
        for (const { data } of isOurs ? told : []) {
          const event = JSON.parse(data) as { type: string };
          assert.deepEqual(piece === undefined ? eventProblems(event) : problems(piece, event), [], data);
        }
      });

      test(`${dialect} from ${wire}: a stream that breaks ends in an error as OpenAI describes it`, async () => {
        const { text } = await ask(daemon.url, question(dialect, `up-${wire}/f7-close`, true));
        const told = frames(text).filter(({ data }) => data !== "[DONE]");
        const event = JSON.parse(told.at(-1)!.data) as { type: string; error?: object };
        if (piece === undefined) assert.deepEqual(eventProblems(event), [], text);
        else assert.deepEqual(problems("ErrorResponse", event), [], text);
      });

      test(`${dialect} from ${wire}: a refusal is an error as OpenAI describes it`, async () => {
        const answer = await ask(daemon.url, question(dialect, `up-${wire}/f4-500`, false));
        assert.ok(answer.status >= 500, answer.text);
        assert.deepEqual(problems("ErrorResponse", JSON.parse(answer.text)), [], answer.text);
      });
    }
    test(`${dialect}: what the judge makes up is answered as it is described`, async () => {
      const other = dialect === "chat" ? "openai-responses" : "openai-chat";
      const answer = await ask(daemon.url, question(dialect, `judged-${other}/gpt-4o`, false));
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(problems(schema, JSON.parse(answer.text)), [], answer.text);
    });
  }
});
