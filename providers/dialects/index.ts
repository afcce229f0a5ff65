/** Every wire language we speak, as a literal table: no registration by side effect. */
import type { Dialect, DialectId } from "../exchange.ts";
import { anthropic } from "./anthropic.ts";
import { bedrockConverse } from "./bedrock-converse.ts";
import { cohere } from "./cohere.ts";
import { gemini } from "./gemini.ts";
import { openaiChat } from "./openai-chat.ts";
import { openaiResponses } from "./openai-responses.ts";

const spoken = {
  "openai-chat": openaiChat,
  "openai-responses": openaiResponses,
  anthropic,
  "bedrock-converse": bedrockConverse,
  cohere,
  gemini,
} satisfies Partial<Record<DialectId, Dialect>>;

/** Those that are here; the config takes no other name. */
export const dialects: Readonly<Record<keyof typeof spoken, Dialect> & Partial<Record<DialectId, Dialect>>> = spoken;

/** By an id that the config or a route has checked. */
export function dialectFor(id: DialectId): Dialect {
  const dialect = dialects[id];
  if (dialect === undefined) throw new Error(`the dialect ${id} is not spoken`);
  return dialect;
}
