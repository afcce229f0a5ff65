/** The one shape in which every dialect's answers are seen, and what is read of each in the same way. */
import assert from "node:assert/strict";
import type { Answer, Caller } from "./client.ts";

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

export type Told = Pick<Outcome, "text" | "finish" | "usage">;

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

/** Where each dialect tells our code and the request's id beside the words. */
export function seenError(dialect: Caller, body: Record<string, unknown>): SeenError {
  const error = (dialect === "cohere" ? body : dialect === "converse" ? body["bifrost"] : body["error"]) as Record<
    string,
    unknown
  >;
  assert.equal(typeof error, "object", `an error object in ${JSON.stringify(body)}`);
  if (dialect === "messages") assert.equal(body["type"], "error", "Anthropic's envelope says type: error");
  const text = (value: unknown) => (typeof value === "string" ? value : undefined);
  const info = dialect === "gemini" ? (error["details"] as Record<string, unknown>[])[0] : undefined;
  const metadata = info?.["metadata"] as Record<string, unknown> | undefined;
  return {
    type: String(error["type"] ?? error["status"] ?? body["__type"]),
    code: text(info?.["reason"])?.toLowerCase() ?? text(error["reason"]) ?? text(error["code"]),
    message: String(error["message"] ?? body["message"]),
    requestId:
      text(metadata?.["request_id"]) ?? text(error["request_id"]) ?? text(body["request_id"]) ?? text(error["id"]),
    source: text(metadata?.["source"]) ?? text(error["source"]),
    fields: { ...body, ...error },
  };
}
