/** One short answer in each provider's words, whole and streamed, around the usage that it tells. */
import { writeFrame } from "../../daemon/http/event-stream.ts";

export type Told = {
  readonly usage: object;
  readonly tier?: string | undefined;
  readonly searches?: number | undefined;
};
const data = (value: object, event?: string) =>
  `${event === undefined ? "" : `event: ${event}\n`}data: ${JSON.stringify(value)}\n\n`;

export function chat({ usage, tier }: Told): readonly [string, string] {
  const served = tier === undefined ? {} : { service_tier: tier };
  const head = { id: "c", created: 1, model: "m", ...served };
  const chunk = (more: object) => data({ ...head, object: "chat.completion.chunk", ...more });
  const message = { role: "assistant", content: "ok" };
  return [
    JSON.stringify({
      ...{ ...head, object: "chat.completion" },
      choices: [{ index: 0, message, finish_reason: "stop" }],
      usage,
    }),
    `${chunk({ choices: [{ index: 0, delta: message, finish_reason: null }] })}${chunk({
      choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
    })}${chunk({ choices: [], usage })}data: [DONE]\n\n`,
  ];
}

export function responses({ usage, tier, searches = 0 }: Told): readonly [string, string] {
  const item = {
    ...{ type: "message", id: "msg", role: "assistant", status: "completed" },
    content: [{ type: "output_text", text: "ok", annotations: [] }],
  };
  const calls = Array.from({ length: searches }, (_, at) => ({
    ...{ type: "web_search_call", id: `ws${at}`, status: "completed", action: { type: "search", query: "q" } },
  }));
  const response = {
    ...{ id: "resp_1", object: "response", created_at: 1, status: "completed", model: "m" },
    output: [...calls, item],
    usage,
    ...(tier === undefined ? {} : { service_tier: tier }),
  };
  const at = { output_index: searches, item_id: "msg", content_index: 0 };
  const events: readonly object[] = [
    { type: "response.created", response: { ...response, status: "in_progress", output: [], usage: null } },
    { type: "response.output_item.added", output_index: searches, item: { ...item, content: [] } },
    { type: "response.output_text.delta", ...at, delta: "ok" },
    { type: "response.output_text.done", ...at, text: "ok" },
    { type: "response.output_item.done", output_index: searches, item },
    { type: "response.completed", response },
  ];
  const stream = events.map((event, sequence) =>
    data({ ...event, sequence_number: sequence }, (event as { type: string }).type),
  );
  return [JSON.stringify(response), stream.join("")];
}

/** The input comes with the first event, the output with the last. */
export function anthropic({ usage }: Told): readonly [string, string] {
  const message = { id: "msg_1", type: "message", role: "assistant", model: "m", stop_sequence: null };
  const { output_tokens, server_tool_use, ...before } = usage as Record<string, unknown>;
  const after = { output_tokens, ...(server_tool_use === undefined ? {} : { server_tool_use }) };
  const events: readonly object[] = [
    {
      type: "message_start",
      message: { ...message, content: [], stop_reason: null, usage: { ...before, output_tokens: 1 } },
    },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "ok" } },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: after },
    { type: "message_stop" },
  ];
  return [
    JSON.stringify({ ...message, content: [{ type: "text", text: "ok" }], stop_reason: "end_turn", usage }),
    events.map((event) => data(event, (event as { type: string }).type)).join(""),
  ];
}

export function gemini({ usage, searches = 0 }: Told): readonly [string, string] {
  const queries = Array.from({ length: searches }, (_, at) => `q${at}`);
  const grounding = searches === 0 ? {} : { groundingMetadata: { webSearchQueries: queries } };
  const candidate = { index: 0, content: { role: "model", parts: [{ text: "ok" }] } };
  const whole = { candidates: [{ ...candidate, finishReason: "STOP", ...grounding }], usageMetadata: usage };
  return [JSON.stringify(whole), data({ candidates: [candidate] }) + data(whole)];
}

export function bedrock({ usage, tier }: Told): readonly [string, Buffer] {
  const served = tier === undefined ? {} : { serviceTier: { type: tier } };
  const event = (name: string, value: object) =>
    writeFrame(
      { ":event-type": name, ":content-type": "application/json", ":message-type": "event" },
      Buffer.from(JSON.stringify(value)),
    );
  return [
    JSON.stringify({
      output: { message: { role: "assistant", content: [{ text: "ok" }] } },
      ...{ stopReason: "end_turn", usage, metrics: { latencyMs: 1 }, ...served },
    }),
    Buffer.concat([
      event("messageStart", { role: "assistant" }),
      event("contentBlockDelta", { contentBlockIndex: 0, delta: { text: "ok" } }),
      event("contentBlockStop", { contentBlockIndex: 0 }),
      event("messageStop", { stopReason: "end_turn" }),
      event("metadata", { usage, metrics: { latencyMs: 1 }, ...served }),
    ]),
  ];
}

export function cohere({ usage }: Told): readonly [string, string] {
  const content = [{ type: "text", text: "ok" }];
  const events: readonly object[] = [
    { type: "message-start", id: "m1", delta: { message: { role: "assistant", content: [] } } },
    { type: "content-start", index: 0, delta: { message: { content: { type: "text", text: "" } } } },
    { type: "content-delta", index: 0, delta: { message: { content: { text: "ok" } } } },
    { type: "content-end", index: 0 },
    { type: "message-end", delta: { finish_reason: "COMPLETE", usage } },
  ];
  return [
    JSON.stringify({ id: "m1", finish_reason: "COMPLETE", message: { role: "assistant", content }, usage }),
    events.map((event) => data(event, (event as { type: string }).type)).join(""),
  ];
}
