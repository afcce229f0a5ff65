import {
  answerPieces,
  eventStreamType,
  named,
  type StreamOptions,
  type StreamParts,
  usageOf,
  type WireTalk,
} from "./wire.ts";

export const anthropicErrorTypes: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  429: "rate_limit_error",
  529: "overloaded_error",
};

export const anthropic: WireTalk = {
  contentType: eventStreamType,
  parts,
  whole(options) {
    const usage = usageOf(options);
    return JSON.stringify({
      id: "msg_fault",
      type: "message",
      role: "assistant",
      model: options.model,
      content: [{ type: "text", text: (options.pieces ?? answerPieces).join("") }],
      stop_reason: "end_turn",
      stop_sequence: null,
      ...(usage === undefined ? {} : { usage: { input_tokens: usage.input, output_tokens: usage.output } }),
    });
  },
  errorBody: (status, message) =>
    JSON.stringify({
      type: "error",
      error: { type: anthropicErrorTypes[status] ?? "api_error", message },
      request_id: "req_fault",
    }),
  errorFrame: (message) => named("error", { type: "error", error: { type: "overloaded_error", message } }),
  malformed: 'event: content_block_delta\ndata: {"type":\n\n',
};

function parts(options: StreamOptions): StreamParts {
  const usage = usageOf(options);
  const message = {
    id: "msg_fault",
    type: "message",
    role: "assistant",
    model: options.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    ...(usage === undefined ? {} : { usage: { input_tokens: usage.input, output_tokens: 1 } }),
  };
  const delta = (count: number | undefined) =>
    named("message_delta", {
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null },
      ...(count === undefined ? {} : { usage: { output_tokens: count } }),
    });
  return {
    preamble: [named("message_start", { type: "message_start", message }), named("ping", { type: "ping" })],
    content: [
      named("content_block_start", {
        type: "content_block_start",
        index: 0,
        content_block: { type: "text", text: "" },
      }),
      ...(options.pieces ?? answerPieces).map((text) =>
        named("content_block_delta", { type: "content_block_delta", index: 0, delta: { type: "text_delta", text } }),
      ),
    ],
    finish: [
      named("content_block_stop", { type: "content_block_stop", index: 0 }),
      ...(options.usageTwice ? [delta(1)] : []),
      delta(usage?.output),
    ],
    terminal: [named("message_stop", { type: "message_stop" })],
  };
}
