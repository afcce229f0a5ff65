/** Every recording at hand and what it is of: an answer in one of our languages, or something else, with a reason. */
import { globSync, readFileSync } from "node:fs";
import { join, matchesGlob } from "node:path";
import type { DialectId } from "../../../providers/exchange.ts";
import { noCorpora } from "./replay.ts";

export { noCorpora };

export type Recorded = { readonly name: string; readonly bytes: Buffer };

/** What is no answer of a chat, and who reads it. */
export const others: Readonly<Record<string, string>> = {
  "vercel-ai/*/reranking/*": "rankings: codecs.test.ts of their dialects; Together's and Voyage's are relayed",
  "vercel-ai/{cohere/cohere,voyage/voyage,google-vertex/google-vertex}-embedding.json": "embeddings",
  "vercel-ai/openai/embedding/*": "embeddings, relayed",
  "vercel-ai/openai/completion/*": "text completions, relayed",
  "vercel-ai/openai/image/*": "pictures, relayed",
  "vercel-ai/openai/transcription/*": "a transcription, relayed",
  "vercel-ai/*/*-transcription*.json": "transcriptions, relayed, or of hosts that are asked raw",
  "vercel-ai/{gladia,revai}/*": "transcriptions of hosts that are asked raw",
  "vercel-ai/*/skills/*": "skills, relayed",
  "vercel-ai/google/interactions/*": "Google's interactions, asked raw",
  "vercel-ai/*/speech-translation/*": "sessions over WebSockets, whose messages are relayed",
  "vercel-ai/harness-claude-code/**": "a program's own notes of a conversation, not an API's",
  "openai-node/*": "embeddings, relayed",
};

/** Failures that were told as answers, and what became of streams that broke. */
export const broken: Readonly<Record<string, string>> = {
  "vercel-ai/google/google-429-retry-info.json": "rate_limit_exceeded",
  "vercel-ai/openai/chat/reasoning-model-legacy-parameter-error.json": "upstream_rejected",
  "vercel-ai/openai/image/gpt-image-response-format-error.json": "upstream_rejected",
  "vercel-ai/openai/responses/openai-error.1.json": "rate_limit_exceeded",
  "vercel-ai/openai/responses/reasoning-model-temperature-error.json": "upstream_rejected",
  "vercel-ai/openai/responses/openai-error.1.chunks.txt": "rate_limit_exceeded",
  "vercel-ai/openai/responses/parallel-tool-call-wrapper.1.chunks.txt": "upstream_protocol",
  "vercel-ai/anthropic/spliced-message-start.chunks.txt": "upstream_protocol",
};

export function allRecordings(): readonly Recorded[] {
  const root = process.env["BIFROST_CORPORA"];
  if (root === undefined || noCorpora !== false) return [];
  return globSync(["vercel-ai/**/*.{json,chunks.txt,sse}", "anthropic-sdk/*.sse", "openai-node/*.json"], { cwd: root })
    .sort()
    .map((name) => ({ name, bytes: readFileSync(join(root, name)) }));
}

export function isOther(name: string): boolean {
  return Object.keys(others).some((pattern) => matchesGlob(name, pattern));
}

export function otherRecordings(): readonly Recorded[] {
  return allRecordings().filter(({ name }) => isOther(name));
}

const signs: readonly (readonly [dialect: DialectId, sign: RegExp])[] = [
  ["openai-chat", /"object": ?"chat\.completion|^\{"id":"chatcmpl-/],
  ["openai-responses", /"object": ?"response"|"type": ?"response\.created"/],
  ["anthropic", /"type": ?"message(_start)?",/],
  ["gemini", /"candidates"/],
  ["bedrock-converse", /"messageStart"|"stopReason"/],
  ["cohere", /"message-start"|"finish_reason": ?"(COMPLETE|TOOL_CALL|MAX)/],
];

/** By what it says of itself. Undefined: by nothing that we know. */
export function languageOf(text: string): DialectId | undefined {
  return signs.find(([, sign]) => sign.test(text))?.[0];
}
