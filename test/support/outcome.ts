/**
 * What a caller of any dialect understood of an answer, streamed or whole, in one shape, so that a test states its
 * expectation once for all. Strict: a frame that is not what the dialect promises is an error of the test.
 */
import type { Answer, Caller } from "./client.ts";
import {
  cohereBody,
  cohereStream,
  converseBody,
  converseStream,
  geminiBody,
  geminiStream,
  responsesBody,
  responsesStream,
} from "./outcomes.ts";
import { frames, type Outcome, type SeenError, seenError, type Told } from "./seen.ts";

const streams: Readonly<Record<Caller, (answer: Answer) => Outcome>> = {
  chat: chatStream,
  messages: messagesStream,
  responses: responsesStream,
  gemini: geminiStream,
  converse: converseStream,
  cohere: cohereStream,
};
const bodies: Readonly<Record<Caller, (body: Record<string, unknown>) => Told>> = {
  chat: chatBody,
  messages: messagesBody,
  responses: responsesBody,
  gemini: geminiBody,
  converse: converseBody,
  cohere: cohereBody,
};

export function outcome(dialect: Caller, answer: Answer): Outcome {
  const streamed = /^(text\/event-stream|application\/vnd\.amazon\.eventstream)/.test(
    answer.headers["content-type"] ?? "",
  );
  if (streamed) return streams[dialect](answer);
  const body = JSON.parse(answer.text) as Record<string, unknown>;
  const seen = { status: answer.status, ended: answer.ended, terminal: false, afterError: [] };
  if (answer.status >= 400 || (body["error"] !== undefined && body["error"] !== null)) {
    return { ...seen, text: "", finish: undefined, usage: undefined, error: seenError(dialect, body) };
  }
  return { ...seen, ...bodies[dialect](body), error: undefined };
}

type Usage = Outcome["usage"];
type ChatUsage = { prompt_tokens: number; completion_tokens: number } | null | undefined;

function chatUsage(usage: ChatUsage): Usage {
  return usage ? { input: usage.prompt_tokens, output: usage.completion_tokens } : undefined;
}

function chatBody(body: Record<string, unknown>): Pick<Outcome, "text" | "finish" | "usage"> {
  const choices = body["choices"] as { message: { content: string | null }; finish_reason: string }[];
  return {
    text: choices[0]?.message.content ?? "",
    finish: choices[0]?.finish_reason,
    usage: chatUsage(body["usage"] as ChatUsage),
  };
}

function messagesBody(body: Record<string, unknown>): Pick<Outcome, "text" | "finish" | "usage"> {
  const content = body["content"] as { type: string; text?: string }[];
  const usage = body["usage"] as { input_tokens: number; output_tokens: number } | undefined;
  return {
    text: content.map((block) => block.text ?? "").join(""),
    finish: body["stop_reason"] as string,
    usage: usage && { input: usage.input_tokens, output: usage.output_tokens },
  };
}

function chatStream(answer: Answer): Outcome {
  let text = "";
  let finish: string | undefined;
  let usage: Usage;
  let error: SeenError | undefined;
  let terminal = false;
  const afterError: string[] = [];
  for (const { data } of frames(answer.text)) {
    terminal = data === "[DONE]";
    if (error !== undefined) afterError.push(data);
    if (terminal) continue;
    let chunk: Record<string, unknown>;
    try {
      chunk = JSON.parse(data) as Record<string, unknown>;
    } catch {
      continue; // the diagonal relays an upstream's broken frame as it is
    }
    if (chunk["error"] !== undefined) {
      error ??= seenError("chat", chunk);
      continue;
    }
    usage = chatUsage(chunk["usage"] as ChatUsage) ?? usage;
    const choices = (chunk["choices"] ?? []) as {
      delta?: { content?: string | null };
      finish_reason?: string | null;
    }[];
    text += choices[0]?.delta?.content ?? "";
    finish = choices[0]?.finish_reason ?? finish;
  }
  return { status: answer.status, text, finish, usage, error, terminal, afterError, ended: answer.ended };
}

function messagesStream(answer: Answer): Outcome {
  let text = "";
  let finish: string | undefined;
  let input: number | undefined;
  let output: number | undefined;
  let error: SeenError | undefined;
  let terminal = false;
  const afterError: string[] = [];
  type Counts = { input_tokens?: number; output_tokens?: number };
  const count = (usage: Counts | undefined) => {
    input = usage?.input_tokens ?? input;
    output = usage?.output_tokens ?? output;
  };
  for (const { event, data } of frames(answer.text)) {
    if (error !== undefined) afterError.push(event);
    terminal = event === "message_stop";
    let body: Record<string, unknown>;
    try {
      body = JSON.parse(data) as Record<string, unknown>;
    } catch {
      continue;
    }
    if (event === "error") error ??= seenError("messages", body);
    if (event === "message_start") count((body["message"] as { usage?: Counts }).usage);
    if (event === "content_block_delta") text += (body["delta"] as { text?: string }).text ?? "";
    if (event === "message_delta") {
      count(body["usage"] as Counts | undefined);
      finish = (body["delta"] as { stop_reason?: string }).stop_reason ?? finish;
    }
  }
  const usage = input === undefined || output === undefined ? undefined : { input, output };
  return { status: answer.status, text, finish, usage, error, terminal, afterError, ended: answer.ended };
}
