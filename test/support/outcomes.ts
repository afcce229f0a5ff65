/** What callers of OpenAI's responses, of Gemini and of Bedrock understood of an answer, in the one shape of `outcome.ts`. */
import { EventStreamSplitter, eventStream } from "../../daemon/http/event-stream.ts";
import type { Answer } from "./client.ts";
import { frames, type Outcome, type SeenError, seenError, type Told } from "./seen.ts";

type Body = Record<string, unknown>;
type Gathered = { -readonly [key in keyof Told]: Told[key] } & { error: SeenError | undefined; terminal: boolean };

/** Reads one event after another; what comes after an error is only named. */
function gathered<T>(
  answer: Answer,
  events: readonly { readonly name: string; readonly value: T }[],
  take: (event: { readonly name: string; readonly value: T }, told: Gathered) => void,
): Outcome {
  const told: Gathered = { text: "", finish: undefined, usage: undefined, error: undefined, terminal: false };
  const afterError: string[] = [];
  for (const event of events) {
    if (told.error !== undefined) afterError.push(event.name);
    take(event, told);
  }
  return { status: answer.status, ...told, afterError, ended: answer.ended };
}

function parsed(text: string): Body | undefined {
  try {
    return JSON.parse(text) as Body;
  } catch {
    return undefined; // the diagonal relays an upstream's broken frame as it is
  }
}

type Response = {
  status: string;
  error?: Body | null;
  output: { content?: { text?: string }[] }[];
  usage?: { input_tokens: number; output_tokens: number };
};

export function responsesBody(body: Body): Told {
  const { output, status, usage } = body as Response;
  const text = output.flatMap(({ content }) => (content ?? []).map((part) => part.text ?? "")).join("");
  return { text, finish: status, usage: usage && { input: usage.input_tokens, output: usage.output_tokens } };
}

export function responsesStream(answer: Answer): Outcome {
  const events = frames(answer.text).map(({ event, data }) => ({ name: event, value: parsed(data) }));
  return gathered(answer, events, ({ name, value }, told) => {
    told.terminal = name === "response.completed" || name === "response.incomplete";
    if (value === undefined) return;
    if (name === "response.output_text.delta") told.text += String(value["delta"]);
    if (told.terminal) {
      const { finish, usage } = responsesBody(value["response"] as Body);
      told.finish = finish;
      told.usage = usage;
    }
    if (name === "response.failed") told.error ??= seenError("responses", value["response"] as Body);
  });
}

type GeminiAnswer = {
  candidates?: { content?: { parts?: { text?: string }[] }; finishReason?: string }[];
  usageMetadata?: { promptTokenCount?: number; candidatesTokenCount?: number };
};

export function geminiBody(body: Body): Told {
  const { candidates, usageMetadata: usage } = body as GeminiAnswer;
  const [candidate] = candidates ?? [];
  const text = (candidate?.content?.parts ?? []).map((part) => part.text ?? "").join("");
  const counted = usage?.promptTokenCount !== undefined && usage.candidatesTokenCount !== undefined;
  return {
    text,
    finish: candidate?.finishReason,
    usage: counted ? { input: usage.promptTokenCount!, output: usage.candidatesTokenCount! } : undefined,
  };
}

export function geminiStream(answer: Answer): Outcome {
  const events = frames(answer.text).map(({ data }) => ({ name: "data", value: parsed(data) }));
  return gathered(answer, events, ({ value }, told) => {
    if (value === undefined) return;
    if (value["error"] !== undefined) {
      told.error ??= seenError("gemini", value);
      return;
    }
    const { text, finish, usage } = geminiBody(value);
    told.text += text;
    told.finish = finish ?? told.finish;
    told.usage = usage ?? told.usage;
    told.terminal = finish !== undefined;
  });
}

type ConverseAnswer = {
  output?: { message?: { content?: { text?: string }[] } };
  stopReason?: string;
  usage?: { inputTokens: number; outputTokens: number };
};

export function converseBody(body: Body): Told {
  const { output, stopReason, usage } = body as ConverseAnswer;
  return {
    text: (output?.message?.content ?? []).map((part) => part.text ?? "").join(""),
    finish: stopReason,
    usage: usage && { input: usage.inputTokens, output: usage.outputTokens },
  };
}

export function converseStream(answer: Answer): Outcome {
  const events: { name: string; value: Body | undefined }[] = [];
  new EventStreamSplitter(answer.bytes.length + 1).push(answer.bytes, (frame) => {
    const { event, data } = eventStream.read(frame);
    events.push({ name: event, value: parsed(data) });
  });
  return gathered(answer, events, ({ name, value }, told) => {
    if (value === undefined) return;
    if (name === "contentBlockDelta") told.text += (value as { delta: { text?: string } }).delta.text ?? "";
    if (name === "messageStop") told.finish = (value as ConverseAnswer).stopReason;
    if (name === "metadata") told.usage = converseBody(value).usage;
    told.terminal = told.finish !== undefined;
    if (/exception$/i.test(name)) told.error ??= exceptionSeen(name, value);
  });
}

/** An exception is told by its name; our code has no place there. */
function exceptionSeen(name: string, value: Body): SeenError {
  return {
    type: name,
    code: undefined,
    message: String(value["message"]),
    requestId: typeof value["request_id"] === "string" ? value["request_id"] : undefined,
    source: undefined,
    fields: value,
  };
}

type CohereAnswer = {
  message?: { content?: { text?: string }[] };
  finish_reason?: string;
  usage?: { tokens: { input_tokens: number; output_tokens: number } };
};

export function cohereBody(body: Body): Told {
  const { message, finish_reason: finish, usage } = body as CohereAnswer;
  return {
    text: (message?.content ?? []).map((part) => part.text ?? "").join(""),
    finish,
    usage: usage && { input: usage.tokens.input_tokens, output: usage.tokens.output_tokens },
  };
}

/** An error is a finish reason there, and no other comes with it. */
export function cohereStream(answer: Answer): Outcome {
  const events = frames(answer.text).map(({ event, data }) => ({ name: event || data, value: parsed(data) }));
  return gathered(answer, events, ({ value }, told) => {
    if (value === undefined) return;
    const delta = value["delta"] as (CohereAnswer & { error?: string }) | undefined;
    if (value["type"] === "content-delta") {
      told.text += (delta as { message: { content: { text?: string } } }).message.content.text ?? "";
    }
    told.terminal = value["type"] === "message-end";
    if (!told.terminal || delta === undefined) return;
    if (delta.finish_reason === "ERROR") told.error ??= seenError("cohere", { ...delta, message: delta.error });
    else {
      told.finish = delta.finish_reason;
      told.usage = cohereBody(delta).usage;
    }
  });
}
