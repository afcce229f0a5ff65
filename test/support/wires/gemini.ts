import { answerPieces, data, type StreamOptions, type StreamParts, usageOf, type WireTalk } from "./wire.ts";

const statusNames: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  503: "UNAVAILABLE",
};

export const gemini: WireTalk = {
  contentType: "text/event-stream",
  parts,
  whole(options) {
    const usage = usageOf(options);
    const text = (options.pieces ?? answerPieces).join("");
    return JSON.stringify(answer(options, text, "STOP", usage));
  },
  errorBody: (status, message) =>
    JSON.stringify({ error: { code: status, message, status: statusNames[status] ?? "INTERNAL" } }),
  errorFrame: (message) => data({ error: { code: 500, message, status: "INTERNAL" } }),
  malformed: 'data: {"candidates":[\n\n',
};

type Count = { readonly input: number; readonly output: number };

function answer(options: StreamOptions, text: string, finishReason?: string, usage?: Count): object {
  const finish = finishReason === undefined ? {} : { finishReason };
  return {
    candidates: [{ content: { parts: [{ text }], role: "model" }, ...finish, index: 0 }],
    ...(usage === undefined
      ? {}
      : {
          usageMetadata: {
            promptTokenCount: usage.input,
            candidatesTokenCount: usage.output,
            totalTokenCount: usage.input + usage.output,
          },
        }),
    modelVersion: options.model,
    responseId: "fault",
  };
}

/** There is no last word: the stream just ends. */
function parts(options: StreamOptions): StreamParts {
  const usage = usageOf(options);
  const growing = usage === undefined || options.usageTwice !== true ? undefined : { input: usage.input, output: 1 };
  return {
    preamble: [data(answer(options, ""))],
    content: (options.pieces ?? answerPieces).map((piece) => data(answer(options, piece, undefined, growing))),
    finish: [data(answer(options, "", "STOP", usage))],
    terminal: [],
  };
}
