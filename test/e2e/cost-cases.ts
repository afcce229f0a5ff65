/**
 * What providers say was used, each in its own convention, and what it costs: worked out by hand, in whole nano-dollars.
 * One price for all, so that a line can be checked by eye; nano-dollars a token, five digits at most.
 */
import type { Caller } from "../support/client.ts";
import { anthropic, bedrock, chat, cohere, gemini, responses, type Told } from "./cost-answers.ts";

export const rates = {
  ...{ input: 3, output: 15, cache_read: 0.3, cache_write_5m: 3.75, cache_write_1h: 6 },
  ...{ audio_input: 10, audio_output: 20, audio_cache_read: 0.5, image_input: 5, image_output: 30 },
  ...{ server_tool: 0.01, file_search: 0.0025, service_tiers: { flex: 0.5, batch: 0.5, priority: 2 } },
  tiers: [{ above: 200_000, input: 6, output: 22.5, cache_read: 0.6, cache_write_5m: 7.5, cache_write_1h: 12 }],
};
/** The same in nano-dollars a token. */
const [input, output, read, write5m, write1h] = [3_000, 15_000, 300, 3_750, 6_000];
const [audioIn, audioOut, audioRead, imageOut, search] = [10_000, 20_000, 500, 30_000, 10_000_000];
const [longInput, longOutput, longRead, longWrite5m, longWrite1h] = [6_000, 22_500, 600, 7_500, 12_000];

export type Wire = "openai-chat" | "openai-responses" | "anthropic" | "gemini" | "bedrock-converse" | "cohere";

export type CostCase = {
  readonly what: string;
  readonly wire: Wire;
  readonly answer: string;
  readonly stream: string | Buffer;
  readonly nano: number;
};

/** Who speaks a wire as a client. */
export const callers: Readonly<Record<Wire, Caller>> = {
  "openai-chat": "chat",
  "openai-responses": "responses",
  anthropic: "messages",
  gemini: "gemini",
  "bedrock-converse": "converse",
  cohere: "cohere",
};

type Line = readonly [what: string, told: Told, nano: number];

/** `prompt_tokens` includes what was cached, written and heard; `completion_tokens` includes reasoning. */
const openaiLines: readonly Line[] = [
  ["plain", { usage: { prompt_tokens: 1000, completion_tokens: 100 } }, 1000 * input + 100 * output],
  [
    "a cached read, part of the prompt",
    { usage: { prompt_tokens: 1000, completion_tokens: 100, prompt_tokens_details: { cached_tokens: 900 } } },
    100 * input + 900 * read + 100 * output,
  ],
  [
    "searches in OpenRouter's words",
    { usage: { prompt_tokens: 10, completion_tokens: 10, server_tool_use: { web_search_requests: 3 } } },
    10 * input + 10 * output + 3 * search,
  ],
  [
    "Perplexity's research, what it read and its reasoning beside all that is added up",
    {
      usage: {
        ...{ prompt_tokens: 33, completion_tokens: 7163, total_tokens: 7196 },
        ...{ citation_tokens: 20_047, num_search_queries: 18, reasoning_tokens: 73_997 },
      },
    },
    20_080 * input + 81_160 * output + 18 * search,
  ],
  [
    "a cached read in DeepSeek's words",
    {
      usage: {
        ...{ prompt_tokens: 1000, completion_tokens: 10, total_tokens: 1010 },
        ...{ prompt_cache_hit_tokens: 600, prompt_cache_miss_tokens: 400 },
      },
    },
    400 * input + 600 * read + 10 * output,
  ],
  [
    "a cache write in OpenRouter's words",
    {
      usage: {
        ...{ prompt_tokens: 1000, completion_tokens: 10 },
        prompt_tokens_details: { cached_tokens: 200, cache_write_tokens: 300 },
      },
    },
    500 * input + 200 * read + 300 * write5m + 10 * output,
  ],
  [
    "reasoning, part of the completion",
    {
      usage: { prompt_tokens: 10, completion_tokens: 500, completion_tokens_details: { reasoning_tokens: 450 } },
    },
    10 * input + 500 * output,
  ],
  [
    "reasoning beside the completion, as xAI counts it",
    {
      usage: {
        ...{ prompt_tokens: 10, completion_tokens: 50, total_tokens: 510 },
        completion_tokens_details: { reasoning_tokens: 450 },
      },
    },
    10 * input + 500 * output,
  ],
  [
    "sound in and out",
    {
      usage: {
        ...{ prompt_tokens: 100, completion_tokens: 50 },
        ...{ prompt_tokens_details: { audio_tokens: 60 }, completion_tokens_details: { audio_tokens: 40 } },
      },
    },
    40 * input + 60 * audioIn + 10 * output + 40 * audioOut,
  ],
  ["flex", { usage: { prompt_tokens: 1000, completion_tokens: 100 }, tier: "flex" }, 500 * input + 50 * output],
  [
    "priority",
    { usage: { prompt_tokens: 1000, completion_tokens: 100 }, tier: "priority" },
    2000 * input + 200 * output,
  ],
  [
    "the usual tier by its name",
    { usage: { prompt_tokens: 10, completion_tokens: 1 }, tier: "default" },
    10 * input + output,
  ],
  ["199,999 tokens", { usage: { prompt_tokens: 199_999, completion_tokens: 1 } }, 199_999 * input + output],
  ["200,000 tokens", { usage: { prompt_tokens: 200_000, completion_tokens: 1 } }, 200_000 * input + output],
  ["200,001 tokens", { usage: { prompt_tokens: 200_001, completion_tokens: 1 } }, 200_001 * longInput + longOutput],
  [
    "a long prompt from the cache",
    { usage: { prompt_tokens: 300_000, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 299_000 } } },
    1000 * longInput + 299_000 * longRead + 10 * longOutput,
  ],
];

const responsesLines: readonly Line[] = [
  ["plain", { usage: { input_tokens: 1000, output_tokens: 100 } }, 1000 * input + 100 * output],
  [
    "a cached read and reasoning",
    {
      usage: {
        ...{ input_tokens: 1000, output_tokens: 100 },
        ...{ input_tokens_details: { cached_tokens: 900 }, output_tokens_details: { reasoning_tokens: 64 } },
      },
    },
    100 * input + 900 * read + 100 * output,
  ],
  [
    "two web searches",
    { usage: { input_tokens: 10, output_tokens: 10 }, searches: 2 },
    10 * input + 10 * output + 2 * search,
  ],
  [
    "searches and files in xAI's words",
    {
      usage: {
        ...{ input_tokens: 10, output_tokens: 10 },
        server_side_tool_usage_details: { x_search_calls: 2, code_interpreter_calls: 1, file_search_calls: 3 },
      },
    },
    10 * input + 10 * output + 3 * search + 3 * 2_500_000,
  ],
  ["flex", { usage: { input_tokens: 1000, output_tokens: 100 }, tier: "flex" }, 500 * input + 50 * output],
  ["priority", { usage: { input_tokens: 1000, output_tokens: 100 }, tier: "priority" }, 2000 * input + 200 * output],
  ["a long prompt", { usage: { input_tokens: 200_001, output_tokens: 2 } }, 200_001 * longInput + 2 * longOutput],
];

/** `input_tokens` leaves out what was cached and written. */
const anthropicLines: readonly Line[] = [
  ["plain", { usage: { input_tokens: 1000, output_tokens: 100 } }, 1000 * input + 100 * output],
  [
    "a cached read beside the input",
    { usage: { input_tokens: 100, cache_read_input_tokens: 900, output_tokens: 10 } },
    100 * input + 900 * read + 10 * output,
  ],
  [
    "a write of five minutes",
    { usage: { input_tokens: 10, cache_creation_input_tokens: 500, output_tokens: 10 } },
    10 * input + 500 * write5m + 10 * output,
  ],
  [
    "a write of an hour",
    {
      usage: {
        ...{ input_tokens: 10, cache_creation_input_tokens: 500, output_tokens: 10 },
        cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 500 },
      },
    },
    10 * input + 500 * write1h + 10 * output,
  ],
  [
    "a read and both writes",
    {
      usage: {
        ...{ input_tokens: 10, cache_creation_input_tokens: 500, cache_read_input_tokens: 1000, output_tokens: 10 },
        cache_creation: { ephemeral_5m_input_tokens: 200, ephemeral_1h_input_tokens: 300 },
      },
    },
    10 * input + 1000 * read + 200 * write5m + 300 * write1h + 10 * output,
  ],
  [
    "thinking, part of the output",
    { usage: { input_tokens: 10, output_tokens: 300, output_tokens_details: { thinking_tokens: 250 } } },
    10 * input + 300 * output,
  ],
  [
    "three web searches",
    { usage: { input_tokens: 10, output_tokens: 10, server_tool_use: { web_search_requests: 3 } } },
    10 * input + 10 * output + 3 * search,
  ],
  ["priority", { usage: { input_tokens: 10, output_tokens: 10, service_tier: "priority" } }, 20 * input + 20 * output],
  ["batch", { usage: { input_tokens: 10, output_tokens: 10, service_tier: "batch" } }, 5 * input + 5 * output],
  [
    "200,001 tokens, most of them cached",
    {
      usage: {
        ...{
          input_tokens: 1,
          cache_creation_input_tokens: 100_000,
          cache_read_input_tokens: 100_000,
          output_tokens: 4,
        },
        cache_creation: { ephemeral_5m_input_tokens: 60_000, ephemeral_1h_input_tokens: 40_000 },
      },
    },
    longInput + 100_000 * longRead + 60_000 * longWrite5m + 40_000 * longWrite1h + 4 * longOutput,
  ],
];

const modality = (name: string, tokenCount: number) => ({ modality: name, tokenCount });

/** `promptTokenCount` includes the cache; thoughts and what tools brought are counted beside. */
const geminiLines: readonly Line[] = [
  [
    "plain",
    { usage: { promptTokenCount: 1000, candidatesTokenCount: 100, totalTokenCount: 1100 } },
    1000 * input + 100 * output,
  ],
  [
    "a cached read",
    {
      usage: {
        ...{ promptTokenCount: 1000, candidatesTokenCount: 10, totalTokenCount: 1010 },
        cachedContentTokenCount: 900,
      },
    },
    100 * input + 900 * read + 10 * output,
  ],
  [
    "thoughts beside the candidates",
    { usage: { promptTokenCount: 10, candidatesTokenCount: 20, thoughtsTokenCount: 300, totalTokenCount: 330 } },
    10 * input + 320 * output,
  ],
  [
    "what tools brought beside the prompt",
    { usage: { promptTokenCount: 10, toolUsePromptTokenCount: 500, candidatesTokenCount: 20, totalTokenCount: 530 } },
    510 * input + 20 * output,
  ],
  [
    "sound of the prompt",
    {
      usage: {
        ...{ promptTokenCount: 100, candidatesTokenCount: 10, totalTokenCount: 110 },
        promptTokensDetails: [modality("TEXT", 40), modality("AUDIO", 60)],
      },
    },
    40 * input + 60 * audioIn + 10 * output,
  ],
  [
    "sound of the prompt that was cached",
    {
      usage: {
        ...{ promptTokenCount: 200, candidatesTokenCount: 10, totalTokenCount: 210, cachedContentTokenCount: 130 },
        promptTokensDetails: [modality("TEXT", 80), modality("AUDIO", 120)],
        cacheTokensDetails: [modality("TEXT", 30), modality("AUDIO", 100)],
      },
    },
    50 * input + 20 * audioIn + 30 * read + 100 * audioRead + 10 * output,
  ],
  [
    "a picture that was made",
    {
      usage: {
        ...{ promptTokenCount: 10, candidatesTokenCount: 1300, totalTokenCount: 1310 },
        candidatesTokensDetails: [modality("TEXT", 10), modality("IMAGE", 1290)],
      },
    },
    10 * input + 10 * output + 1290 * imageOut,
  ],
  [
    "two searches",
    { usage: { promptTokenCount: 10, candidatesTokenCount: 10, totalTokenCount: 20 }, searches: 2 },
    10 * input + 10 * output + 2 * search,
  ],
  [
    "a long prompt",
    { usage: { promptTokenCount: 200_001, candidatesTokenCount: 10, totalTokenCount: 200_011 } },
    200_001 * longInput + 10 * longOutput,
  ],
];

/** `inputTokens` leaves the cache out, like Anthropic's. */
const bedrockLines: readonly Line[] = [
  ["plain", { usage: { inputTokens: 1000, outputTokens: 100, totalTokens: 1100 } }, 1000 * input + 100 * output],
  [
    "a read and both writes",
    {
      usage: {
        ...{ inputTokens: 10, outputTokens: 10, totalTokens: 1520 },
        ...{ cacheReadInputTokens: 1000, cacheWriteInputTokens: 500 },
        cacheDetails: [
          { ttl: "5m", inputTokens: 200 },
          { ttl: "1h", inputTokens: 300 },
        ],
      },
    },
    10 * input + 1000 * read + 200 * write5m + 300 * write1h + 10 * output,
  ],
  [
    "flex",
    { usage: { inputTokens: 1000, outputTokens: 100, totalTokens: 1100 }, tier: "flex" },
    500 * input + 50 * output,
  ],
  [
    "a long prompt",
    { usage: { inputTokens: 1, outputTokens: 1, totalTokens: 200_002, cacheReadInputTokens: 200_000 } },
    longInput + 200_000 * longRead + longOutput,
  ],
];

/** Billed units are what is paid for, not all tokens. */
const cohereLines: readonly Line[] = [
  [
    "billed units, not tokens",
    {
      usage: {
        billed_units: { input_tokens: 10, output_tokens: 20 },
        tokens: { input_tokens: 500, output_tokens: 25 },
      },
    },
    10 * input + 20 * output,
  ],
  [
    "tokens where no units are told",
    { usage: { tokens: { input_tokens: 500, output_tokens: 25 } } },
    500 * input + 25 * output,
  ],
];

const tables: readonly (readonly [Wire, (told: Told) => readonly [string, string | Buffer], readonly Line[]])[] = [
  ["openai-chat", chat, openaiLines],
  ["openai-responses", responses, responsesLines],
  ["anthropic", anthropic, anthropicLines],
  ["gemini", gemini, geminiLines],
  ["bedrock-converse", bedrock, bedrockLines],
  ["cohere", cohere, cohereLines],
];

export const costCases: readonly CostCase[] = tables.flatMap(([wire, make, lines]) =>
  lines.map(([what, told, nano]) => {
    const [answer, stream] = make(told);
    return { what, wire, answer, stream, nano };
  }),
);
