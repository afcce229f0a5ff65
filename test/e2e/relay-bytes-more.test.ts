/** The diagonal of OpenAI's responses and of Gemini: what goes in comes out, byte for byte, but for the model's name. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { headersFor, pathFor, send } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";

type Wire = "openai-responses" | "gemini";
const callers = { "openai-responses": "responses", gemini: "gemini" } as const;

let upstream: FaultUpstream;
let daemon: Daemon;
let key: string;
before(async () => {
  upstream = await startFaultUpstream();
  const provider = (dialect: Wire, version: string) => ({
    base_url: `${upstream.origin}${version}`,
    dialect,
    api_key: "env.UPSTREAM_KEY",
  });
  daemon = await startDaemon({
    env: { UPSTREAM_KEY: "x" },
    config: {
      providers: { "openai-responses": provider("openai-responses", "/v1"), gemini: provider("gemini", "/v1beta") },
    },
  });
  key = await daemon.createKey();
});
after(async () => {
  await daemon?.stop();
  await upstream?.stop();
});

async function post(wire: Wire, model: string, stream: boolean, body: string) {
  const dialect = callers[wire];
  const path = pathFor({ dialect, model, stream });
  const opened = await send(daemon.url, { method: "POST", path, headers: headersFor({ dialect, key }), body });
  return opened.answer();
}

/** Responses name the model in the body, Gemini in the path. */
const odd: readonly (readonly [Wire, string])[] = [
  [
    "openai-responses",
    '{ "input" : [ {"role":"user","content":[{"type":"input_text","text":"\\u0041\\ud83c\\udf0d \\/ model"}]} ,{"type":"new_item","x":[[1E400,-0.0]]}],\n\t"model" : MODEL , "store":false,"include":["reasoning.encrypted_content"] }',
  ],
  [
    "openai-responses",
    '{"model":MODEL,"input":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAA_-=="},{"role":"user","content":"x"}],"previous_response_id":null,"unknown":{"model":"inner"}}',
  ],
  [
    "gemini",
    '\n{"contents":[{"role":"user","parts":[{"text":"\\u00e9 日本"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{"n":12345678901234567890}},"thoughtSignature":"EqQB+/=="}]},{"parts":[{"functionResponse":{"name":"f","response":{"a":1.0e0}}}]}] , "generationConfig":{"thinkingConfig":{"thinkingBudget":-1}},"new_field":[ ]}\n',
  ],
  ["gemini", '{"system_instruction":{"parts":[{"text":"s"}]},"contents":[{"parts":[{"text":"a  b"}]}]}'],
];

describe("request bytes", { concurrency: 4 }, () => {
  test("R1 spliceRequest() leaves odd spellings of responses and Gemini as they were", async () => {
    for (const [index, [wire, template]] of odd.entries()) {
      const behaviour = `ok+odd=${index}`;
      const body = template.replace("MODEL", JSON.stringify(`${wire}/${behaviour}`));
      const answer = await post(wire, `${wire}/${behaviour}`, false, body);
      assert.equal(answer.status, 200, answer.text);
      const received = (await upstream.body((await upstream.call(behaviour)).index)).toString();
      assert.equal(received, template.replace("MODEL", JSON.stringify(behaviour)));
    }
  });

  test("A29 spliceRequest() keeps the bytes of a growing prompt's prefix, of responses and of Gemini", async () => {
    const turns = ["first \u00e9 question", "an answer  with   spaces", "second 🌍 question"];
    for (const wire of ["openai-responses", "gemini"] as const) {
      const prompts: string[] = [];
      for (const length of [1, 3]) {
        const behaviour = `ok+prefix=${length}`;
        const said = turns
          .slice(0, length)
          .map((text, index) =>
            wire === "gemini"
              ? { role: index % 2 === 0 ? "user" : "model", parts: [{ text }] }
              : { role: index % 2 === 0 ? "user" : "assistant", content: text },
          );
        const body = wire === "gemini" ? { contents: said } : { model: `${wire}/${behaviour}`, input: said };
        assert.equal((await post(wire, `${wire}/${behaviour}`, false, JSON.stringify(body))).status, 200);
        const calls = await upstream.calls(behaviour);
        const received = (await upstream.body(calls.at(-1)!.index)).toString();
        prompts.push(received.slice(received.indexOf("[")));
      }
      assert.ok(prompts[1]!.startsWith(prompts[0]!.slice(0, prompts[0]!.lastIndexOf("]"))), wire);
    }
  });
});

const corpora = process.env["BIFROST_CORPORA"];
const noCorpora = corpora === undefined || !existsSync(corpora) ? "no recordings: set BIFROST_CORPORA" : false;
/** An error, and one whose last event lacks a brace. */
const broken = /openai-error|parallel-tool-call-wrapper\.1\.chunks/;

type Cassette = { readonly name: string; readonly wire: Wire; readonly stream: boolean; readonly bytes: Buffer };

function cassettes(): Cassette[] {
  if (corpora === undefined) return [];
  const patterns = ["{openai/responses,open-responses/responses,azure,xai/responses,google}/*.{json,chunks.txt}"];
  return globSync(patterns.map((pattern) => join(corpora, "vercel-ai", pattern)))
    .sort()
    .flatMap((name): Cassette[] => {
      const text = readFileSync(name, "utf8");
      const wire = /"object": *"response"/.test(text)
        ? "openai-responses"
        : text.includes('"candidates"')
          ? "gemini"
          : undefined;
      if (wire === undefined || broken.test(name)) return [];
      if (name.endsWith(".json")) return [{ name, wire, stream: false, bytes: Buffer.from(text) }];
      const lines = text.split("\n").filter((line) => line.trim() !== "");
      const last = lines.findIndex((line) => /"type":\s*"response\.(completed|incomplete)"/.test(line));
      const kept = wire === "gemini" ? lines : lines.slice(0, last + 1);
      const frames = kept.map((line) => {
        const type = /"type":\s*"(response\.[\w.]+)"/.exec(line)?.[1];
        return `${wire === "gemini" || type === undefined ? "" : `event: ${type}\n`}data: ${line}\n\n`;
      });
      return [{ name, wire, stream: true, bytes: Buffer.from(frames.join("")) }];
    });
}

describe("response bytes", () => {
  test("R1 relay() hands on every recorded answer of responses and Gemini", { skip: noCorpora }, async () => {
    const all = cassettes();
    assert.ok(all.length > 80, `${all.length} recordings`);
    for (const [index, { name, wire, stream, bytes }] of all.entries()) {
      const id = `more-${index}`;
      // Cut where TCP might: in odd places, so that a frame rarely comes whole.
      const chunks: { data: string }[] = [];
      for (let at = 0; at < bytes.length; at += 1997) {
        chunks.push({ data: bytes.subarray(at, at + 1997).toString("base64") });
      }
      const headers = stream
        ? { "content-type": "text/event-stream" }
        : { "content-type": "application/json", "content-length": String(bytes.length) };
      await upstream.script(id, { status: 200, headers, chunks, encoding: "base64" });
      const model = `${wire}/script-${id}`;
      const body = wire === "gemini" ? { contents: [{ parts: [{ text: "x" }] }] } : { model, input: "x", stream };
      const answer = await post(wire, model, stream, JSON.stringify(body));
      assert.equal(answer.status, 200, `${name}: ${answer.text.slice(0, 300)}`);
      assert.ok(answer.bytes.equals(bytes), `${name}: ${answer.bytes.length} bytes for ${bytes.length}`);
    }
  });
});
