/**
 * What an honest upstream says, as bytes: one short answer in each wire, streamed and whole.
 * The misbehaving upstream cuts, delays and garbles these; tests compare what a client got with `answerText`.
 */

export type Wire = "openai-chat" | "anthropic";

/** Multi-byte on purpose: a split inside a character must not show. */
export const answerPieces = ["Hel", "lo wör", "ld 🌍", " and 日本"] as const;
export const answerText = answerPieces.join("");
export const answerUsage = { input: 11, output: 7 } as const;

/** A stream in the three parts that decide what a failure may still change. */
export type StreamParts = {
  /** Nothing a person would see: the role chunk, `message_start`, a ping. */
  readonly preamble: readonly string[];
  readonly content: readonly string[];
  /** Finish reason and usage. */
  readonly finish: readonly string[];
  /** The wire's last word. */
  readonly terminal: readonly string[];
};

export type StreamOptions = {
  readonly model: string;
  readonly pieces?: readonly string[];
  /** OpenAI sends its usage chunk only when asked. */
  readonly includeUsage?: boolean;
  readonly usage?: { readonly input: number; readonly output: number } | undefined;
  /** Says usage a second time, cumulatively larger: the last one counts. */
  readonly usageTwice?: boolean;
};

export function streamParts(wire: Wire, options: StreamOptions): StreamParts {
  return wire === "openai-chat" ? openaiParts(options) : anthropicParts(options);
}

export function wholeBody(wire: Wire, options: StreamOptions): string {
  const text = (options.pieces ?? answerPieces).join("");
  const usage = "usage" in options ? options.usage : answerUsage;
  if (wire === "openai-chat") {
    return JSON.stringify({
      id: "chatcmpl-fault",
      object: "chat.completion",
      created: 1_700_000_000,
      model: options.model,
      choices: [{ index: 0, message: { role: "assistant", content: text, refusal: null }, finish_reason: "stop" }],
      ...(usage === undefined ? {} : { usage: openaiUsage(usage) }),
    });
  }
  return JSON.stringify({
    id: "msg_fault",
    type: "message",
    role: "assistant",
    model: options.model,
    content: [{ type: "text", text }],
    stop_reason: "end_turn",
    stop_sequence: null,
    ...(usage === undefined ? {} : { usage: { input_tokens: usage.input, output_tokens: usage.output } }),
  });
}

/** Exact in single precision, so that both encodings mean the same numbers. */
export const embedding = [0.125, -0.5, 0.25, 1];

export function embeddingBody(model: string, base64: boolean): string {
  const bytes = Buffer.from(Float32Array.from(embedding).buffer);
  return JSON.stringify({
    object: "list",
    data: [{ object: "embedding", index: 0, embedding: base64 ? bytes.toString("base64") : embedding }],
    model,
    usage: { prompt_tokens: 3, total_tokens: 3 },
  });
}

export function errorBody(wire: Wire, status: number): string {
  const message = `upstream says ${status}`;
  if (wire === "openai-chat") {
    return JSON.stringify({
      error: { message, type: openaiErrorTypes[status] ?? "server_error", param: null, code: null },
    });
  }
  const type = anthropicErrorTypes[status] ?? "api_error";
  return JSON.stringify({ type: "error", error: { type, message }, request_id: "req_fault" });
}

/** An error told inside a stream that began well. */
export function errorFrame(wire: Wire): string {
  if (wire === "openai-chat") {
    return data({ error: { message: "upstream broke inside the stream", type: "server_error", code: "server_error" } });
  }
  return named("error", {
    type: "error",
    error: { type: "overloaded_error", message: "upstream broke inside the stream" },
  });
}

export const openaiErrorTypes: Readonly<Record<number, string>> = {
  401: "invalid_request_error",
  403: "permission_error",
  429: "rate_limit_exceeded",
};

export const anthropicErrorTypes: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  429: "rate_limit_error",
  529: "overloaded_error",
};

function openaiParts(options: StreamOptions): StreamParts {
  const usage = "usage" in options ? options.usage : answerUsage;
  const chunk = (rest: object) =>
    data({
      id: "chatcmpl-fault",
      object: "chat.completion.chunk",
      created: 1_700_000_000,
      model: options.model,
      ...rest,
    });
  const choice = (delta: object, finish: string | null = null) => ({
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  const usageChunk = (count: { input: number; output: number }) => chunk({ choices: [], usage: openaiUsage(count) });
  const usages: string[] = [];
  if (usage !== undefined && options.includeUsage === true) {
    if (options.usageTwice) usages.push(usageChunk({ input: usage.input, output: 1 }));
    usages.push(usageChunk(usage));
  }
  return {
    preamble: [chunk(choice({ role: "assistant", content: "" }))],
    content: (options.pieces ?? answerPieces).map((piece) => chunk(choice({ content: piece }))),
    finish: [chunk(choice({}, "stop")), ...usages],
    terminal: ["data: [DONE]\n\n"],
  };
}

function anthropicParts(options: StreamOptions): StreamParts {
  const usage = "usage" in options ? options.usage : answerUsage;
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

function openaiUsage(usage: { input: number; output: number }): object {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
  };
}

function data(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

function named(event: string, value: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(value)}\n\n`;
}
