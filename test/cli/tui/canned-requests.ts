/** The requests of the canned daemon: all ways in which one goes well or not. */
import type { ExplainAnswer, LogContent, LogRow, OpenRequestsAnswer } from "../../../daemon/admin/contract/logs.ts";

export const cannedNow = Date.UTC(2026, 10, 23, 14, 5, 9);
const rowsCanned = 80;

const kinds: readonly Partial<LogRow>[] = [
  {
    model: "gpt-4o-mini",
    target: "openai/gpt-4o-mini",
    provider: "openai",
    key_name: "web-shop",
    latency_ms: 812,
    ttft_ms: 210,
    stream: true,
    cost_nano: 412_300,
  },
  {
    model: "claude-sonnet-4-5",
    target: "anthropic/claude-sonnet-4-5",
    provider: "anthropic",
    key_name: "support-bot",
    latency_ms: 4_210,
    ttft_ms: 640,
    stream: true,
    cost_nano: 18_240_000,
  },
  {
    model: "gpt-4o",
    target: null,
    provider: null,
    key_name: "batch-night",
    status: 429,
    error: "rate_limit_exceeded",
    latency_ms: 1,
    tokens_in: null,
    tokens_out: null,
    cost_nano: null,
  },
  {
    model: "gpt-4o",
    target: "anthropic/claude-sonnet-4-5",
    provider: "anthropic",
    key_name: "web-shop",
    flags: ["fallback"],
    latency_ms: 12_480,
    ttft_ms: 9_800,
    stream: true,
    cost_nano: 22_010_000,
  },
  {
    model: "gpt-4o",
    target: "openai/gpt-4o",
    provider: "openai",
    key_name: "日本チーム",
    status: 503,
    error: "upstream_overloaded",
    latency_ms: 120,
    tokens_in: null,
    tokens_out: null,
    cost_nano: 0,
  },
  {
    model: "local/llama",
    target: "local/llama",
    provider: "local",
    key_name: "support-bot",
    flags: ["unpriced"],
    latency_ms: 95,
    cost_nano: null,
  },
];

export const logRows: readonly LogRow[] = Array.from({ length: rowsCanned }, (_, index): LogRow => {
  const kind = kinds[index % kinds.length]!;
  return {
    id: `req_${String(rowsCanned - index).padStart(16, "0")}`,
    at: cannedNow - 1_500 - index * 700,
    key: "key_000001",
    key_name: "web-shop",
    route: "chat.completions",
    dialect: "openai-chat",
    provider: "openai",
    model: "gpt-4o",
    target: "openai/gpt-4o",
    credential: "main",
    stream: false,
    status: 200,
    error: null,
    latency_ms: 800,
    ttft_ms: null,
    upstream_ms: 790,
    tokens_in: 1_200 + index,
    tokens_out: 340,
    tokens_cache_read: null,
    tokens_cache_write: null,
    tokens_reasoning: null,
    cost_nano: 42_500,
    held_nano: 310_000,
    ...{
      stop: "stop",
      native_stop: null,
      upstream_id: null,
      tools: [],
      untold: [],
      dropped_params: [],
      rules: [],
      engine: null,
      parent: null,
    },
    flags: [],
    bytes_in: 4_800,
    bytes_out: 1_900,
    ...kind,
  } as LogRow;
});

export const explained: ExplainAnswer = {
  request: {
    ...logRows[3]!,
    id: "req_0000000000000003",
    tokens_cache_read: 800,
    tokens_reasoning: 64,
    held_nano: 110_800_000,
  },
  decision: {
    rules: ["long prompts go to Anthropic"],
    strategy: "weighted",
    affinity: null,
    considered: [
      { target: "openai/gpt-4o", note: "weight 3" },
      { target: "anthropic/claude-sonnet-4-5", note: "after it" },
      { target: "local/llama", note: "left out: no tools" },
    ],
  },
  attempts: [
    {
      target: "openai/gpt-4o",
      credential: "main",
      outcome: "upstream_overloaded",
      reason: "requested",
      status: 503,
      latency_ms: 2_420,
      cost_nano: 0,
      held_nano: 24_800_000,
      waited_ms: null,
      started_ms: null,
    },
    {
      target: "openai/gpt-4o",
      credential: "spare",
      outcome: "upstream_timeout",
      reason:
        "the second key of the same provider, because the first answered 503 and said nothing of when to come again",
      status: null,
      latency_ms: 5_000,
      cost_nano: 3_100_000,
      held_nano: 24_800_000,
      waited_ms: null,
      started_ms: null,
    },
    {
      target: "anthropic/claude-sonnet-4-5",
      credential: "main",
      outcome: "ok",
      reason: "fallback",
      status: 200,
      latency_ms: 5_040,
      cost_nano: 18_910_000,
      held_nano: 61_200_000,
      waited_ms: null,
      started_ms: null,
    },
  ],
};

export const said: LogContent = {
  level: "full",
  request: '{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"Summarize this order"}]}',
  response: "Two chairs, one table, to be delivered on Friday.",
  headers: {
    request: { authorization: "[masked]", "content-type": "application/json", "user-agent": "openai-python/2.9.0" },
    response: { "content-type": "text/event-stream", "request-id": "req_011CSHoEeqs5C35K2UUqR7Fy" },
  },
  metadata: { roles: ["user"], tools: [] },
  truncated: false,
  object: null,
  problem: null,
};

/** A stream that runs for a while, and a call that has just begun. */
export const cannedOpen: OpenRequestsAnswer = {
  requests: [
    {
      id: "req_0000000000000090",
      at: cannedNow - 12_400,
      key: "key_000001",
      key_name: "web-shop",
      target: "anthropic/claude-sonnet-4-5",
      held_nano: 61_200_000,
      held_tokens: 5_310,
    },
    {
      id: "req_0000000000000091",
      at: cannedNow - 700,
      key: "key_000002",
      key_name: "support-bot",
      target: null,
      held_nano: 310_000,
      held_tokens: 1_540,
    },
  ],
  total: 2,
  held_nano: 61_510_000,
};

/** One batch that was corrected when its end was told, and one whose end is not told yet. */
export const batchRows = [
  { ...batch("req_batch00000000002"), corrected_nano: 4_090_000 },
  { ...batch("req_batch00000000001"), corrected_nano: null },
] as const;

function batch(id: string): LogRow {
  const fields = { route: "batches", model: "gpt-4o-mini", target: "openai/gpt-4o-mini", provider: "openai" };
  return { ...logRows[0]!, ...fields, id, stream: false, cost_nano: 54_940_000, held_nano: 150_720_000 };
}

export const explainedBatch: ExplainAnswer = {
  request: batchRows[0],
  attempts: [{ ...explained.attempts.at(-1)!, target: "openai/gpt-4o-mini", cost_nano: 54_940_000 }],
  correction: {
    ...{ of: "batch", from_nano: 54_940_000, to_nano: 4_090_000, served: 2, results: 3 },
    ...{ tokens_in: 1_100, tokens_out: 30 },
  },
};

/** Waited for a place, then hedged: the second attempt began while the first still ran, and answered first. */
export const explainedHedge: ExplainAnswer = {
  request: {
    ...logRows[0]!,
    id: "req_hedged0000000000",
    latency_ms: 1_000,
    ttft_ms: 800,
    tokens_out: 40,
    dropped_params: ["top_k"],
  },
  attempts: [
    {
      ...{ ...explained.attempts[0]!, outcome: "outpaced", reason: "requested", status: null },
      ...{ started_ms: 210, waited_ms: 200, latency_ms: 600 },
    },
    { ...explained.attempts[2]!, reason: "hedge", started_ms: 610, waited_ms: null, latency_ms: 380 },
  ],
};
