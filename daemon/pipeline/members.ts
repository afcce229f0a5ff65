/** Parts of a request body that only routing looks at, read without parsing the rest of it. */
import { createHash } from "node:crypto";
import { skipColon, skipSpace, skipString, skipValue } from "../http/json-skip.ts";
import type { RequestView } from "../http/scan.ts";

/** Longer values are not shown to rules: what a rule does with one is bounded by this. */
const memberBytesMax = 4_096;
/** How much of the first messages tells conversations apart; what comes later changes with every turn. */
const promptBytes = 16 * 1024;
const comma = 0x2c;
const quote = 0x22;
const openBrace = 0x7b;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** Top-level members of a body that was scanned before, without the long ones: prompts, tools. */
export function smallMembers(body: Buffer): Readonly<Record<string, unknown>> {
  const members: Record<string, unknown> = Object.create(null);
  let at = skipSpace(body, skipSpace(body, 0) + 1);
  while (body[at] === quote) {
    const keyEnd = skipString(body, at);
    const start = skipColon(body, keyEnd);
    const end = skipValue(body, start, 1);
    if (end - start <= memberBytesMax)
      members[body.toString("utf8", at + 1, keyEnd - 1)] = JSON.parse(body.toString("utf8", start, end));
    at = skipSpace(body, end);
    if (body[at] === comma) at = skipSpace(body, at + 1);
  }
  // A plain object, since rules know no other.
  return { ...members };
}

/** A hash of the first two messages: the system's and the first of the user. Undefined: there are none. */
export function firstMessages(body: Buffer, { messagesStart, messagesEnd }: RequestView): string | undefined {
  if (messagesStart < 0 || body[messagesStart] !== openBracket) return undefined;
  let at = skipSpace(body, messagesStart + 1);
  let end = at;
  for (let count = 0; count < 2 && at < messagesEnd && body[at] === openBrace; count++) {
    end = skipValue(body, at, 2);
    at = skipSpace(body, end);
    if (body[at] === comma) at = skipSpace(body, at + 1);
    else if (body[at] === closeBracket) break;
  }
  if (end === messagesStart + 1) return undefined;
  const part = body.subarray(messagesStart, Math.min(end, messagesStart + promptBytes));
  return createHash("sha256").update(part).digest("base64url");
}
