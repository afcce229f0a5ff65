import { writeFrame } from "../../../daemon/http/event-stream.ts";
import { answerPieces, type StreamOptions, type StreamParts, usageOf, type WireTalk } from "./wire.ts";

const exceptions: Readonly<Record<number, string>> = {
  400: "ValidationException",
  401: "UnrecognizedClientException",
  403: "AccessDeniedException",
  404: "ResourceNotFoundException",
  429: "ThrottlingException",
  503: "ServiceUnavailableException",
};

export const bedrockConverse: WireTalk = {
  contentType: "application/vnd.amazon.eventstream",
  parts,
  whole(options) {
    const text = (options.pieces ?? answerPieces).join("");
    const usage = usageOf(options);
    return JSON.stringify({
      output: { message: { role: "assistant", content: [{ text }] } },
      stopReason: "end_turn",
      ...(usage === undefined ? {} : { usage: counts(usage) }),
      metrics: { latencyMs: 1 },
    });
  },
  errorBody: (status, message) => JSON.stringify({ message, __type: exceptions[status] ?? "InternalServerException" }),
  errorFrame: (message) =>
    writeFrame(
      {
        ":exception-type": "internalServerException",
        ":content-type": "application/json",
        ":message-type": "exception",
      },
      Buffer.from(JSON.stringify({ message })),
    ),
  malformed: event("contentBlockDelta", '{"delta":'),
};

function event(name: string, payload: string): Buffer {
  const headers = { ":event-type": name, ":content-type": "application/json", ":message-type": "event" };
  return writeFrame(headers, Buffer.from(payload));
}

function counts({ input, output }: { input: number; output: number }): object {
  return { inputTokens: input, outputTokens: output, totalTokens: input + output };
}

/** The usage is the last word, and comes once. */
function parts(options: StreamOptions): StreamParts {
  const usage = usageOf(options);
  const told = (name: string, value: object): Buffer => event(name, JSON.stringify(value));
  const metadata = (count: { input: number; output: number }) =>
    told("metadata", { usage: counts(count), metrics: { latencyMs: 1 } });
  return {
    preamble: [told("messageStart", { role: "assistant" })],
    content: (options.pieces ?? answerPieces).map((text) =>
      told("contentBlockDelta", { contentBlockIndex: 0, delta: { text } }),
    ),
    finish: [told("contentBlockStop", { contentBlockIndex: 0 }), told("messageStop", { stopReason: "end_turn" })],
    terminal: usage === undefined ? [] : [metadata(usage)],
  };
}
