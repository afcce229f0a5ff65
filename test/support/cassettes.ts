/** Recorded answers of real providers, when a folder of them is at hand; none is part of this project. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Wire } from "./wire-frames.ts";

export type Cassette = {
  readonly name: string;
  readonly wire: Wire;
  readonly contentType: string;
  readonly bytes: Buffer;
  /** A stream that says its wire's last word, or a whole body that parses. */
  readonly complete: boolean;
};

export const corpora = process.env["BIFROST_CORPORA"];

/** Every recording in one of the two wires; `[]` when there is no folder. */
export function cassettes(): readonly Cassette[] {
  if (corpora === undefined || !existsSync(corpora)) return [];
  const root = join(corpora, "vercel-ai");
  const found = readdirSync(root, { recursive: true, encoding: "utf8" })
    .sort()
    .flatMap((name) => cassette(root, name));
  const sdk = join(corpora, "anthropic-sdk");
  return [
    ...found,
    ...readdirSync(sdk)
      .filter((name) => name.endsWith(".sse"))
      .map((name) => recorded(sdk, name)),
  ];
}

function cassette(root: string, name: string): Cassette[] {
  if (name.endsWith(".json")) {
    const bytes = readFileSync(join(root, name));
    const body = parse(bytes.toString("utf8"));
    const wire = wireOf(body);
    return wire === undefined ? [] : [{ name, wire, contentType: "application/json", bytes, complete: true }];
  }
  if (!name.endsWith(".chunks.txt")) return [];
  const lines = readFileSync(join(root, name), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const first = parse(lines[0] ?? "");
  const wire = wireOf(first);
  if (wire === undefined) return [];
  const last = parse(lines.at(-1) ?? "") as { type?: string } | undefined;
  const frames = lines.map((line) => {
    const type = wire === "anthropic" ? (parse(line) as { type?: string } | undefined)?.type : undefined;
    return `${type === undefined ? "" : `event: ${type}\n`}data: ${line}\n\n`;
  });
  const spoken = wire === "openai-chat" && lines.at(-1) !== "[DONE]" ? [...frames, "data: [DONE]\n\n"] : frames;
  const complete = wire === "openai-chat" || last?.type === "message_stop";
  return [{ name, wire, contentType: "text/event-stream", bytes: Buffer.from(spoken.join("")), complete }];
}

function recorded(folder: string, name: string): Cassette {
  const bytes = readFileSync(join(folder, name));
  return { name, wire: "anthropic", contentType: "text/event-stream", bytes, complete: bytes.includes("message_stop") };
}

function wireOf(value: unknown): Wire | undefined {
  const body = value as { object?: unknown; type?: unknown; choices?: unknown; role?: unknown } | undefined;
  if (typeof body?.object === "string" && body.object.startsWith("chat.completion")) return "openai-chat";
  if (body?.type === "message_start" || (body?.type === "message" && body.role === "assistant")) return "anthropic";
  return undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
