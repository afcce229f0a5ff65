/** Feeding recordings to a dialect, and reading back what a person would see of its events. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Dialect, Event, StreamDecoder, Usage } from "../../../providers/exchange.ts";

export type Frame = { readonly event: string; readonly data: string };

/** One SSE text as frames; `*.chunks.txt` hold one data payload a line. */
export function frames(text: string): Frame[] {
  if (!/^(event|data|:)/m.test(text)) {
    return text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((data) => ({ event: "", data }));
  }
  return text
    .split(/\r?\n\r?\n/)
    .map((block) => {
      const lines = block.split(/\r?\n/);
      const value = (name: string) =>
        lines
          .filter((line) => line.startsWith(`${name}:`))
          .map((line) => line.slice(name.length + 1).replace(/^ /, ""));
      return { event: value("event").join(""), data: value("data").join("\n") };
    })
    .filter((frame) => frame.data !== "");
}

export function sse(frame: Frame): string {
  const event = frame.event === "" ? "" : `event: ${frame.event}\n`;
  return `${event}data: ${frame.data}\n\n`;
}

export function replay(dialect: Dialect, source: readonly Frame[] | string): Event[] {
  const decoder = dialect.decodeStream();
  const events = push(decoder, typeof source === "string" ? frames(source) : source);
  events.push(...decoder.end());
  return events;
}

export function push(decoder: StreamDecoder, source: readonly Frame[]): Event[] {
  return source.flatMap(({ event, data }) => [...decoder.push(event, data)]);
}

export type Seen = {
  readonly text: string;
  readonly thinking: string;
  readonly signatures: readonly string[];
  readonly refusal: string;
  readonly tools: readonly { readonly id: string; readonly name: string; readonly input: unknown }[];
  readonly finish: readonly string[];
  readonly usage: Usage;
};

export function seen(events: readonly Event[]): Seen {
  let text = "";
  let thinking = "";
  let refusal = "";
  let usage: Usage = {};
  const signatures: string[] = [];
  const finish: string[] = [];
  const tools: { id: string; name: string; written: string }[] = [];
  for (const event of events) {
    if (event.type === "text") text += event.delta;
    if (event.type === "thinking") thinking += event.delta;
    if (event.type === "refusal") refusal += event.delta;
    if (event.type === "thinking_signature") signatures.push(event.signature);
    if (event.type === "tool_call_start") tools[event.index] = { id: event.id, name: event.name, written: "" };
    if (event.type === "tool_call_delta") tools[event.index]!.written += event.delta;
    if (event.type === "finish") finish.push(event.reason);
    if ("usage" in event && event.usage !== undefined) usage = { ...usage, ...event.usage };
  }
  return {
    text,
    thinking,
    signatures,
    refusal,
    finish,
    usage,
    tools: tools.map(({ id, name, written }) => ({ id, name, input: JSON.parse(written || "{}") })),
  };
}

const corpora = process.env["BIFROST_CORPORA"];

/** A reason to skip, for tests over recordings that are not part of the project. */
export const noCorpora =
  corpora === undefined || !existsSync(corpora) ? "BIFROST_CORPORA is not set: no recordings to read" : false;

export type Recording = { readonly name: string; readonly text: string };

export function recordings(patterns: readonly string[]): Recording[] {
  if (corpora === undefined) return [];
  return globSync([...patterns], { cwd: corpora })
    .sort()
    .map((name) => ({ name, text: readFileSync(join(corpora, name), "utf8") }));
}

export function fixture(name: string): string {
  return readFileSync(join(import.meta.dirname, "fixtures", basename(name)), "utf8");
}
