/**
 * A few members of an object somewhere in a body, found without building it. Hides that what two parsers could read
 * differently is refused, as it is at the top of a request: a member that decides and is there twice, or a name with
 * escapes beside it.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { invalid, sightKey, skipColon, skipSpace, skipString, skipValue } from "./json-skip.ts";

/** Names that decide, as they may be written, and what each is called here. */
export type Wanted = Readonly<Record<string, string>>;
/** Where the values of those that are there begin. */
export type Members = { readonly at: Readonly<Record<string, number>>; readonly end: number };

/**
 * Undefined: no object begins at `start`. Throws `invalid_request` for what could be read in two ways.
 * @param where how messages call it: `requests.3.params.`
 */
export function membersAt(body: Buffer, start: number, wanted: Wanted, where: string): Members | undefined {
  if (body[start] !== openBrace) return undefined;
  const at: Record<string, number> = {};
  let place = skipSpace(body, start + 1);
  if (body[place] === closeBrace) return { at, end: place + 1 };
  for (;;) {
    if (body[place] !== quote) throw invalid("a quoted key was expected", place);
    const keyEnd = skipString(body, place);
    sightKey(body, place + 1, keyEnd - 1);
    const written = body.toString("latin1", place + 1, keyEnd - 1);
    if (written.includes("\\")) throw ambiguous(`${where}${written}`, "must be written without escapes");
    const value = skipColon(body, keyEnd);
    const name = Object.hasOwn(wanted, written) ? wanted[written]! : undefined;
    if (name !== undefined) {
      if (Object.hasOwn(at, name)) throw ambiguous(`${where}${name}`, "is given twice");
      at[name] = value;
    }
    const end = skipSpace(body, skipValue(body, value, 1));
    if (body[end] === closeBrace) return { at, end: end + 1 };
    if (body[end] !== comma) throw invalid('"," or "}" was expected', end);
    place = skipSpace(body, end + 1);
  }
}

/** Where each element of an array begins; undefined: no array begins there. */
export function elementsAt(body: Buffer, start: number | undefined): readonly number[] | undefined {
  if (start === undefined || body[start] !== openBracket) return undefined;
  const found: number[] = [];
  let place = skipSpace(body, start + 1);
  if (body[place] === closeBracket) return found;
  for (;;) {
    found.push(place);
    const end = skipSpace(body, skipValue(body, place, 1));
    if (body[end] === closeBracket) return found;
    if (body[end] !== comma) throw invalid('"," or "]" was expected', end);
    place = skipSpace(body, end + 1);
  }
}

/** The value that begins there, built: only for what is short. Undefined: there is none. */
export function valueAt(body: Buffer, start: number | undefined): unknown {
  if (start === undefined) return undefined;
  return JSON.parse(body.toString("utf8", start, skipValue(body, start, 1)));
}

const quote = 0x22;
const comma = 0x2c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

function ambiguous(param: string, what: string): GatewayError {
  return new GatewayError("invalid_request", `\`${param.slice(0, 200)}\` ${what}`, { source: "client", param });
}
