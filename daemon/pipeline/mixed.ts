/**
 * Chat completions that editors made for several APIs write half in another one's words (Cursor): a response's `input` in
 * place of messages, flat tools, Anthropic's blocks, an empty list for what was said. No provider takes them as they are,
 * so they are never relayed. Hides how such a body is known without being parsed.
 */
import { dialects } from "../../providers/dialects/index.ts";
import type { Dialect } from "../../providers/exchange.ts";
import { sighting } from "../http/json-skip.ts";
import type { RequestView } from "../http/request-view.ts";
import type { Route } from "./exchange.ts";

/** Undefined, as nearly always: it is written as it should be. */
export function mixedDialect({ name }: Route, view: RequestView, body: Buffer): Dialect | undefined {
  if (name !== "chat.completions") return undefined;
  const { messagesStart, messagesEnd, sighted, inputPresent } = view;
  // Absent, null or empty.
  if (inputPresent && messagesEnd - messagesStart <= nothingBytes) return dialects["openai-responses"];
  const isMixed =
    (sighted & sighting.foreign) !== 0 ||
    ((sighted & sighting.nothing) !== 0 && saysNothing(body)) ||
    ((sighted & callsTool) === callsTool && body.includes('"tool_use"', 0, "latin1"));
  return isMixed ? dialects["openai-chat"] : undefined;
}

/** Tools of one's own have an `input` as well, which is why the block's name is looked for then. */
const callsTool = sighting.input | sighting.type;

const nothingBytes = "null".length;

/** An assistant's turn of calls alone, whose content must be absent or null. */
function saysNothing(body: Buffer): boolean {
  return body.includes('"content":[]', 0, "latin1") || body.includes('"content": []', 0, "latin1");
}
