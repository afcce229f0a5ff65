/**
 * What a caller of either dialect understood of an answer, streamed or whole, in one shape, so that a test states its
 * expectation once for both. Strict: a frame that is not what the dialect promises is an error of the test.
 */
import assert from "node:assert/strict";
import type { Answer, ClientDialect } from "./client.ts";

export type Outcome = {
  readonly status: number;
  readonly text: string;
  /** The dialect's own finish reason. */
  readonly finish: string | undefined;
  readonly usage: { readonly input: number; readonly output: number } | undefined;
  readonly error: SeenError | undefined;
  /** `[DONE]` or `message_stop` was the last frame. */
  readonly terminal: boolean;
  /** Frames after an error frame, by name; chat allows `[DONE]`, messages nothing. */
  readonly afterError: readonly string[];
  readonly ended: Answer["ended"];
};

export type SeenError = {
  readonly type: string;
  readonly code: string | undefined;
  readonly message: string;
  readonly requestId: string | undefined;
  readonly source: string | undefined;
  /** Every field, for what only some errors carry. */
  readonly fields: Readonly<Record<string, unknown>>;
};

export type Frame = { readonly event: string; readonly data: string };

export function outcome(dialect: ClientDialect, answer: Answer): Outcome {
  const streamed = /^text\/event-stream/.test(answer.headers["content-type"] ?? "");
  if (streamed) return dialect === "chat" ? chatStream(answer) : messagesStream(answer);
  const body = JSON.parse(answer.text) as Record<string, unknown>;
  const seen = { status: answer.status, ended: answer.ended, terminal: false, afterError: [] };
  if (answer.status >= 400 || "error" in body) {
    return { ...seen, text: "", finish: undefined, usage: undefined, error: seenError(dialect, body) };
  }
  return { ...seen, ...(dialect === "chat" ? chatBody(body) : messagesBody(body)), error: undefined };
}

/** SSE events by the rules of the standard; comments are left out. */
export function frames(text: string): Frame[] {
  const events: Frame[] = [];
  for (const block of text.replace(/^\uFEFF/, "").split(/\r\n\r\n|\n\n|\r\r/)) {
    let event = "";
    const data: string[] = [];
    for (const line of block.split(/\r\n|\n|\r/)) {
      if (line.startsWith("event:")) event = line.slice(6).trim();
      else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
    }
    if (data.length > 0) events.push({ event, data: data.join("\n") });
  }
  return events;
}

function seenError(dialect: ClientDialect, body: Record<string, unknown>): SeenError {
  const error = body["error"] as Record<string, unknown>;
  assert.equal(typeof error, "object", `an error object in ${JSON.stringify(body)}`);
  if (dialect === "messages") assert.equal(body["type"], "error", "Anthropic's envelope says type: error");
  const text = (value: unknown) => (typeof value === "string" ? value : undefined);
  return {
    type: String(error["type"]),
    code: text(error["code"]),
    message: String(error["message"]),
    requestId: text(error["request_id"]) ?? text(body["request_id"]),
    source: text(error["source"]),
    fields: { ...body, ...error },
  };
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
