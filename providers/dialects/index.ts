/** Every wire language we speak, as a literal table: no registration by side effect. */
import type { Dialect, DialectId } from "../exchange.ts";
import { anthropic } from "./anthropic.ts";
import { bedrockConverse } from "./bedrock-converse.ts";
import { cohere } from "./cohere.ts";
import { gemini } from "./gemini.ts";
import { openaiChat } from "./openai-chat.ts";
import { openaiResponses } from "./openai-responses.ts";

export const dialects: Readonly<Record<DialectId, Dialect>> = {
  "openai-chat": openaiChat,
  "openai-responses": openaiResponses,
  anthropic,
  gemini,
  "bedrock-converse": bedrockConverse,
  cohere,
};
