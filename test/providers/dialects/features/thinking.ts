/** The form of an answer, thinking, and what shall be cached. */
import { called, config, type Feature, fields, history, plain, schema, tool, withTool } from "./build.ts";

export const thinking: Readonly<Record<string, Feature>> = {
  "an answer by schema": {
    said: fields({
      "openai-chat": { response_format: { type: "json_schema", json_schema: { name: "n", schema } } },
      "openai-responses": { text: { format: { type: "json_schema", name: "n", schema } } },
      anthropic: { output_config: { format: { type: "json_schema", schema } } },
      gemini: config({ responseMimeType: "application/json", responseJsonSchema: schema }),
      "bedrock-converse": {
        outputConfig: {
          textFormat: { type: "json_schema", structure: { jsonSchema: { name: "n", schema: JSON.stringify(schema) } } },
        },
      },
      cohere: { response_format: { type: "json_object", json_schema: schema } },
    }),
    mark: /city/,
  },
  "a schema's description": {
    said: fields({
      "openai-chat": {
        response_format: { type: "json_schema", json_schema: { name: "n", description: "MARK", schema } },
      },
      "openai-responses": { text: { format: { type: "json_schema", name: "n", description: "MARK", schema } } },
      "bedrock-converse": {
        outputConfig: {
          textFormat: {
            type: "json_schema",
            structure: { jsonSchema: { name: "n", description: "MARK", schema: JSON.stringify(schema) } },
          },
        },
      },
    }),
    mark: /MARK/,
  },
  "any JSON": {
    said: fields({
      "openai-chat": { response_format: { type: "json_object" } },
      "openai-responses": { text: { format: { type: "json_object" } } },
      gemini: config({ responseMimeType: "application/json" }),
      cohere: { response_format: { type: "json_object" } },
    }),
    mark: /json_object|application\/json/,
  },
  "an effort": {
    said: fields({
      "openai-chat": { reasoning_effort: "low" },
      "openai-responses": { reasoning: { effort: "low" } },
      anthropic: { output_config: { effort: "low" } },
      gemini: config({ thinkingConfig: { thinkingLevel: "LOW" } }),
      "bedrock-converse": { outputConfig: { effort: "low" } },
    }),
    // Where there are budgets only, of the effort's size.
    mark: { else: /"low"|LOW|"budget_tokens":2048/, cohere: /"thinking":\{"type":"enabled"/ },
  },
  "a budget": {
    said: fields({
      "openai-chat": { reasoning: { max_tokens: 2_048 } },
      anthropic: { thinking: { type: "enabled", budget_tokens: 2_048 }, max_tokens: 9_000 },
      gemini: config({ thinkingConfig: { thinkingBudget: 2_048 } }),
      "bedrock-converse": { additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens: 2_048 } } },
      cohere: { thinking: { type: "enabled", token_budget: 2_048 } },
    }),
    mark: /2048|"(reasoning_)?effort":"low"|LOW/,
  },
  "no thinking": {
    said: fields({
      "openai-chat": { reasoning_effort: "none" },
      "openai-responses": { reasoning: { effort: "none" } },
      anthropic: { thinking: { type: "disabled" } },
      gemini: config({ thinkingConfig: { thinkingBudget: 0 } }),
      "bedrock-converse": { additionalModelRequestFields: { thinking: { type: "disabled" } } },
      cohere: { thinking: { type: "disabled" } },
    }),
    // Claude does not think unless it is asked to.
    mark: {
      else: /"none"|"disabled"|"thinkingBudget":0/,
      anthropic: /^((?!enabled|adaptive).)*$/,
      "bedrock-converse": /^((?!enabled|adaptive).)*$/,
    },
  },
  "signed thinking": {
    said: history({
      "openai-chat": {
        role: "assistant",
        content: "so",
        reasoning_details: [{ type: "reasoning.text", text: "hm", signature: "SIGN", index: 0 }],
      },
      anthropic: [
        { type: "thinking", thinking: "hm", signature: "SIGN" },
        { type: "text", text: "so" },
      ],
      "bedrock-converse": [{ reasoningContent: { reasoningText: { text: "hm", signature: "SIGN" } } }, { text: "so" }],
      cohere: {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "hm", signature: "SIGN" },
          { type: "text", text: "so" },
        ],
      },
    }),
    mark: /SIGN/,
  },
  "encrypted thinking": {
    said: history({
      "openai-responses": [
        { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "SIGN" },
        { role: "assistant", content: "so" },
      ],
      anthropic: [
        { type: "redacted_thinking", data: "SIGN" },
        { type: "text", text: "so" },
      ],
      gemini: [{ text: "so", thoughtSignature: "SIGN" }],
      "bedrock-converse": [{ reasoningContent: { redactedContent: "SIGN" } }, { text: "so" }],
    }),
    mark: /SIGN/,
  },
  "a cache marker on a text": {
    said: {
      "openai-chat": {
        messages: [{ role: "user", content: [{ type: "text", text: "x", cache_control: { type: "ephemeral" } }] }],
      },
      anthropic: {
        messages: [{ role: "user", content: [{ type: "text", text: "x", cache_control: { type: "ephemeral" } }] }],
      },
      "bedrock-converse": {
        messages: [{ role: "user", content: [{ text: "x" }, { cachePoint: { type: "default" } }] }],
      },
    },
    mark: /cache_control|cachePoint/,
  },
  "a cache marker on a tool": {
    said: {
      ...withTool({ anthropic: {} }, { anthropic: { cache_control: { type: "ephemeral" } } }),
      "openai-chat": {
        ...plain("openai-chat"),
        tools: [{ ...tool("openai-chat"), cache_control: { type: "ephemeral" } }],
      },
      "bedrock-converse": {
        ...plain("bedrock-converse"),
        toolConfig: { tools: [tool("bedrock-converse"), { cachePoint: { type: "default" } }] },
      },
    },
    mark: /cache_control|cachePoint/,
  },
  "a cache marker in a result": {
    said: history(
      { anthropic: called["anthropic"]! },
      {
        anthropic: {
          type: "tool_result",
          tool_use_id: "call_1",
          content: [{ type: "text", text: "r", cache_control: { type: "ephemeral" } }],
        },
      },
    ),
    mark: /cache_control|cachePoint/,
  },
};
