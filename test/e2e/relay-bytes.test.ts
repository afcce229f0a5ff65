/** The diagonal: what goes in comes out, byte for byte, but for the closed list of differences. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { cassettes, corpora } from "../support/cassettes.ts";
import { type ClientDialect, headersFor, paths, send } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";
import type { Wire } from "../support/wire-frames.ts";

let upstream: FaultUpstream;
let daemon: Daemon;
let key: string;
before(async () => {
  upstream = await startFaultUpstream();
  const provider = (dialect: Wire) => ({ base_url: `${upstream.origin}/v1`, dialect, api_key: "env.UPSTREAM_KEY" });
  daemon = await startDaemon({
    env: { UPSTREAM_KEY: "x" },
    config: { providers: { "openai-chat": provider("openai-chat"), anthropic: provider("anthropic") } },
  });
  key = await daemon.createKey();
});
after(async () => {
  await daemon?.stop();
  await upstream?.stop();
});

const dialectOf: Readonly<Partial<Record<Wire, ClientDialect>>> = { "openai-chat": "chat", anthropic: "messages" };
const hash = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest("hex");

async function post(wire: Wire, body: string | Buffer, headers: Record<string, string> = {}) {
  const dialect = dialectOf[wire]!;
  const sent = await send(daemon.url, {
    method: "POST",
    path: paths[dialect],
    headers: headersFor({ dialect, key, headers }),
    body,
  });
  return sent.answer();
}

/** Undoes the closed list on what the upstream received: the model's name, and usage asked for on our own account. */
function undone(received: string, sent: string, model: string): string {
  const renamed = received.replace(JSON.stringify(model.slice(model.indexOf("/") + 1)), () => JSON.stringify(model));
  if (sent.includes("stream_options") || !renamed.includes("stream_options")) return renamed;
  const member = '"stream_options":{"include_usage":true}';
  return renamed.replace(`${member},`, "").replace(`,${member}`, "");
}

async function assertRelayed(wire: Wire, behaviour: string, body: string): Promise<void> {
  const model = `${wire}/${behaviour}`;
  assert.ok(body.includes(model));
  const answer = await post(wire, body);
  assert.equal(answer.status, 200, answer.text);
  const call = await upstream.call(behaviour);
  const received = (await upstream.body(call.index)).toString("utf8");
  assert.equal(undone(received, body, model), body);
  assert.equal(hash(undone(received, body, model)), hash(body));
}

describe("request bytes", { concurrency: 4 }, () => {
  test("R1 spliceRequest() leaves 200 bodies made by the SDKs as they were", async () => {
    const bodies = await sdkBodies();
    assert.equal(bodies.length, 200);
    for (const { wire, behaviour, body } of bodies) await assertRelayed(wire, behaviour, body);
  });

  test("R1 spliceRequest() leaves odd spellings as they were", async () => {
    const odd: readonly [Wire, string][] = [
      [
        "openai-chat",
        '{ "messages" : [ { "content":"\\u0041\\ud83c\\udf0d \\/ \\" model", "role":"user" } ] ,\n\t"model" : "MODEL" , "temperature":1.0e0, "x":1E400 }',
      ],
      [
        "openai-chat",
        '{"model":"MODEL","messages":[{"role":"user","content":"MODEL \\"model\\":\\"x\\""}],"unknown":{"model":"inner"},"big":123456789012345678901234567890}',
      ],
      [
        "openai-chat",
        '\n\n{"stream":false,"messages":[{"role":"user","content":[{"type":"text","text":"日本 🌍"}]}],"model":"MODEL"}\n\n',
      ],
      [
        "anthropic",
        '{"max_tokens":5,"messages":[{"role":"user","content":"\\u00e9"}],"model":"MODEL","metadata":{"user_id":"{\\"a\\":1}"},"zero":-0.0}',
      ],
      [
        "anthropic",
        '{"model":"MODEL","max_tokens":5,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user","content":[{"type":"thinking","thinking":"t","signature":"EqQB+/=="},{"type":"new_block","x":[[[]]]}]}]}',
      ],
    ];
    for (const [index, [wire, template]] of odd.entries()) {
      const behaviour = `ok+odd=${index}`;
      const model = `${wire}/${behaviour}`;
      // Only the first is the field; a mention in a text must stay.
      const body = template.replace('"MODEL"', JSON.stringify(model));
      await assertRelayed(wire, behaviour, body);
    }
  });

  for (const wire of ["openai-chat", "anthropic"] as const) {
    test(`A29 spliceRequest() keeps the bytes of a growing prompt's prefix, ${wire}`, async () => {
      const cache = { type: "ephemeral" };
      const turns = ["first \u00e9 question", "an answer  with   spaces", "second 🌍 question"];
      const prefixes: string[] = [];
      for (const length of [1, 3]) {
        const messages = turns.slice(0, length).map((text, index) => ({
          role: index % 2 === 0 ? "user" : "assistant",
          content: [{ type: "text", text, ...(index === 0 ? { cache_control: cache } : {}) }],
        }));
        const behaviour = `ok+prefix=${wire}-${length}`;
        const body = JSON.stringify({ model: `${wire}/${behaviour}`, max_tokens: 5, messages });
        assert.equal((await post(wire, body)).status, 200);
        const received = (await upstream.body((await upstream.call(behaviour)).index)).toString();
        const marker = received.indexOf('"messages":');
        prefixes.push(received.slice(marker, marker + `"messages":[${JSON.stringify(messages[0])}`.length));
        assert.ok(body.includes(received.slice(marker)), "the prompt is the caller's own bytes");
      }
      assert.equal(hash(prefixes[0] ?? ""), hash(prefixes[1] ?? " "));
    });
  }
});

describe("response bytes", { concurrency: 4 }, () => {
  async function assertAnswer(
    wire: Wire,
    id: string,
    contentType: string,
    bytes: Buffer,
    complete = true,
  ): Promise<void> {
    const stream = contentType !== "application/json";
    // Cut where TCP might: in odd places, so that a frame rarely comes whole.
    const chunks: { data: string }[] = [];
    for (let at = 0; at < bytes.length; at += 997)
      chunks.push({ data: bytes.subarray(at, at + 997).toString("base64") });
    await upstream.script(id, {
      status: 200,
      headers: { "content-type": contentType, ...(stream ? {} : { "content-length": String(bytes.length) }) },
      chunks,
      encoding: "base64",
    });
    const body = {
      model: `${wire}/script-${id}`,
      max_tokens: 9,
      stream,
      ...(wire === "openai-chat" && stream ? { stream_options: { include_usage: true } } : {}),
      messages: [{ role: "user", content: "x" }],
    };
    const answer = await post(wire, JSON.stringify(body));
    if (!complete) {
      assert.ok(answer.bytes.subarray(0, bytes.length).equals(bytes), `${id}: what had come was relayed`);
      return;
    }
    assert.equal(answer.status, 200, `${id}: ${answer.text.slice(0, 300)}`);
    assert.equal(answer.bytes.length, bytes.length, id);
    assert.equal(hash(answer.bytes), hash(bytes), id);
    assert.match(answer.headers["content-type"] ?? "", stream ? /^text\/event-stream/ : /^application\/json/);
  }

  test("R1 relay() hands on odd but legal answers as they came", async () => {
    const frames = (end: string) =>
      [
        `data:{"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}`,
        `: a comment`,
        `data: {"id":"1", "model":"their-model", "choices":[{"index":0,"delta":{"content":"\\u00e9 🌍"},"finish_reason":null}], "new_field":{"x":1e2}}   `,
        `id: 7${end}event: message${end}data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`,
        `data: {"id":"1","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`,
        `data: [DONE]`,
        "",
      ].join(end + end);
    await assertAnswer("openai-chat", "lf", "text/event-stream; charset=utf-8", Buffer.from(frames("\n")));
    await assertAnswer("openai-chat", "crlf", "text/event-stream", Buffer.from(frames("\r\n")));
    const body =
      '{ "choices" : [ {"index":0,"message":{"content":"\\u00e9","role":"assistant"},"finish_reason":"stop"} ],"object":"chat.completion", "usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2 }, "id":"x","model":"theirs"}\n';
    await assertAnswer("openai-chat", "body", "application/json", Buffer.from(body));
  });

  test("R1 relay() hands on every recorded answer of its own wire", {
    skip: corpora === undefined && "no recordings: set BIFROST_CORPORA",
  }, async (t) => {
    const all = cassettes();
    assert.ok(all.length > 20, `${all.length} recordings`);
    t.diagnostic(`${all.length} recordings`);
    const problems: string[] = [];
    for (const [index, { name, wire, contentType, bytes, complete }] of all.entries()) {
      const id = `cassette-${index}-${name.replaceAll(/[^a-z0-9]/gi, "-")}`;
      await assertAnswer(wire, id, contentType, bytes, complete).catch((error: Error) => problems.push(error.message));
    }
    assert.deepEqual(problems, []);
  });
});

type Made = { readonly wire: Wire; readonly behaviour: string; readonly body: string };

/** What the SDKs really put on the wire, caught by a fetch of ours. */
async function sdkBodies(): Promise<Made[]> {
  const made: Made[] = [];
  let last = "";
  const fetch = (async (_url: unknown, init?: { body?: unknown }) => {
    last = String(init?.body);
    return new Response('{"error":{"message":"caught"}}', {
      status: 400,
      headers: { "content-type": "application/json" },
    });
  }) as typeof globalThis.fetch;
  const openai = new OpenAI({ apiKey: "x", baseURL: "http://caught/v1", maxRetries: 0, fetch });
  const anthropic = new Anthropic({ apiKey: "x", baseURL: "http://caught", maxRetries: 0, fetch });
  const texts = ["plain", "ünï", "🌍 \u2028", 'a "quote" \\ back', "tab\tnewline\n", "x".repeat(5000)];
  for (let index = 0; made.length < 200; index += 1) {
    const wire: Wire = index % 2 === 0 ? "openai-chat" : "anthropic";
    const behaviour = `ok+sdk=${index}`;
    const model = `${wire}/${behaviour}`;
    const content = `${texts[index % texts.length]} ${index}`;
    const stream = index % 3 === 0;
    const schema = { type: "object" as const, properties: { [`p${index}`]: { type: "string" } } };
    const asked =
      wire === "openai-chat"
        ? openai.chat.completions.create({
            messages: [
              { role: "system", content: "s" },
              { role: "user", content },
            ],
            model,
            stream,
            ...(index % 5 === 0 ? { tools: [{ type: "function", function: { name: "t", parameters: schema } }] } : {}),
            ...(index % 7 === 0 ? { temperature: 0.1 * index, seed: index } : {}),
          })
        : anthropic.messages.create({
            max_tokens: 10 + index,
            messages: [{ role: "user", content: [{ type: "text", text: content }] }],
            stream,
            model,
            ...(index % 5 === 0 ? { tools: [{ name: "t", input_schema: schema }] } : {}),
            ...(index % 7 === 0 ? { metadata: { user_id: content } } : {}),
          });
    await Promise.resolve(asked).catch(() => {}); // the caught answer is a failure by design
    made.push({ wire, behaviour, body: last });
  }
  return made;
}
