/** Sampling, caps, who asks, and fields that nobody knows. */
import {
  config,
  everywhere,
  type Feature,
  fields,
  history,
  inference,
  pageCitation,
  userParts,
  withTool,
} from "./build.ts";

export const settings: Readonly<Record<string, Feature>> = {
  "stop sequences": {
    said: fields({
      "openai-chat": { stop: ["MARK"] },
      anthropic: { stop_sequences: ["MARK"] },
      gemini: config({ stopSequences: ["MARK"] }),
      "bedrock-converse": inference({ stopSequences: ["MARK"] }),
      cohere: { stop_sequences: ["MARK"] },
    }),
    mark: /MARK/,
  },
  "log probabilities": {
    said: fields({
      "openai-chat": { logprobs: true },
      "openai-responses": { include: ["message.output_text.logprobs"] },
      gemini: config({ responseLogprobs: true }),
      cohere: { logprobs: true },
    }),
    mark: /"logprobs":true|output_text\.logprobs|"responseLogprobs":true/,
  },
  "log probabilities of others": {
    said: fields({
      "openai-chat": { logprobs: true, top_logprobs: 17 },
      "openai-responses": { top_logprobs: 17 },
      gemini: config({ responseLogprobs: true, logprobs: 17 }),
    }),
    mark: /"(top_)?logprobs":17/,
  },
  "a seed": {
    said: fields({ "openai-chat": { seed: 77 }, gemini: config({ seed: 77 }), cohere: { seed: 77 } }),
    mark: /"seed":77/,
  },
  temperature: {
    said: fields({
      "openai-chat": { temperature: 0.77 },
      "openai-responses": { temperature: 0.77 },
      anthropic: { temperature: 0.77 },
      gemini: config({ temperature: 0.77 }),
      "bedrock-converse": inference({ temperature: 0.77 }),
      cohere: { temperature: 0.77 },
    }),
    mark: /0\.77/,
  },
  "top p": {
    said: fields({
      "openai-chat": { top_p: 0.77 },
      "openai-responses": { top_p: 0.77 },
      anthropic: { top_p: 0.77 },
      gemini: config({ topP: 0.77 }),
      "bedrock-converse": inference({ topP: 0.77 }),
      cohere: { p: 0.77 },
    }),
    mark: /0\.77/,
  },
  "top k": {
    said: fields({
      "openai-chat": { top_k: 77 },
      anthropic: { top_k: 77 },
      gemini: config({ topK: 77 }),
      "bedrock-converse": { additionalModelRequestFields: { top_k: 77 } },
      cohere: { k: 77 },
    }),
    mark: /:77/,
  },
  penalties: {
    said: fields({
      "openai-chat": { frequency_penalty: 0.77 },
      gemini: config({ frequencyPenalty: 0.77 }),
      cohere: { frequency_penalty: 0.77 },
    }),
    mark: /0\.77/,
  },
  "several answers": {
    said: fields({ "openai-chat": { n: 3 }, gemini: config({ candidateCount: 3 }) }),
    mark: /"(n|candidateCount)":3/,
  },
  "a cap": {
    said: fields({
      "openai-chat": { max_completion_tokens: 777 },
      "openai-responses": { max_output_tokens: 777 },
      anthropic: { max_tokens: 777 },
      gemini: config({ maxOutputTokens: 777 }),
      "bedrock-converse": inference({ maxTokens: 777 }),
      cohere: { max_tokens: 777 },
    }),
    mark: /777/,
  },
  "a refusal": {
    said: history({
      "openai-chat": { role: "assistant", content: null, refusal: "MARK" },
      "openai-responses": { role: "assistant", content: [{ type: "refusal", refusal: "MARK" }] },
    }),
    mark: /MARK/,
  },
  "citations of what was said": {
    said: history({
      "openai-chat": {
        role: "assistant",
        content: "so",
        annotations: [
          {
            type: "url_citation",
            url_citation: { url: "https://mark.example/a", title: "A", start_index: 0, end_index: 2 },
          },
        ],
      },
      "openai-responses": {
        role: "assistant",
        content: [
          {
            type: "output_text",
            text: "so",
            annotations: [
              { type: "url_citation", url: "https://mark.example/a", title: "A", start_index: 0, end_index: 2 },
            ],
          },
        ],
      },
      anthropic: { type: "text", text: "so", citations: [pageCitation] },
      "bedrock-converse": {
        citationsContent: {
          content: [{ text: "so" }],
          citations: [{ title: "A", location: { web: { url: "https://mark.example/a", domain: "mark.example" } } }],
        },
      },
      cohere: {
        role: "assistant",
        content: "so",
        citations: [{ start: 0, end: 2, text: "so", sources: [{ type: "document", id: "https://mark.example/a" }] }],
      },
    }),
    mark: /mark\.example/,
  },
  "a citation of what was sent": {
    said: history({
      anthropic: {
        type: "text",
        text: "so",
        citations: [
          {
            type: "search_result_location",
            cited_text: "t",
            search_result_index: 0,
            source: "s",
            title: "MARK",
            start_block_index: 3,
            end_block_index: 4,
          },
        ],
      },
      "bedrock-converse": {
        citationsContent: {
          content: [{ text: "so" }],
          citations: [
            {
              title: "MARK",
              source: "s",
              sourceContent: [{ text: "t" }],
              location: { searchResultLocation: { searchResultIndex: 0, start: 3, end: 4 } },
            },
          ],
        },
      },
    }),
    mark: /MARK/,
  },
  "who asks": {
    said: fields({
      "openai-chat": { user: "MARK" },
      "openai-responses": { user: "MARK" },
      anthropic: { metadata: { user_id: "MARK" } },
    }),
    mark: /MARK/,
  },
  metadata: {
    said: fields({
      "openai-chat": { metadata: { a: "MARK" } },
      "openai-responses": { metadata: { a: "MARK" } },
      gemini: { labels: { a: "MARK" } },
      "bedrock-converse": { requestMetadata: { a: "MARK" } },
    }),
    mark: /MARK/,
  },
  "a tier": {
    said: fields({
      "openai-chat": { service_tier: "flex" },
      "openai-responses": { service_tier: "flex" },
      gemini: { serviceTier: "flex" },
      "bedrock-converse": { serviceTier: { type: "flex" } },
    }),
    mark: /flex/,
  },
  "a key for the cache": {
    said: fields({ "openai-chat": { prompt_cache_key: "MARK" }, "openai-responses": { prompt_cache_key: "MARK" } }),
    mark: /MARK/,
  },
  verbosity: {
    said: fields({ "openai-chat": { verbosity: "low" }, "openai-responses": { text: { verbosity: "low" } } }),
    mark: /"verbosity":"low"/,
  },
  "a field nobody knows": {
    said: fields({
      "openai-chat": { zzz: "MARK" },
      "openai-responses": { zzz: "MARK" },
      anthropic: { zzz: "MARK" },
      gemini: { zzz: "MARK" },
      "bedrock-converse": { zzz: "MARK" },
      cohere: { zzz: "MARK" },
    }),
    mark: /MARK/,
  },
  "an unknown field of a message": {
    said: {
      "openai-chat": { messages: [{ role: "user", content: "hi", zzz: "MARK" }] },
      "openai-responses": { input: [{ role: "user", content: "hi", zzz: "MARK" }] },
      anthropic: { messages: [{ role: "user", content: "hi", zzz: "MARK" }] },
      gemini: { contents: [{ role: "user", parts: [{ text: "hi" }], zzz: "MARK" }] },
      "bedrock-converse": { messages: [{ role: "user", content: [{ text: "hi" }], zzz: "MARK" }] },
      cohere: { messages: [{ role: "user", content: "hi", zzz: "MARK" }] },
    },
    mark: /MARK/,
  },
  "an unknown part": {
    said: userParts({
      "openai-chat": { type: "zzz", zzz: "MARK" },
      "openai-responses": { type: "zzz", zzz: "MARK" },
      anthropic: { type: "zzz", zzz: "MARK" },
      gemini: { zzz: "MARK" },
      "bedrock-converse": { zzz: { a: "MARK" } },
      cohere: { type: "zzz", zzz: "MARK" },
    }),
    mark: /MARK/,
  },
  "an unknown field of a text": {
    said: userParts({
      "openai-chat": { type: "text", text: "t", zzz: "MARK" },
      "openai-responses": { type: "input_text", text: "t", zzz: "MARK" },
      anthropic: { type: "text", text: "t", zzz: "MARK" },
      gemini: { text: "t", zzz: "MARK" },
      cohere: { type: "text", text: "t", zzz: "MARK" },
    }),
    mark: /MARK/,
  },
  "an unknown field of a tool": {
    said: withTool(everywhere, {
      "openai-chat": { zzz: "MARK" },
      "openai-responses": { zzz: "MARK" },
      anthropic: { zzz: "MARK" },
      gemini: { zzz: "MARK" },
      "bedrock-converse": { zzz: "MARK" },
      cohere: { zzz: "MARK" },
    }),
    mark: /MARK/,
  },
};
