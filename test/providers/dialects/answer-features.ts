/** What an answer may tell, one feature a row: as events, and the mark by which one sees that a client was told. */
import type { DialectId, Event } from "../../../providers/exchange.ts";

export type AnswerFeature = {
  readonly events: readonly Event[];
  readonly mark: RegExp;
  /** Clients whose language has no place for it, and why that is no loss or cannot be helped: docs/dialects.md says it. */
  readonly untold?: readonly DialectId[];
  /** An upstream whose word for it is not taken for it. */
  readonly unread?: DialectId;
};

const start: Event = { type: "start", id: "up_1", model: "m" };
const said: Event = { type: "text", delta: "so" };
const end: Event = { type: "finish", reason: "stop", usage: { input: 7, output: 3 } };
const call: Event = { type: "tool_call_start", index: 0, id: "call_1", name: "weather" };
const counted = (usage: object): readonly Event[] => [
  start,
  said,
  { ...end, usage: { input: 4_000, output: 3_000, ...usage } },
];

/** Base64, as proofs are. */
const proof = "TUFSS01BUktNQVJL";

export const answerFeatures: Readonly<Record<string, AnswerFeature>> = {
  text: { events: [start, { type: "text", delta: "MARK" }, end], mark: /MARK/ },
  thinking: { events: [start, { type: "thinking", delta: "MARK" }, said, end], mark: /MARK/ },
  "a proof of thinking": {
    events: [start, { type: "thinking", delta: "hm" }, { type: "thinking_signature", signature: proof }, said, end],
    mark: new RegExp(proof),
  },
  "thinking in cipher": {
    events: [start, { type: "redacted_thinking", data: proof }, said, end],
    mark: new RegExp(proof),
  },
  "a call": {
    events: [
      start,
      call,
      { type: "tool_call_delta", index: 0, delta: '{"city":"MARK"}' },
      { ...end, reason: "tool_calls" },
    ],
    mark: /weather.*MARK/s,
  },
  "calls side by side": {
    events: [
      start,
      call,
      { type: "tool_call_delta", index: 0, delta: '{"a":1}' },
      { type: "tool_call_start", index: 1, id: "call_2", name: "now" },
      { type: "tool_call_delta", index: 1, delta: '{"b":"MARK"}' },
      { ...end, reason: "tool_calls" },
    ],
    mark: /weather.*now.*MARK/s,
  },
  "a refusal": { events: [start, { type: "refusal", delta: "MARK" }, end], mark: /MARK/ },
  "a page that is cited": {
    events: [
      start,
      said,
      {
        type: "citation",
        value: {
          type: "url_citation",
          url_citation: { url: "https://mark.example", title: "T", start_index: 0, end_index: 2 },
        },
      },
      end,
    ],
    mark: /mark\.example/,
  },
  "log probabilities": {
    events: [
      start,
      said,
      {
        type: "logprobs",
        value: { content: [{ token: "so", logprob: -0.4321, bytes: [115], top_logprobs: [] }], refusal: null },
      },
      end,
    ],
    mark: /0\.4321/,
    untold: ["anthropic", "bedrock-converse"],
  },
  "a picture": {
    events: [start, said, { type: "media", mediaType: "image/png", data: proof }, end],
    mark: new RegExp(proof),
    untold: ["anthropic", "cohere"],
  },
  "a recording": {
    events: [start, said, { type: "media", mediaType: "audio/wav", data: proof }, end],
    mark: new RegExp(proof),
    untold: ["openai-responses", "anthropic", "bedrock-converse", "cohere"],
    // In which format it is, only who asked for it knows; nobody else can ask.
    unread: "openai-chat",
  },
  "tokens in": { events: counted({ input: 1_234 }), mark: /1234/ },
  "tokens out": { events: counted({ output: 1_234 }), mark: /1234/ },
  // Cohere's count is of all tokens, not of those that are billed.
  "tokens from the cache": { events: counted({ cacheRead: 1_234 }), mark: /1234/, unread: "cohere" },
  "tokens for the cache": { events: counted({ cacheWrite5m: 1_234 }), mark: /1234/, untold: ["gemini", "cohere"] },
  "tokens of thinking": { events: counted({ reasoning: 1_234 }), mark: /1234/, untold: ["bedrock-converse", "cohere"] },
  "the tier": { events: counted({ serviceTier: "flex" }), mark: /flex/i, untold: ["gemini", "cohere"] },
  "an end by length": {
    events: [start, said, { ...end, reason: "length" }],
    mark: /"(length|max_tokens|max_output_tokens|MAX_TOKENS)"/,
  },
  "an end by a filter": {
    events: [start, said, { ...end, reason: "content_filter" }],
    mark: /content_filter|"refusal"|SAFETY|ERROR_TOXIC/,
  },
  "the sequence it stopped at": {
    events: [start, said, { ...end, native: "stop_sequence", stopSequence: "MARK" }],
    mark: /MARK/,
    untold: ["openai-chat", "openai-responses", "gemini", "cohere"],
  },
  "several answers": {
    events: [
      start,
      said,
      { type: "text", delta: "MARK", choice: 1 },
      end,
      { type: "finish", reason: "stop", choice: 1 },
    ],
    mark: /MARK/,
    // These cannot ask for them.
    untold: ["openai-responses", "anthropic", "bedrock-converse", "cohere"],
  },
};
