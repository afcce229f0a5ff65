/** Every wire language we speak, as a literal table: no registration by side effect. */
import type { Dialect, DialectId } from "../exchange.ts";
import { anthropic } from "./anthropic.ts";
import { openaiChat } from "./openai-chat.ts";

export const dialects: Readonly<Record<DialectId, Dialect>> = {
  "openai-chat": openaiChat,
  anthropic,
};
