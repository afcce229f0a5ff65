/**
 * What coding agents that speak chat completions send and wait for, on the wire: opencode, and editors of Cursor's kind
 * (Cline, Roo, Continue). Each with a provider of its own API and one of another.
 */
import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { after, before, describe, test } from "node:test";
import { send } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { frames } from "../support/seen.ts";

let daemon: Daemon;
let upstream: Server;
let key: string;
let seen: { headers: IncomingHttpHeaders; body: string } = { headers: {}, body: "" };
/** What the provider answers, with pauses in between. */
let answer: { readonly status: number; readonly type: string; readonly parts: readonly string[] };
const pauseMs = 250;

before(async () => {
  upstream = createServer((request, response) => {
    const body: Buffer[] = [];
    request.on("data", (part: Buffer) => body.push(part));
    request.on("end", async () => {
      seen = { headers: request.headers, body: Buffer.concat(body).toString("utf8") };
      response.writeHead(answer.status, { "content-type": answer.type });
      for (const part of answer.parts) {
        if (part !== "pause") response.write(part);
        else await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
      response.end();
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const { port } = upstream.address() as { port: number };
  const provider = (dialect: string) => ({
    ...{ base_url: `http://127.0.0.1:${port}/v1`, dialect, models: ["m"], api_key: "env.KEY" },
  });
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      server: { keep_alive_comment: "50ms" },
      providers: { chat: provider("openai-chat"), claude: provider("anthropic") },
      prices: { "chat/*": { input: 1, output: 2 }, "claude/*": { input: 1, output: 2 } },
    },
  });
  key = await daemon.createKey();
});
after(async () => {
  await daemon?.stop();
  upstream?.close();
});

async function ask(body: object, headers: Record<string, string> = {}, secret = key) {
  const opened = await send(daemon.url, {
    method: "POST",
    path: "/v1/chat/completions",
    headers: { "content-type": "application/json", authorization: `Bearer ${secret}`, ...headers },
    body: JSON.stringify(body),
  });
  return opened.answer();
}

type Delta = {
  content?: string | null;
  reasoning_content?: string;
  reasoning_details?: object[];
  tool_calls?: object[];
};
type Chunk = { choices: { delta: Delta; finish_reason: string | null }[]; usage?: object | null };

/** As these clients read a stream: by lines of `data:`, nothing else counts. */
function chunksOf(text: string): readonly Chunk[] {
  const data = frames(text).map((frame) => frame.data);
  assert.equal(data.at(-1), "[DONE]");
  return data
    .slice(0, -1)
    .filter((one) => one !== "")
    .map((one) => JSON.parse(one) as Chunk);
}

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const usageChunk = `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [], usage: { prompt_tokens: 900, completion_tokens: 20, total_tokens: 920, prompt_tokens_details: { cached_tokens: 800 } } })}\n\n`;
const event = (type: string, data: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;

/** Thinks for long, signs it, and asks for a tool; most of the prompt comes from its cache. */
const claudeThinks = (): readonly string[] => [
  event("message_start", {
    message: {
      ...{ id: "msg_1", type: "message", role: "assistant", content: [], model: "m" },
      usage: { input_tokens: 100, cache_read_input_tokens: 800, cache_creation_input_tokens: 0, output_tokens: 1 },
    },
  }),
  event("content_block_start", { index: 0, content_block: { type: "thinking", thinking: "", signature: "" } }),
  event("content_block_delta", { index: 0, delta: { type: "thinking_delta", thinking: "look first" } }),
  ...["pause", "pause"],
  event("content_block_delta", { index: 0, delta: { type: "signature_delta", signature: "c2ln/+==" } }),
  event("content_block_stop", { index: 0 }),
  event("content_block_start", {
    index: 1,
    content_block: { type: "tool_use", id: "toolu_1", name: "bash", input: {} },
  }),
  event("content_block_delta", { index: 1, delta: { type: "input_json_delta", partial_json: '{"command":' } }),
  ...["pause"],
  event("content_block_delta", { index: 1, delta: { type: "input_json_delta", partial_json: '"ls"}' } }),
  event("content_block_stop", { index: 1 }),
  event("message_delta", { delta: { stop_reason: "tool_use" }, usage: { output_tokens: 20 } }),
  event("message_stop", {}),
];

const bash = {
  type: "function",
  function: {
    name: "bash",
    description: "Runs a command",
    parameters: {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      properties: { command: { type: "string" } },
      required: ["command"],
      additionalProperties: false,
    },
  },
};

describe("opencode", () => {
  const headers = {
    "user-agent": "opencode/1.18.33 ai-sdk/provider-utils/4.0.0 runtime/bun/1.3.0",
    "x-session-affinity": "ses_1",
  };
  const turn = (model: string) => ({
    model,
    max_tokens: 32_000,
    messages: [
      { role: "system", content: [{ type: "text", text: "You are opencode", cache_control: { type: "ephemeral" } }] },
      { role: "user", content: "list the files" },
    ],
    tools: [bash],
    tool_choice: "auto",
    stream: true,
    stream_options: { include_usage: true },
  });

  test("with a provider of its own API: its body and the silence go by as they are", async () => {
    const parts = [chunk({ role: "assistant", content: "" }), "pause", chunk({ reasoning_content: "hm" }), "pause"];
    const call = {
      index: 0,
      id: "call_1",
      type: "function",
      function: { name: "bash", arguments: '{"command":"ls"}' },
    };
    const rest = [chunk({ tool_calls: [call] }), chunk({}, "tool_calls"), usageChunk, "data: [DONE]\n\n"];
    answer = { status: 200, type: "text/event-stream", parts: [...parts, ...rest] };
    const { status, text } = await ask(turn("chat/m"), headers);
    assert.equal(status, 200, text);
    assert.deepEqual(JSON.parse(seen.body), turn("m"));
    assert.ok(text.includes(": ping\n"), "the silence was filled");
    const told = chunksOf(text);
    assert.deepEqual(
      told.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []),
      [call],
    );
    assert.deepEqual(told.at(-1)?.usage, (JSON.parse(usageChunk.slice(6)) as Chunk).usage);
  });

  test("with Anthropic: cache markers, tools and long thinking arrive, and its next turn gives the proof back", async () => {
    answer = { status: 200, type: "text/event-stream", parts: claudeThinks() };
    const { status, text } = await ask(turn("claude/m"), headers);
    assert.equal(status, 200, text);
    const sent = JSON.parse(seen.body) as { system: object[]; tools: { input_schema: object }[]; max_tokens: number };
    assert.deepEqual(sent.system, [{ type: "text", text: "You are opencode", cache_control: { type: "ephemeral" } }]);
    assert.deepEqual([sent.tools[0]?.input_schema, sent.max_tokens], [bash.function.parameters, 32_000]);
    assert.ok(text.includes(": ping\n"), "the silence was filled");
    const told = chunksOf(text);
    const deltas = told.flatMap(({ choices }) => choices.map(({ delta }) => delta));
    assert.equal(deltas.map((delta) => delta.reasoning_content ?? "").join(""), "look first");
    assert.deepEqual(told.at(-1)?.usage, {
      ...{ prompt_tokens: 900, completion_tokens: 20, total_tokens: 920 },
      prompt_tokens_details: { cached_tokens: 800, cache_write_tokens: 0 },
    });
    const details = deltas.flatMap((delta) => delta.reasoning_details ?? []);
    const next = {
      ...turn("claude/m"),
      messages: [
        ...turn("claude/m").messages,
        {
          role: "assistant",
          content: null,
          reasoning_details: details,
          tool_calls: [{ id: "toolu_1", type: "function", function: { name: "bash", arguments: '{"command":"ls"}' } }],
        },
        { role: "tool", tool_call_id: "toolu_1", content: "a.txt" },
      ],
    };
    answer = { status: 200, type: "text/event-stream", parts: claudeThinks() };
    assert.equal((await ask(next, headers)).status, 200);
    const { messages } = JSON.parse(seen.body) as { messages: { role: string; content: object[] }[] };
    assert.deepEqual(messages.slice(1), [
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "look first", signature: "c2ln/+==" },
          { type: "tool_use", id: "toolu_1", name: "bash", input: { command: "ls" } },
        ],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "a.txt" }] },
    ]);
  });
});

describe("editors of Cursor's kind", () => {
  const turn = (model: string) => ({
    model,
    temperature: 0,
    messages: [
      { role: "system", content: "You are a pair programmer." },
      {
        role: "user",
        content: [
          { type: "text", text: "<open_files>\na.ts\n</open_files>" },
          { type: "text", text: "rename x to y" },
        ],
      },
    ],
    stream: true,
    stream_options: { include_usage: true },
    user: "editor|user_01",
  });

  test("ask for a verification of the key first, without a stream", async () => {
    answer = {
      status: 200,
      type: "application/json",
      parts: [
        JSON.stringify({
          ...{ id: "c", object: "chat.completion", created: 1, model: "m" },
          choices: [{ index: 0, message: { role: "assistant", content: "4" }, finish_reason: "stop" }],
          usage: { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 },
        }),
      ],
    };
    const probe = { model: "chat/m", messages: [{ role: "user", content: "2+2" }], max_tokens: 10 };
    assert.equal((await ask(probe)).status, 200);
    const refused = await ask(probe, {}, "sk-bf-gone");
    const { error } = JSON.parse(refused.text) as { error: { code: string; type: string } };
    assert.deepEqual([refused.status, error.code, error.type], [401, "invalid_api_key", "authentication_error"]);
    const models = await send(daemon.url, {
      method: "GET",
      path: "/v1/models",
      headers: { authorization: `Bearer ${key}` },
      body: undefined,
    }).then((opened) => opened.answer());
    const { data } = JSON.parse(models.text) as { data: { id: string }[] };
    assert.ok(data.some(({ id }) => id === "chat/m"));
  });

  for (const provider of ["chat", "claude"]) {
    test(`stream from ${provider}, with text in parts and their own user`, async () => {
      const own = [chunk({ role: "assistant", content: "" }), "pause", chunk({ content: "done" }), chunk({}, "stop")];
      const other = claudeThinks()
        .filter((part) => !part.includes('"index":1') && part !== "pause")
        .map((part) => part.replace('"stop_reason":"tool_use"', '"stop_reason":"end_turn"'));
      answer = {
        status: 200,
        type: "text/event-stream",
        parts: provider === "chat" ? [...own, usageChunk, "data: [DONE]\n\n"] : other,
      };
      const { status, text } = await ask(turn(`${provider}/m`));
      assert.equal(status, 200, text);
      const told = chunksOf(text);
      assert.equal(told.flatMap(({ choices }) => choices[0]?.finish_reason ?? []).join(), "stop");
      assert.ok(told.at(-1)?.usage, "usage, as it was asked for");
      assert.match(seen.body, /rename x to y/);
      if (provider === "claude") assert.match(seen.body, /"metadata":\{"user_id":"editor\|user_01"\}/);
    });

    test(`hear from ${provider} why it refused, in its own words, and not only that it did`, async () => {
      const error = { type: "invalid_request_error", message: "prompt is too long: 210000 tokens" };
      answer = {
        status: 400,
        type: "application/json",
        parts: [JSON.stringify(provider === "chat" ? { error } : { type: "error", error })],
      };
      const refused = await ask(turn(`${provider}/m`));
      const told = JSON.parse(refused.text) as { error: { message: string; type: string; source: string } };
      assert.deepEqual([refused.status, told.error.type], [400, "invalid_request_error"]);
      assert.match(told.error.message, /prompt is too long: 210000 tokens/);
    });
  }

  test("are told by 402, once and for all, that the budget is spent, and do not go round in circles", async () => {
    const poor = await daemon.createKey({ budget: "0.000001/1d" });
    const spent = await ask({ ...turn("chat/m"), max_tokens: 100 }, {}, poor);
    const { error } = JSON.parse(spent.text) as { error: { code: string; message: string } };
    assert.deepEqual([spent.status, error.code, spent.headers["x-should-retry"]], [402, "budget_exceeded", "false"]);
    assert.match(error.message, /budget/);
  });
});
