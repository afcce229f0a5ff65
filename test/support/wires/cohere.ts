import {
  answerPieces,
  eventStreamType,
  named,
  type StreamOptions,
  type StreamParts,
  usageOf,
  type WireTalk,
} from "./wire.ts";

export const cohere: WireTalk = {
  contentType: eventStreamType,
  parts,
  whole(options) {
    const usage = usageOf(options);
    return JSON.stringify({
      id: "fault",
      message: { role: "assistant", content: [{ type: "text", text: (options.pieces ?? answerPieces).join("") }] },
      finish_reason: "COMPLETE",
      ...(usage === undefined ? {} : { usage: counts(usage) }),
    });
  },
  errorBody: (_status, message) => JSON.stringify({ id: "fault", message }),
  errorFrame: (message) =>
    named("message-end", { type: "message-end", delta: { finish_reason: "ERROR", error: message } }),
  malformed: 'event: content-delta\ndata: {"type":\n\n',
};

function counts({ input, output }: { input: number; output: number }): object {
  const tokens = { input_tokens: input, output_tokens: output };
  return { billed_units: tokens, tokens };
}

/** The last event tells the finish and the usage, and is the last word. */
function parts(options: StreamOptions): StreamParts {
  const usage = usageOf(options);
  const event = (type: string, rest: object): string => named(type, { type, ...rest });
  const content = (text: string, more: object = {}) => ({
    index: 0,
    delta: { message: { content: { ...more, text } } },
  });
  return {
    preamble: [
      event("message-start", { id: "fault", delta: { message: { role: "assistant", content: [], tool_calls: [] } } }),
      event("content-start", content("", { type: "text" })),
    ],
    content: (options.pieces ?? answerPieces).map((piece) => event("content-delta", content(piece))),
    finish: [event("content-end", { index: 0 })],
    terminal: [
      event("message-end", {
        delta: { finish_reason: "COMPLETE", ...(usage === undefined ? {} : { usage: counts(usage) }) },
      }),
    ],
  };
}
