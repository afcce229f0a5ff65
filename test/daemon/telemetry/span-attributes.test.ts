/** What spans say, held against the pages of both conventions: names, types, and when each is there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { requestColumn as column } from "../../../daemon/store/rows.ts";
import type { RowValue } from "../../../daemon/store/sender.ts";
import { hopAttributes, operationOf } from "../../../daemon/telemetry/span-attributes.ts";
import { requestRow } from "../store/fixtures.ts";

function row(fields: Partial<Record<keyof typeof column, RowValue>>) {
  const values = requestRow("req_1");
  for (const [name, value] of Object.entries(fields)) values[column[name as keyof typeof column]] = value;
  return { at: 0, values };
}

const told = {
  ...{ route: "chat.completions", session: "s-1", user: "ann", ttft_ms: null, tokens_in: 11, tokens_out: 7 },
  ...{ tokens_cache_read: 3, tokens_cache_write: 2, tokens_reasoning: 1 },
  ...{ stop: "tool_calls", native_stop: "tool_use", upstream_id: "msg_1" },
};
const at = { address: "bedrock-runtime.eu-west-1.amazonaws.com", port: 443 };
const hop = { target: "bedrock/claude", credential: "main", error: "", isLast: true, ...at, parameters: {} };
const ours = {
  ...{ "server.address": at.address, "server.port": 443 },
  ...{ "bifrost.provider": "bedrock", "bifrost.credential": "main" },
};

test("hopAttributes() has the names and types of OpenTelemetry's inference span", () => {
  assert.deepEqual(hopAttributes(row(told), hop, "genai"), {
    ...ours,
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "aws.bedrock",
    "gen_ai.request.model": "claude",
    "gen_ai.conversation.id": "s-1",
    "gen_ai.response.id": "msg_1",
    "gen_ai.response.finish_reasons": ["tool_use"],
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
  });
});

test("hopAttributes() has the names and types of OpenInference's LLM span", () => {
  assert.deepEqual(hopAttributes(row(told), hop, "openinference"), {
    ...ours,
    "openinference.span.kind": "LLM",
    "llm.system": "bedrock",
    "llm.provider": "bedrock",
    "llm.model_name": "claude",
    "llm.finish_reason": "tool_use",
    "session.id": "s-1",
    "user.id": "ann",
    "llm.token_count.prompt": 11,
    "llm.token_count.completion": 7,
    "llm.token_count.total": 18,
    "llm.token_count.prompt_details.cache_read": 3,
    "llm.token_count.prompt_details.cache_write": 2,
    "llm.token_count.completion_details.reasoning": 1,
  });
});

test("hopAttributes() of a hop that was not the last knows its error and nothing of the answer", () => {
  const failed = hopAttributes(row(told), { ...hop, error: "upstream_overloaded", isLast: false }, "both");
  assert.equal(failed["error.type"], "upstream_overloaded");
  const answered = Object.keys(failed).filter((name) => /usage|response|token_count|finish/.test(name));
  assert.deepEqual(answered, []);
});

test("operationOf() is a predefined value where one applies, and the route's name where none does", () => {
  for (const [route, operation, kind] of [
    ["messages", "chat", "LLM"],
    ["gemini.stream", "generate_content", "LLM"],
    ["completions", "text_completion", "LLM"],
    ["cohere.embed", "embeddings", "EMBEDDING"],
    ["images.generations", "images.generations", "LLM"],
    ["rerank", "rerank", "RERANKER"],
    ["cohere.rerank", "cohere.rerank", "RERANKER"],
  ] as const) {
    const asked = row({ ...told, route });
    assert.equal(operationOf(asked), operation);
    assert.equal(hopAttributes(asked, hop, "openinference")["openinference.span.kind"], kind, route);
  }
});

test("hopAttributes() tells the request's parameters by both conventions, and of choices only what is not one", () => {
  const parameters = {
    ...{ temperature: 0, top_p: 0.9, top_k: 40, max_tokens: 100, seed: 7, choice_count: 2 },
    output_type: "json",
    ...{ frequency_penalty: 0.1, presence_penalty: -0.5, stop_sequences: ["END", "###"] },
  } as const;
  const genai = hopAttributes(row(told), { ...hop, parameters }, "genai");
  const asked = Object.entries(genai).filter(([name]) => /^gen_ai\.(request\.(?!model)|output)/.test(name));
  assert.deepEqual(Object.fromEntries(asked), {
    "gen_ai.request.temperature": 0,
    "gen_ai.request.top_p": 0.9,
    "gen_ai.request.top_k": 40,
    "gen_ai.request.max_tokens": 100,
    "gen_ai.request.seed": 7,
    "gen_ai.request.frequency_penalty": 0.1,
    "gen_ai.request.presence_penalty": -0.5,
    "gen_ai.request.stop_sequences": ["END", "###"],
    "gen_ai.request.choice.count": 2,
    "gen_ai.output.type": "json",
  });
  const openinference = hopAttributes(row(told), { ...hop, parameters }, "openinference");
  assert.deepEqual(JSON.parse(String(openinference["llm.invocation_parameters"])), {
    ...{ temperature: 0, top_p: 0.9, top_k: 40, max_tokens: 100, seed: 7, frequency_penalty: 0.1 },
    ...{ presence_penalty: -0.5, stop: ["END", "###"], n: 2, response_format: "json" },
  });
  const echo = hopAttributes(row(told), { ...hop, address: "" }, "both");
  assert.deepEqual(
    [echo["server.address"], echo["server.port"], echo["llm.invocation_parameters"]],
    [undefined, undefined, undefined],
  );
  const one = hopAttributes(row(told), { ...hop, parameters: { choice_count: 1 } }, "genai");
  assert.ok(!("gen_ai.request.choice.count" in one));
});
