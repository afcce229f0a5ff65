/**
 * How an answer ended: why, and which tools it calls. Hides that in one that is only watched the reason is looked for
 * near the end, and that a body is parsed for names of tools only where it calls some.
 */
import type { DialectId, Ending, Event, FinishReason } from "../exchange.ts";
import { words } from "../json.ts";
import { utf8 } from "./sse-frame.ts";
import { noteUntold } from "./untold.ts";

/** What has been seen of it so far: plain data, since every answer has one. */
export type Seen = {
  reason: FinishReason | undefined;
  native: string | undefined;
  id: string | undefined;
  tools: string[] | undefined;
  /** See `Ending.untold`. */
  untold: string[] | undefined;
};

/** Of a body: what comes after the reason is usage, and what a server adds. */
const tailCharacters = 8_192;
const headCharacters = 1_024;
const reasonCharactersMax = 64;
/** Names beyond these are not told. */
const toolsMax = 32;
const toolCharactersMax = 128;
const none: readonly string[] = [];

export function nothingSeen(): Seen {
  return { reason: undefined, native: undefined, id: undefined, tools: undefined, untold: undefined };
}

/** As a parsed frame or body has it: latin1 text, one character a byte. */
export function sawTool(seen: Seen, name: unknown): void {
  const latin1 = words(name);
  if (latin1 !== undefined) addTool(seen, utf8(latin1));
}

export function endingOf(seen: Seen): Ending | undefined {
  const { reason, native, id, tools = none, untold } = seen;
  if (reason === undefined) return undefined;
  return untold === undefined ? { reason, native, id, tools } : { reason, native, id, tools, untold };
}

export function sawEvent(seen: Seen, event: Event): void {
  if (event.type === "finish") sawReason(seen, event.reason, event.native);
  else if (event.type === "start") seen.id ??= event.id;
  else if (event.type === "tool_call_start") addTool(seen, event.name);
}

/** The first that is told counts, with the provider's word for it. */
export function sawReason(seen: Seen, reason: FinishReason, native: string | undefined): void {
  if (seen.reason !== undefined) return;
  seen.reason = reason;
  seen.native = native;
}

/** @param client whose language it was told in, where that is another than its own */
export function endingOfEvents(events: readonly Event[], client?: DialectId): Ending | undefined {
  const seen = nothingSeen();
  for (const event of events) {
    sawEvent(seen, event);
    if (client !== undefined && !("delta" in event)) noteUntold(seen, client, event);
  }
  return endingOf(seen);
}

/** The value of the last `"key": "word"` near the end of a body. What a model writes has its quotes escaped. */
export function wordNearEnd(body: string, key: string): string | undefined {
  const tail = body.length > tailCharacters ? body.slice(-tailCharacters) : body;
  const at = tail.lastIndexOf(`${key}"`);
  if (at === -1) return undefined;
  const from = at + key.length + 1;
  return /^\s*:\s*"([A-Za-z_-]+)"/.exec(tail.slice(from, from + reasonCharactersMax))?.[1];
}

/** The value of the first `"id": "…"` near the beginning of a body: an answer's own stands before what it holds. */
export function idNearStart(body: string, key = "id"): string | undefined {
  const head = body.length > headCharacters ? body.slice(0, headCharacters) : body;
  const at = head.indexOf(`"${key}"`);
  if (at === -1) return undefined;
  return /^\s*:\s*"([^"\\]{1,256})"/.exec(head.slice(at + key.length + 2, at + key.length + 300))?.[1];
}

function addTool(seen: Seen, name: string): void {
  const cut = name.slice(0, toolCharactersMax);
  if (seen.tools === undefined) seen.tools = [cut];
  else if (seen.tools.length < toolsMax && !seen.tools.includes(cut)) seen.tools.push(cut);
}
