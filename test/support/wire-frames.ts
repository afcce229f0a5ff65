/**
 * What an honest upstream says, as bytes: one short answer in each wire, streamed and whole.
 * The misbehaving upstream cuts, delays and garbles these; tests compare what a client got with `answerText`.
 */
import { anthropic } from "./wires/anthropic.ts";
import { bedrockConverse } from "./wires/bedrock-converse.ts";
import { cohere } from "./wires/cohere.ts";
import { gemini } from "./wires/gemini.ts";
import { openaiChat } from "./wires/openai-chat.ts";
import { openaiResponses } from "./wires/openai-responses.ts";
import type { StreamOptions, StreamParts, WireTalk } from "./wires/wire.ts";

export { answerPieces, answerText, answerUsage } from "./wires/wire.ts";

const talks = {
  "openai-chat": openaiChat,
  anthropic,
  "openai-responses": openaiResponses,
  gemini,
  "bedrock-converse": bedrockConverse,
  cohere,
} satisfies Record<string, WireTalk>;

export type Wire = keyof typeof talks;

export const wires = Object.keys(talks) as readonly Wire[];

/** Frames are bytes, not lines of text. */
export function isBinary(wire: Wire): boolean {
  return wire === "bedrock-converse";
}

export function talkOf(wire: Wire): WireTalk {
  return talks[wire];
}

export function streamParts(wire: Wire, options: StreamOptions): StreamParts {
  return talks[wire].parts(options);
}

export function wholeBody(wire: Wire, options: StreamOptions): string {
  return talks[wire].whole(options);
}

/** Exact in single precision, so that both encodings mean the same numbers. */
export const embedding = [0.125, -0.5, 0.25, 1];

export function embeddingBody(model: string, base64: boolean): string {
  const bytes = Buffer.from(Float32Array.from(embedding).buffer);
  return JSON.stringify({
    object: "list",
    data: [{ object: "embedding", index: 0, embedding: base64 ? bytes.toString("base64") : embedding }],
    model,
    usage: { prompt_tokens: 3, total_tokens: 3 },
  });
}

export function errorBody(wire: Wire, status: number): string {
  return talks[wire].errorBody(status, `upstream says ${status}`);
}

/** Which wire a request is of, and what its path says where the body does not. */
export function wireAt(path: string): { readonly wire: Wire; readonly model?: string; readonly stream?: boolean } {
  const named = /\/models?\/([^/?]+?)(?::|\/)(\w+Content|converse(?:-stream)?)(?:\?|$)/.exec(path);
  if (named !== null) {
    const [, model = "", verb = ""] = named;
    const wire = verb.startsWith("converse") ? "bedrock-converse" : "gemini";
    return { wire, model: decodeURIComponent(model), stream: verb.startsWith("stream") || verb.endsWith("stream") };
  }
  if (/\/v2\/chat(\?|$)/.test(path)) return { wire: "cohere" };
  if (/\/messages(\/count_tokens)?(\?|$)/.test(path)) return { wire: "anthropic" };
  return { wire: /\/responses(\?|$)/.test(path) ? "openai-responses" : "openai-chat" };
}
