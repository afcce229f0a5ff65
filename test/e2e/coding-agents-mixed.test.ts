/**
 * What Cursor sends to chat completions, on the wire: an agent's turn with a response's `input`, a question with a flat
 * grammar tool among usual ones, and, for models of Anthropic's, its tools and blocks. No provider takes such a body as it
 * is; each is asked in its own words, and the answer is told in chunks.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { send } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { frames } from "../support/seen.ts";

let daemon: Daemon;
let upstream: Server;
let key: string;
let seen: { path: string; body: string } = { path: "", body: "" };

const patch = "*** Begin Patch\n*** End Patch";
const wire = (data: object, event = "") =>
  `${event === "" ? "" : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;
const chunk = (delta: object, finish: string | null = null) =>
  wire({
    ...{ id: "c", object: "chat.completion.chunk", created: 1, model: "m" },
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
/** A call of ApplyPatch as each API tells it: its text as a function's argument where the provider knows functions only. */
const answers: Readonly<Record<string, () => string>> = {
  "/v1/chat/completions": () => {
    const args = JSON.stringify({ input: patch });
    const isFunction = !seen.body.includes('"type":"custom"');
    const call = isFunction
      ? { index: 0, id: "call_1", type: "function", function: { name: "ApplyPatch", arguments: args } }
      : { index: 0, id: "call_1", type: "custom", custom: { name: "ApplyPatch", input: patch } };
    return `${chunk({ role: "assistant", tool_calls: [call] })}${chunk({}, "tool_calls")}${wire({ id: "c", choices: [], usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 } })}data: [DONE]\n\n`;
  },
  "/v1/messages": () => {
    const events = [
      { type: "message_start", message: { id: "m1", content: [], usage: { input_tokens: 9, output_tokens: 1 } } },
      {
        type: "content_block_start",
        index: 0,
        content_block: { type: "tool_use", id: "call_1", name: "ApplyPatch", input: {} },
      },
      {
        type: "content_block_delta",
        index: 0,
        delta: { type: "input_json_delta", partial_json: JSON.stringify({ input: patch }) },
      },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 3 } },
      { type: "message_stop" },
    ];
    return events.map((event) => wire(event, event.type)).join("");
  },
  "/v1/responses": () => {
    const item = { type: "custom_tool_call", id: "ctc", call_id: "call_1", name: "ApplyPatch", input: patch };
    const usage = { input_tokens: 9, output_tokens: 3, total_tokens: 12 };
    const response = { id: "resp_1", object: "response", status: "completed", model: "m", output: [item], usage };
    const events = [
      { type: "response.created", response: { ...response, status: "in_progress", output: [] } },
      { type: "response.output_item.added", output_index: 0, item: { ...item, input: "" } },
      { type: "response.custom_tool_call_input.delta", output_index: 0, item_id: "ctc", delta: patch },
      { type: "response.output_item.done", output_index: 0, item },
      { type: "response.completed", response },
    ];
    return events.map((event, index) => wire({ ...event, sequence_number: index }, event.type)).join("");
  },
};

before(async () => {
  upstream = createServer((request, response) => {
    const body: Buffer[] = [];
    request.on("data", (part: Buffer) => body.push(part));
    request.on("end", () => {
      seen = { path: request.url ?? "", body: Buffer.concat(body).toString("utf8") };
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(answers[seen.path]?.() ?? "");
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`;
  const of = (host: object) => ({ ...host, base_url: base, models: ["m"], api_key: "env.KEY", free: true });
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      providers: {
        openai: of({ host: "openai" }),
        local: of({ host: "vllm" }),
        claude: of({ dialect: "anthropic" }),
      },
    },
  });
  key = await daemon.createKey();
});
after(async () => {
  await daemon?.stop();
  upstream?.close();
});

async function ask(body: object) {
  const opened = await send(daemon.url, {
    method: "POST",
    path: "/cursor/chat/completions",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  });
  const { status, text } = await opened.answer();
  assert.equal(status, 200, text);
  return { text, sent: JSON.parse(seen.body) as Sent };
}

type Sent = {
  input?: { type?: string; role?: string }[];
  messages?: { role: string; content: unknown; tool_calls?: unknown }[];
  tools: unknown[];
};
type Call = { id?: string; custom?: { name?: string; input: string }; function?: { name?: string; arguments: string } };

/** The call that the client puts together, in either shape, and how the stream ended. */
function told(text: string) {
  const data = frames(text).map((frame) => frame.data);
  assert.equal(data.at(-1), "[DONE]");
  const chunks = data.slice(0, -1).map(
    (one) =>
      JSON.parse(one) as {
        object: string;
        choices: { delta: { tool_calls?: Call[] }; finish_reason: string | null }[];
        usage?: unknown;
      },
  );
  assert.deepEqual([...new Set(chunks.map(({ object }) => object))], ["chat.completion.chunk"]);
  const calls = chunks.flatMap(({ choices }) => choices.flatMap(({ delta }) => delta.tool_calls ?? []));
  return {
    id: calls[0]?.id,
    name: calls[0]?.function?.name,
    custom: calls.map(({ custom }) => custom?.input ?? "").join(""),
    fn: calls.map((call) => call.function?.arguments ?? "").join(""),
    finish: chunks.flatMap(({ choices }) => choices.flatMap(({ finish_reason: reason }) => reason ?? [])),
    usage: chunks.some(({ usage }) => usage !== undefined && usage !== null),
  };
}
const patched = {
  ...{ id: "call_1", name: "ApplyPatch", custom: patch, fn: patch },
  ...{ finish: ["tool_calls"], usage: true },
};

const shell = { name: "Shell", description: "Runs", parameters: { type: "object", properties: {}, required: [] } };
const flatPatch = {
  ...{ type: "custom", name: "ApplyPatch", description: "Edits" },
  format: { type: "grammar", syntax: "lark", definition: "start: /.+/" },
};
const nestedPatch = {
  type: "custom",
  custom: {
    ...{ name: "ApplyPatch", description: "Edits" },
    format: { type: "grammar", grammar: { syntax: "lark", definition: "start: /.+/" } },
  },
};
const stream = { stream: true, stream_options: { include_usage: true, include_obfuscation: false }, user: "u" };

describe("an agent's turn, with a response's input", () => {
  const turn = (model: string) => ({
    ...{ model, ...stream, store: false, include: ["reasoning.encrypted_content"], reasoning: { effort: "high" } },
    input: [
      { role: "system", content: "You are an agent" },
      { role: "user", content: [{ type: "input_text", text: "fix it" }] },
      { type: "function_call", call_id: "c1", name: "Shell", arguments: "{}" },
      { type: "function_call_output", call_id: "c1", output: "ok" },
    ],
    tools: [{ type: "function", ...shell }, flatPatch],
    tool_choice: "auto",
  });

  test("reaches OpenAI as a response, with all it says", async () => {
    const { text, sent } = await ask(turn("openai/m"));
    assert.equal(seen.path, "/v1/responses");
    assert.deepEqual(sent.tools, [{ type: "function", ...shell }, flatPatch]);
    assert.deepEqual(
      sent.input?.map((item) => item.type ?? item.role),
      ["message", "message", "function_call", "function_call_output"],
    );
    assert.deepEqual(told(text), patched);
  });

  for (const provider of ["local", "claude"]) {
    test(`reaches ${provider} in its own words`, async () => {
      const { text, sent } = await ask(turn(`${provider}/m`));
      assert.equal(seen.path, provider === "local" ? "/v1/chat/completions" : "/v1/messages");
      assert.equal(sent.input, undefined);
      assert.deepEqual(
        sent.messages?.map(({ role }) => role),
        provider === "local" ? ["system", "user", "assistant", "tool"] : ["user", "assistant", "user"],
      );
      assert.match(JSON.stringify(sent.tools[1]), /"input":\{"type":"string"/);
      assert.deepEqual(told(text), patched);
    });
  }
});

describe("a question, with a flat grammar tool among usual ones and an empty content", () => {
  const called = { id: "c1", type: "function", function: { name: "ApplyPatch", arguments: patch } };
  const turn = (model: string) => ({
    ...{ model, ...stream },
    messages: [
      { role: "user", content: "go" },
      { role: "assistant", content: [], tool_calls: [called] },
      { role: "tool", tool_call_id: "c1", content: "done" },
    ],
    tools: [{ type: "function", function: shell }, flatPatch],
  });

  test("reaches OpenAI as a chat completion that it takes", async () => {
    const { text, sent } = await ask(turn("openai/m"));
    assert.equal(seen.path, "/v1/chat/completions");
    assert.deepEqual(sent.tools, [{ type: "function", function: shell }, nestedPatch]);
    const { role, ...said } = sent.messages![1]!;
    const back = { id: "c1", type: "custom", custom: { name: "ApplyPatch", input: patch } };
    assert.deepEqual([role, said], ["assistant", { content: null, tool_calls: [back] }]);
    assert.deepEqual(told(text), patched);
  });

  for (const provider of ["local", "claude"])
    test(`reaches ${provider} as functions`, async () => {
      const { text, sent } = await ask(turn(`${provider}/m`));
      assert.doesNotMatch(seen.body, /"type":"custom"/);
      assert.equal(sent.tools.length, 2);
      assert.deepEqual(told(text), patched);
    });
});

describe("Anthropic's tools and blocks in a chat", () => {
  const { parameters, ...named } = shell;
  const turn = (model: string) => ({
    ...{ model, stream: true },
    messages: [
      { role: "user", content: [{ type: "text", text: "go" }] },
      { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "Shell", input: { command: "ls" } }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: [{ type: "text", text: "a" }] }] },
    ],
    tools: [{ ...named, input_schema: parameters }],
    tool_choice: { type: "auto" },
  });

  test("reach a chat's provider as calls and messages of role tool", async () => {
    const { sent } = await ask(turn("openai/m"));
    assert.deepEqual(sent.tools, [{ type: "function", function: shell }]);
    const fn = { name: "Shell", arguments: '{"command":"ls"}' };
    assert.deepEqual(sent.messages?.slice(1), [
      { role: "assistant", content: null, tool_calls: [{ id: "t1", type: "function", function: fn }] },
      { role: "tool", tool_call_id: "t1", content: "a" },
    ]);
  });

  test("a call alone is known as a block, among messages and tools that are a chat's own", async () => {
    const [question, call] = turn("").messages;
    const result = { role: "tool", tool_call_id: "t1", content: "a" };
    const tools = [{ type: "function", function: shell }];
    const { sent } = await ask({ model: "local/m", messages: [question, call, result], tools });
    const fn = { name: "Shell", arguments: '{"command":"ls"}' };
    assert.deepEqual(sent.messages?.slice(1), [
      { role: "assistant", content: null, tool_calls: [{ id: "t1", type: "function", function: fn }] },
      result,
    ]);
  });

  test("reach Anthropic as they were", async () => {
    const { sent } = await ask(turn("claude/m"));
    assert.deepEqual(sent.messages?.slice(1, 2), turn("").messages.slice(1, 2));
    assert.deepEqual(sent.tools, turn("").tools);
  });
});

test("a chat whose words are all its own goes by byte for byte, empty lists in it and all", async () => {
  const typed = { ...shell, parameters: { type: "object", properties: { input: { type: "string" } } } };
  const messages = [{ role: "user", content: 'a "tool_use" has an "input"', "x-own": [] }];
  const own = { model: "m", messages, tools: [nestedPatch, { type: "function", function: typed }], zzz: 1 };
  await ask({ ...own, model: "local/m" });
  assert.equal(seen.body, JSON.stringify(own));
});
