/** What Bedrock, Anthropic, Gemini and Cohere answer, each at its own paths: one short greeting, whole and streamed. */
import { eventChunks, eventStream } from "../../daemon/http/event-stream.ts";
import type { Sent } from "./cloud.ts";

const converse = {
  output: { message: { role: "assistant", content: [{ text: "Grüezi" }] } },
  stopReason: "end_turn",
  usage: { inputTokens: 5, outputTokens: 2, totalTokens: 7 },
  metrics: { latencyMs: 3 },
};
export const converseEvents = [
  'event: messageStart\ndata: {"role":"assistant","p":"abc"}\n\n',
  'event: contentBlockDelta\ndata: {"contentBlockIndex":0,"delta":{"text":"Grü"}}\n\n',
  'event: contentBlockDelta\ndata: {"contentBlockIndex":0,"delta":{"text":"ezi"}}\n\n',
  'event: contentBlockStop\ndata: {"contentBlockIndex":0}\n\n',
  'event: messageStop\ndata: {"stopReason":"end_turn"}\n\n',
  'event: metadata\ndata: {"usage":{"inputTokens":5,"outputTokens":2,"totalTokens":7},"metrics":{"latencyMs":3}}\n\n',
].join("");
export const message = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude",
  content: [{ type: "text", text: "Grüezi" }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 5, output_tokens: 2 },
};
const messageEvents = [
  ["message_start", { message: { ...message, content: [], stop_reason: null } }],
  ["content_block_start", { index: 0, content_block: { type: "text", text: "" } }],
  ["content_block_delta", { index: 0, delta: { type: "text_delta", text: "Grüezi" } }],
  ["content_block_stop", { index: 0 }],
  ["message_delta", { delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 2 } }],
  ["message_stop", {}],
]
  .map(([type, rest]) => `event: ${type}\ndata: ${JSON.stringify({ type, ...(rest as object) })}\n\n`)
  .join("");
const geminiAnswer = {
  candidates: [{ content: { role: "model", parts: [{ text: "Grüezi" }] }, finishReason: "STOP", index: 0 }],
  usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 2, totalTokenCount: 7 },
};
const cohereUsage = {
  billed_units: { input_tokens: 5, output_tokens: 2 },
  tokens: { input_tokens: 70, output_tokens: 3 },
};
const cohereAnswer = {
  id: "c1",
  message: { role: "assistant", content: [{ type: "text", text: "Grüezi" }] },
  finish_reason: "COMPLETE",
  usage: cohereUsage,
};
const cohereEvents = [
  { id: "c1", type: "message-start", delta: { message: { role: "assistant" } } },
  { type: "content-start", index: 0, delta: { message: { content: { type: "text", text: "" } } } },
  { type: "content-delta", index: 0, delta: { message: { content: { text: "Grüezi" } } } },
  { type: "content-end", index: 0 },
  { type: "message-end", delta: { finish_reason: "COMPLETE", usage: cohereUsage } },
]
  .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  .join("");
export const eventType = "application/vnd.amazon.eventstream";

/** Each path answers in its own language. */
export function speak({ path, body }: Sent): { type: string; body: string | Buffer } | undefined {
  if (path.endsWith("/converse")) return { type: "application/json", body: JSON.stringify(converse) };
  if (path.endsWith("/converse-stream")) return { type: eventType, body: bytes(eventStream.write(converseEvents)) };
  if (path.includes("titan-embed")) {
    return { type: "application/json", body: '{"embedding":[0.5,0.25],"inputTextTokenCount":3}' };
  }
  if (path.includes("cohere.embed")) {
    return {
      type: "application/json",
      body: '{"id":"e","response_type":"embeddings_by_type","embeddings":{"float":[[1],[2]]}}',
    };
  }
  if (/(amazon|cohere)\.rerank/.test(path) || path === "/v2/rerank") {
    return { type: "application/json", body: '{"results":[{"index":1,"relevance_score":0.9}]}' };
  }
  if (path.endsWith(":predict")) {
    const one = { embeddings: { values: [0.5, 0.25], statistics: { token_count: 3, truncated: false } } };
    const { instances } = JSON.parse(body) as { instances: { prompt?: string }[] };
    const picture = { mimeType: "image/png", bytesBase64Encoded: "QQ==" };
    if (instances[0]?.prompt !== undefined)
      return { type: "application/json", body: JSON.stringify({ predictions: [picture] }) };
    return { type: "application/json", body: JSON.stringify({ predictions: instances.map(() => one) }) };
  }
  if (body.includes('"IMAGE"')) {
    const inlineData = { mimeType: "image/png", data: "QQ==" };
    return {
      type: "application/json",
      body: JSON.stringify({ candidates: [{ content: { parts: [{ inlineData }] } }] }),
    };
  }
  if (path.endsWith("/invoke") || path.endsWith(":rawPredict")) {
    return { type: "application/json", body: JSON.stringify(message) };
  }
  if (path.endsWith("/invoke-with-response-stream")) {
    return { type: eventType, body: bytes(eventChunks.write(messageEvents)) };
  }
  if (path.endsWith(":streamRawPredict")) return { type: "text/event-stream", body: messageEvents };
  if (path === "/v2/chat") {
    return body.includes('"stream":true')
      ? { type: "text/event-stream", body: cohereEvents }
      : { type: "application/json", body: JSON.stringify(cohereAnswer) };
  }
  if (path === "/v2/embed") {
    const embeddings = { float: [[0.5, 0.25]] };
    const meta = { billed_units: { input_tokens: 3 } };
    return { type: "application/json", body: JSON.stringify({ id: "e", embeddings, meta }) };
  }
  if (path === "/v2/rerank") {
    const results = [{ index: 1, relevance_score: 0.9 }];
    const meta = { billed_units: { search_units: 1 } };
    return { type: "application/json", body: JSON.stringify({ id: "r", results, meta }) };
  }
  if (path.endsWith("/messages")) {
    return body.includes('"stream":true')
      ? { type: "text/event-stream", body: messageEvents }
      : { type: "application/json", body: JSON.stringify(message) };
  }
  if (path.includes(":streamGenerateContent")) {
    return { type: "text/event-stream", body: `data: ${JSON.stringify(geminiAnswer)}\r\n\r\n` };
  }
  if (path.includes(":generateContent")) return { type: "application/json", body: JSON.stringify(geminiAnswer) };
  return undefined;
}

export function bytes(latin1: string): Buffer {
  return Buffer.from(latin1, "latin1");
}
