/**
 * Leaves members out of a JSON object's bytes and puts others in; every other byte stays. For hosts that want the model
 * in the path and refuse it in the body.
 */
import { skipColon, skipSpace, skipString, skipValue } from "./json-skip.ts";

/** @param add members by name, each value as JSON; one that the object has already stays as it is */
export function editMembers(body: Buffer, omit: readonly string[], add: Readonly<Record<string, string>>): Buffer {
  const open = skipSpace(body, 0);
  const kept: Buffer[] = [];
  const have = new Set<string>();
  let at = skipSpace(body, open + 1);
  while (at < body.length && body[at] !== closeBrace) {
    const keyEnd = skipString(body, at);
    const valueEnd = skipValue(body, skipColon(body, keyEnd), 1);
    const name = body.toString("utf8", at + 1, keyEnd - 1);
    have.add(name);
    if (!omit.includes(name)) kept.push(body.subarray(at, valueEnd));
    at = skipSpace(body, valueEnd);
    if (body[at] === comma) at = skipSpace(body, at + 1);
  }
  for (const [name, value] of Object.entries(add)) {
    if (!have.has(name) || omit.includes(name)) kept.push(Buffer.from(`${JSON.stringify(name)}:${value}`));
  }
  const parts: Buffer[] = [opening];
  for (const [index, member] of kept.entries()) {
    if (index > 0) parts.push(between);
    parts.push(member);
  }
  parts.push(closing);
  return Buffer.concat(parts);
}

/** @param fields what members are called instead; null: they are left out */
export function renameMembers(
  body: Buffer,
  fields: Readonly<Record<string, string | null>>,
): { readonly bytes: Buffer; readonly leftOut: readonly string[] } {
  const leftOut: string[] = [];
  const omit: string[] = [];
  const add: Record<string, string> = {};
  for (const [name, value] of members(body)) {
    if (!Object.hasOwn(fields, name)) continue;
    omit.push(name);
    const theirs = fields[name]!;
    const text = value.toString("utf8");
    if (text === "null") continue; // says nothing
    if (theirs === null) leftOut.push(name);
    else {
      omit.push(theirs);
      add[theirs] = text;
    }
  }
  return { bytes: omit.length === 0 ? body : editMembers(body, omit, add), leftOut };
}

function* members(body: Buffer): Generator<readonly [name: string, value: Buffer]> {
  let at = skipSpace(body, skipSpace(body, 0) + 1);
  while (at < body.length && body[at] !== closeBrace) {
    const keyEnd = skipString(body, at);
    const valueStart = skipColon(body, keyEnd);
    const valueEnd = skipValue(body, valueStart, 1);
    yield [body.toString("utf8", at + 1, keyEnd - 1), body.subarray(valueStart, valueEnd)];
    at = skipSpace(body, valueEnd);
    if (body[at] === comma) at = skipSpace(body, at + 1);
  }
}

const comma = 0x2c;
const closeBrace = 0x7d;
const opening = Buffer.from("{");
const between = Buffer.from(",");
const closing = Buffer.from("}");
