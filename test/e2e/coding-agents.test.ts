/** What coding agents send and wait for, on the wire: their probes, headers, odd fields and long silences. */
import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { after, before, describe, test } from "node:test";
import { WebSocket } from "ws";
import { send } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { frames } from "../support/seen.ts";
import { until } from "../support/until.ts";

let daemon: Daemon;
let upstream: Server;
let key: string;
let seen: { url: string; headers: IncomingHttpHeaders; body: string } = { url: "", headers: {}, body: "" };
/** What the provider streams, with pauses in between. */
let parts: readonly string[] = [];
let type = "text/event-stream";

before(async () => {
  upstream = createServer((request, response) => {
    const body: Buffer[] = [];
    request.on("data", (part: Buffer) => body.push(part));
    request.on("end", async () => {
      seen = { url: request.url ?? "", headers: request.headers, body: Buffer.concat(body).toString("utf8") };
      response.writeHead(200, { "content-type": type });
      for (const part of parts) {
        if (part !== "pause") response.write(part);
        else await new Promise((resolve) => setTimeout(resolve, 200));
      }
      response.end();
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const { port } = upstream.address() as { port: number };
  const provider = (dialect: string, path: string) => ({
    base_url: `http://127.0.0.1:${port}${path}`,
    dialect,
    models: ["m"],
    api_key: "env.KEY",
  });
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      server: { keep_alive_comment: "50ms" },
      providers: {
        claude: provider("anthropic", "/v1"),
        codex: provider("openai-responses", "/v1"),
        goog: provider("gemini", "/v1beta"),
      },
    },
  });
  key = await daemon.createKey();
});
after(async () => {
  await daemon?.stop();
  upstream?.close();
});

async function ask(method: string, path: string, headers: Record<string, string>, body?: object) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return (
    await send(daemon.url, { method, path, headers: { "content-type": "application/json", ...headers }, body: text })
  ).answer();
}

const event = (name: string, data: object) => `event: ${name}\ndata: ${JSON.stringify({ type: name, ...data })}\n\n`;

describe("Claude Code", () => {
  const headers = () => ({
    authorization: `Bearer ${key}`,
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "interleaved-thinking-2025-05-14,context-management-2025-06-27",
    "x-app": "cli",
    "user-agent": "claude-cli/2.0 (external, cli)",
  });

  test("finds the gateway, and lists its models", async () => {
    assert.equal((await ask("HEAD", "/", {})).status, 200);
    const options = await ask("OPTIONS", "/v1/messages", {});
    assert.deepEqual([options.status, options.headers.allow], [204, "POST, OPTIONS"]);
    const models = await ask("GET", "/v1/models?limit=1000", headers());
    const { data, has_more: more } = JSON.parse(models.text) as {
      data: { id: string; type: string }[];
      has_more: boolean;
    };
    assert.ok(data.some(({ id, type: kind }) => id === "claude/m" && kind === "model"));
    assert.equal(more, false);
  });

  test("has its betas, its metadata and its newest fields reach the provider, and thinking come back signed", async () => {
    type = "text/event-stream";
    const thinking = event("content_block_delta", {
      index: 0,
      delta: { type: "signature_delta", signature: "c2ln/+==" },
    });
    parts = [
      event("message_start", {
        message: {
          id: "msg_1",
          type: "message",
          role: "assistant",
          content: [],
          model: "m",
          usage: { input_tokens: 5, output_tokens: 1 },
        },
      }),
      event("content_block_start", { index: 0, content_block: { type: "thinking", thinking: "", signature: "" } }),
      event("content_block_delta", { index: 0, delta: { type: "thinking_delta", thinking: "hm" } }),
      ...["pause", "pause"],
      thinking,
      event("content_block_stop", { index: 0 }),
      event("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 9 } }),
      event("message_stop", {}),
    ];
    const body = {
      model: "claude/m",
      max_tokens: 2_048,
      stream: true,
      messages: [
        { role: "user", content: [{ type: "text", text: "hi", cache_control: { type: "ephemeral", ttl: "1h" } }] },
      ],
      thinking: { type: "enabled", budget_tokens: 1_024 },
      metadata: { user_id: JSON.stringify({ device_id: "d", account_uuid: "", session_id: "s" }) },
      context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
      output_config: { effort: "medium" },
      tools: [{ name: "Read", input_schema: { type: "object" }, input_examples: [{ path: "/" }] }],
    };
    const answer = await ask("POST", "/v1/messages?beta=true", headers(), body);
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(seen.body), { ...body, model: "m" });
    assert.equal(seen.headers["anthropic-beta"], headers()["anthropic-beta"]);
    assert.equal(seen.headers["x-api-key"], "upstream-secret");
    assert.equal(seen.headers.authorization, undefined);
    assert.ok(answer.text.includes(thinking), "the signature is as it was");
    assert.ok(answer.text.includes(": ping\n"), "the silence was filled");
    assert.equal(frames(answer.text).at(-1)?.event, "message_stop");
  });

  test("is told the name that it asked for, without which it drops its thinking; others hear the provider's", async () => {
    const start = (model: string) =>
      event("message_start", { message: { id: "msg_1", content: [], model, usage: { input_tokens: 5 } } });
    const rest = [
      event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
      event("content_block_delta", { index: 0, delta: { type: "text_delta", text: '"model":"m" Ü' } }),
      event("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 9 } }),
      event("message_stop", {}),
    ];
    const asked = { model: "claude/m", max_tokens: 9, messages: [{ role: "user", content: "hi" }] };
    const other = { ...headers(), "user-agent": "Anthropic/JS 1.12.0" };
    for (const [agent, name] of [
      [headers(), "claude/m"],
      [other, "m"],
    ] as const) {
      [type, parts] = ["text/event-stream", [start("m"), ...rest]];
      const streamed = await ask("POST", "/v1/messages", agent, { ...asked, stream: true });
      const without = streamed.text.replaceAll(": ping\n\n", "");
      assert.equal(without, [start(name), ...rest].join(""));
      const whole = (model: string) =>
        JSON.stringify({ id: "msg_1", content: [{ type: "text", text: '"model":"m"' }], model, usage: {} });
      [type, parts] = ["application/json", [whole("m")]];
      assert.equal((await ask("POST", "/v1/messages", agent, asked)).text, whole(name));
    }
  });

  test("counts tokens with the provider, and hears its errors in Anthropic's words", async () => {
    type = "application/json";
    parts = ['{"input_tokens":42}'];
    const counted = await ask("POST", "/v1/messages/count_tokens?beta=true", headers(), {
      model: "claude/m",
      messages: [{ role: "user", content: "hi" }],
    });
    assert.deepEqual(JSON.parse(counted.text), { input_tokens: 42 });
    const lost = await ask(
      "POST",
      "/v1/messages",
      { ...headers(), authorization: "Bearer sk-bf-gone" },
      { model: "claude/m" },
    );
    const told = JSON.parse(lost.text) as { type: string; error: { type: string } };
    assert.deepEqual([lost.status, told.type, told.error.type], [401, "error", "authentication_error"]);
  });
});

describe("Codex", () => {
  test("has encrypted reasoning and its own fields go both ways as they are", async () => {
    type = "text/event-stream";
    const item = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAAA+/==" };
    const done = event("response.output_item.done", { output_index: 0, item });
    parts = [
      event("response.created", { response: { id: "resp_1", output: [] } }),
      "pause",
      done,
      event("response.completed", {
        response: { id: "resp_1", store: false, output: [item], usage: { input_tokens: 5, output_tokens: 7 } },
      }),
    ];
    const body = {
      model: "codex/m",
      instructions: "You are Codex",
      input: [item, { type: "message", role: "user", content: [{ type: "input_text", text: "go" }] }],
      tools: [
        { type: "function", name: "shell", strict: false, parameters: { type: "object" } },
        { type: "web_search" },
      ],
      tool_choice: "auto",
      parallel_tool_calls: false,
      reasoning: { effort: "medium", summary: "auto" },
      store: false,
      stream: true,
      include: ["reasoning.encrypted_content"],
      prompt_cache_key: "conversation-1",
    };
    const headers = {
      authorization: `Bearer ${key}`,
      session_id: "conversation-1",
      originator: "codex_cli_rs",
      accept: "text/event-stream",
    };
    const answer = await ask("POST", "/v1/responses", headers, body);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(JSON.parse(seen.body), { ...body, model: "m" });
    assert.equal(seen.headers["originator"], "codex_cli_rs");
    assert.ok(answer.text.includes(done), "the encrypted item is as it was");
    assert.equal(frames(answer.text).at(-1)?.event, "response.completed");
  });

  test("over a WebSocket prepares its tools without a call, and sends only what is new after that", async () => {
    type = "text/event-stream";
    const call = { type: "function_call", id: "fc_1", call_id: "call_1", name: "shell", arguments: '{"cmd":"ls"}' };
    const item = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAAA+/==" };
    parts = [
      event("response.created", { response: { id: "resp_1", output: [] } }),
      "pause",
      event("response.output_item.done", { output_index: 0, item }),
      event("response.completed", {
        response: { id: "resp_1", output: [item, call], usage: { input_tokens: 5, output_tokens: 7 } },
      }),
    ];
    const socket = new WebSocket(`${daemon.url.replace("http", "ws")}/v1/responses`, {
      headers: { authorization: `Bearer ${key}`, "openai-beta": "responses_websockets=2026-02-06" },
    });
    const told: { type: string; response?: { id: string } }[] = [];
    socket.on("message", (data) => told.push(JSON.parse(data.toString()) as (typeof told)[number]));
    await new Promise((resolve) => socket.once("open", resolve));
    const completed = (count: number) =>
      until(`${count} turns`, () => {
        const ended = told.filter(({ type: name }) => name === "response.completed");
        return ended.length === count && ended.at(-1)?.response?.id;
      });
    const body = {
      ...{ type: "response.create", model: "codex/m", instructions: "You are Codex", store: false, stream: true },
      ...{ tools: [{ type: "function", name: "shell", strict: false, parameters: { type: "object" } }] },
      ...{ include: ["reasoning.encrypted_content"], prompt_cache_key: "conversation-2" },
    };
    const said = { type: "message", role: "user", content: [{ type: "input_text", text: "list the files" }] };
    seen = { url: "", headers: {}, body: "" };
    socket.send(JSON.stringify({ ...body, input: [], generate: false }));
    const prepared = await completed(1);
    assert.equal(seen.url, "", "nobody was asked");
    socket.send(JSON.stringify({ ...body, input: [said], previous_response_id: prepared }));
    const first = await completed(2);
    const { type: _, ...sent } = { ...body, model: "m" };
    assert.deepEqual(JSON.parse(seen.body), { ...sent, input: [said] });
    const output = { type: "function_call_output", call_id: "call_1", output: "a.txt" };
    socket.send(JSON.stringify({ ...body, input: [output], previous_response_id: first }));
    await completed(3);
    assert.deepEqual(JSON.parse(seen.body), { ...sent, input: [said, item, call, output] });
    socket.close();
  });
});

describe("Gemini CLI", () => {
  const headers = () => ({
    "x-goog-api-key": key,
    "x-goog-api-client": "google-genai-sdk/1.0",
    "user-agent": "GeminiCLI/1.0",
  });
  const contents = [{ role: "user", parts: [{ text: "hi" }] }];

  test("streams, counts and lists, with thought signatures as they were", async () => {
    type = "text/event-stream";
    const first = `data: ${JSON.stringify({ candidates: [{ content: { role: "model", parts: [{ functionCall: { name: "ls", args: {} }, thoughtSignature: "AbC/+==" }] } }] })}\n\n`;
    const last = `data: ${JSON.stringify({ candidates: [{ content: { role: "model", parts: [{ text: "" }] }, finishReason: "STOP" }], usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 2 } })}\n\n`;
    parts = [first, "pause", last];
    const body = {
      contents,
      systemInstruction: { parts: [{ text: "be brief" }] },
      generationConfig: { thinkingConfig: { includeThoughts: true } },
    };
    const answer = await ask("POST", "/v1beta/models/goog/m:streamGenerateContent?alt=sse", headers(), body);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual([seen.url, JSON.parse(seen.body)], ["/v1beta/models/m:streamGenerateContent?alt=sse", body]);
    assert.equal(seen.headers["x-goog-api-key"], "upstream-secret");
    assert.equal(answer.text.replaceAll(/\n\n\n+/g, "\n\n"), first + last);
    type = "application/json";
    parts = ['{"totalTokens":7}'];
    const counted = await ask("POST", "/v1beta/models/goog/m:countTokens", headers(), { contents });
    assert.deepEqual(JSON.parse(counted.text), { totalTokens: 7 });
    const listed = await ask("GET", `/v1beta/models?key=${key}`, {});
    const { models } = JSON.parse(listed.text) as { models: { name: string }[] };
    assert.ok(models.some(({ name }) => name === "models/goog/m"));
  });
});
