import {
  answerPieces,
  data,
  eventStreamType,
  type StreamOptions,
  type StreamParts,
  usageOf,
  type WireTalk,
} from "./wire.ts";

export const openaiErrorTypes: Readonly<Record<number, string>> = {
  401: "invalid_request_error",
  403: "permission_error",
  429: "rate_limit_exceeded",
};

export const openaiChat: WireTalk = {
  contentType: eventStreamType,
  parts,
  whole(options) {
    const usage = usageOf(options);
    const content = (options.pieces ?? answerPieces).join("");
    return JSON.stringify({
      id: "chatcmpl-fault",
      object: "chat.completion",
      created: 1_700_000_000,
      model: options.model,
      choices: [{ index: 0, message: { role: "assistant", content, refusal: null }, finish_reason: "stop" }],
      ...(usage === undefined ? {} : { usage: openaiUsage(usage) }),
    });
  },
  errorBody: (status, message) =>
    JSON.stringify({ error: { message, type: openaiErrorTypes[status] ?? "server_error", param: null, code: null } }),
  errorFrame: (message) => data({ error: { message, type: "server_error", code: "server_error" } }),
  malformed: 'data: {"id":"x","choices":[{\n\n',
};

function parts(options: StreamOptions): StreamParts {
  const usage = usageOf(options);
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

function openaiUsage(usage: { input: number; output: number }): object {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
  };
}
