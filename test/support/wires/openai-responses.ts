import { openaiChat } from "./openai-chat.ts";
import {
  answerPieces,
  eventStreamType,
  named,
  type StreamOptions,
  type StreamParts,
  usageOf,
  type WireTalk,
} from "./wire.ts";

const at = { item_id: "msg_fault", output_index: 0, content_index: 0 };

export const openaiResponses: WireTalk = {
  contentType: eventStreamType,
  parts,
  whole: (options) => JSON.stringify(response(options, "completed", (options.pieces ?? answerPieces).join(""))),
  errorBody: openaiChat.errorBody,
  errorFrame: (message) =>
    named("response.failed", {
      type: "response.failed",
      sequence_number: 99,
      response: { id: "resp_fault", object: "response", status: "failed", error: { code: "server_error", message } },
    }),
  malformed: 'event: response.output_text.delta\ndata: {"type":\n\n',
};

function message(text: string, status: string): object {
  const content = [{ type: "output_text", text, annotations: [], logprobs: [] }];
  return { id: "msg_fault", type: "message", status, role: "assistant", content };
}

function response(options: StreamOptions, status: string, text?: string): object {
  const usage = status === "completed" ? usageOf(options) : undefined;
  return {
    id: "resp_fault",
    object: "response",
    created_at: 1_700_000_000,
    status,
    error: null,
    model: options.model,
    output: text === undefined ? [] : [message(text, "completed")],
    ...(usage === undefined ? {} : { usage: openaiUsage(usage) }),
  };
}

/** The last event tells the finish and the usage, and is the last word. */
function parts(options: StreamOptions): StreamParts {
  let sequence = 0;
  const event = (type: string, rest: object): string => named(type, { type, sequence_number: sequence++, ...rest });
  const pieces = options.pieces ?? answerPieces;
  const text = pieces.join("");
  const item = { id: "msg_fault", type: "message", status: "in_progress", role: "assistant", content: [] };
  const part = (said: string) => ({ type: "output_text", text: said, annotations: [], logprobs: [] });
  return {
    preamble: [
      event("response.created", { response: response(options, "in_progress") }),
      event("response.in_progress", { response: response(options, "in_progress") }),
      event("response.output_item.added", { output_index: 0, item }),
      event("response.content_part.added", { ...at, part: part("") }),
    ],
    content: pieces.map((delta) => event("response.output_text.delta", { ...at, delta, logprobs: [] })),
    finish: [
      event("response.output_text.done", { ...at, text, logprobs: [] }),
      event("response.content_part.done", { ...at, part: part(text) }),
      event("response.output_item.done", { output_index: 0, item: message(text, "completed") }),
    ],
    terminal: [event("response.completed", { response: response(options, "completed", text) })],
  };
}

function openaiUsage({ input, output }: { input: number; output: number }): object {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + output,
  };
}
