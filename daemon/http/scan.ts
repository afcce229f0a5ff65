/**
 * What the gateway must know of a request, read in one pass over its bytes. Hides where in the body it stands.
 *
 * Policy and provider must read the same value, so whatever two parsers could read differently is refused: a key
 * written with escapes, or a deciding field given twice. Fields that would choose the destination or the credential
 * are refused wherever other gateways are known to honour them.
 */
import { isUtf8 } from "node:buffer";
import { GatewayError } from "../../providers/gateway-error.ts";
import { invalid, skipColon, skipSpace, skipString, skipValue } from "./json-skip.ts";

export const modelBytesMax = 512;
export const fallbacksMax = 16;
export const fallbacksBytesMax = 16_384;
const shownBytesMax = 64;

export type MaxTokensField = "max_tokens" | "max_completion_tokens" | "max_output_tokens";

/** Offsets are bytes into the body, ends exclusive; both are -1 when the field is absent. */
export type RequestView = {
  /** Just after the opening brace. */
  readonly objectStart: number;
  /** Members of the top-level object. */
  readonly members: number;
  readonly model: string | undefined;
  /** The JSON string with its quotes. */
  readonly modelStart: number;
  readonly modelEnd: number;
  readonly stream: boolean;
  readonly n: number | undefined;
  /** The largest of the output caps sent, and the field that held it. `null` counts as not sent. */
  readonly maxTokens: number | undefined;
  readonly maxTokensField: MaxTokensField | undefined;
  /** The value of the cap, or of one sent as `null`, and that field's name. */
  readonly maxTokensStart: number;
  readonly maxTokensEnd: number;
  readonly maxTokensName: MaxTokensField | undefined;
  /** `stream_options.include_usage` is true. */
  readonly includeUsage: boolean;
  readonly includeUsageStart: number;
  readonly includeUsageEnd: number;
  readonly streamOptionsStart: number;
  readonly streamOptionsEnd: number;
  readonly fallbacks: readonly string[] | undefined;
  /** The whole member with one comma, so that the range can be cut out. */
  readonly fallbacksStart: number;
  readonly fallbacksEnd: number;
  /** `tools` has at least one entry. */
  readonly toolsPresent: boolean;
  readonly messagesStart: number;
  readonly messagesEnd: number;
};

/** Throws `invalid_json`, `invalid_request` or `forbidden_parameter`. */
export function scanRequest(body: Buffer): RequestView {
  if (!isUtf8(body)) throw invalid("it is not UTF-8", firstBadByte(body));
  const view = emptyView();
  let at = skipSpace(body, 0);
  if (body[at] !== openBrace) throw notAnObject(body, at);
  view.objectStart = ++at;
  at = skipSpace(body, at);
  let seen = 0;
  let commaBefore = -1;
  if (body[at] === closeBrace) return ended(body, at + 1, view);
  for (;;) {
    if (body[at] !== quote) throw invalid("a quoted key was expected", at);
    const keyStart = at;
    const keyEnd = skipString(body, at);
    const valueStart = skipColon(body, keyEnd);
    const field = knownField(body, keyStart + 1, keyEnd - 1);
    const name = field === undefined ? "" : field.name;
    const watch = guarded.has(name)
      ? (start: number, end: number, path: () => string) =>
          refuseForbidden(textOf(body, start, end), () => name + path())
      : undefined;
    const valueEnd = skipValue(body, valueStart, 1, watch);
    if (field !== undefined && field.bit !== 0) {
      if ((seen & field.bit) !== 0) throw wrong(name, "is given twice");
      seen |= field.bit;
      readField(view, name, body, valueStart, valueEnd);
    }
    view.members++;
    at = skipSpace(body, valueEnd);
    const next = body[at];
    if (name === "fallbacks") {
      view.fallbacksStart = commaBefore < 0 ? keyStart : commaBefore;
      view.fallbacksEnd = commaBefore < 0 && next === comma ? at + 1 : valueEnd;
    }
    if (next === closeBrace) return ended(body, at + 1, view);
    if (next !== comma) throw invalid(at < body.length ? '"," or "}" was expected' : "the text ends too early", at);
    commaBefore = at;
    at = skipSpace(body, at + 1);
  }
}

const quote = 0x22;
const comma = 0x2c;
const openBrace = 0x7b;
const closeBrace = 0x7d;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

type Field = { readonly name: string; readonly bytes: Uint8Array; readonly bit: number };

/** One bit for each field that decides, so that a second sight of it is seen without a set. */
const decidingNames = [
  "model",
  "stream",
  "n",
  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "tools",
  "stream_options",
  "fallbacks",
  "messages",
  "input",
];

/** Objects in which other gateways look for a destination or a credential. `tools` and `messages` may own such keys. */
const guarded: ReadonlySet<string> = new Set(["fallbacks", "litellm_params", "provider", "metadata"]);
const forbidden: ReadonlySet<string> = new Set(["api_base", "base_url", "api_key", "extra_headers"]);
const mockPrefix = Buffer.from("mock_");

/** Known keys by their length and first byte, so that a key is recognised without making a string of it. */
const fieldsByShape: ReadonlyMap<number, readonly Field[]> = Map.groupBy(
  [...new Set([...decidingNames, ...guarded, ...forbidden])].map((name) => {
    return { name, bytes: Buffer.from(name), bit: decidingNames.includes(name) ? 1 << decidingNames.indexOf(name) : 0 };
  }),
  ({ bytes }) => (bytes.length << 8) | bytes[0]!,
);

/** The known field that a depth-1 key names, if any. */
function knownField(body: Buffer, start: number, end: number): Field | undefined {
  for (let at = start; at < end; at++) {
    if (body[at] !== 0x5c) continue;
    throw new GatewayError("invalid_request", `keys of the request must be written without escapes (byte ${at})`, {
      source: "client",
    });
  }
  if (startsWith(body, start, end, mockPrefix)) {
    const key = body.toString("utf8", start, Math.min(end, start + shownBytesMax));
    refuseForbidden(key, () => key);
  }
  const field = fieldsByShape
    .get(((end - start) << 8) | body[start]!)
    ?.find(({ bytes }) => startsWith(body, start, end, bytes));
  if (field !== undefined && forbidden.has(field.name)) refuseForbidden(field.name, () => field.name);
  return field;
}

function startsWith(body: Buffer, start: number, end: number, bytes: Uint8Array): boolean {
  if (end - start < bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (body[start + i] !== bytes[i]) return false;
  return true;
}

function refuseForbidden(key: string, path: () => string): void {
  if (!forbidden.has(key) && !key.startsWith("mock_")) return;
  const param = path();
  throw new GatewayError("forbidden_parameter", `\`${param}\` may not be set by a caller of this gateway`, {
    source: "client",
    param,
  });
}

function readField(view: Writable<RequestView>, name: string, body: Buffer, start: number, end: number): void {
  switch (name) {
    case "model":
      view.model = modelName(body, start, end);
      view.modelStart = start;
      view.modelEnd = end;
      break;
    case "stream":
      view.stream = flag(name, body, start);
      break;
    case "n":
      view.n = positiveInteger(name, body, start, end);
      break;
    case "max_tokens":
    case "max_completion_tokens":
    case "max_output_tokens":
      readMaxTokens(view, name, body, start, end);
      break;
    case "stream_options":
      view.streamOptionsStart = start;
      view.streamOptionsEnd = end;
      readStreamOptions(view, body, start);
      break;
    case "fallbacks":
      view.fallbacks = modelNames(body, start, end);
      break;
    case "tools":
      view.toolsPresent = body[start] === 0x5b && body[skipSpace(body, start + 1)] !== 0x5d;
      break;
    case "messages":
      view.messagesStart = start;
      view.messagesEnd = end;
  }
}

function modelName(body: Buffer, start: number, end: number): string {
  if (body[start] !== quote) throw wrong("model", "must be a string");
  if (end - start - 2 > modelBytesMax) throw wrong("model", `must not be longer than ${modelBytesMax} bytes`);
  return checkedName("model", textOf(body, start + 1, end - 1));
}

function checkedName(param: string, name: string): string {
  if (name === "") throw wrong(param, "must not be empty");
  if (!name.isWellFormed()) throw wrong(param, "must not hold half of a surrogate pair");
  for (let i = 0; i < name.length; i++) {
    // Names go into headers and logs.
    if (name.charCodeAt(i) < 0x20 || name.charCodeAt(i) === 0x7f)
      throw wrong(param, "must not hold control characters");
  }
  return name;
}

function flag(name: string, body: Buffer, start: number): boolean {
  if (body[start] === 0x74) return true;
  if (body[start] === 0x66 || body[start] === 0x6e) return false; // false, null
  throw wrong(name, "must be true or false");
}

/** `null` is as good as absent: SDKs send it for options that were left alone. */
function positiveInteger(name: string, body: Buffer, start: number, end: number): number | undefined {
  if (body[start] === 0x6e) return undefined;
  const value = body[start] === quote ? Number.NaN : Number(body.toString("latin1", start, end));
  if (!Number.isSafeInteger(value) || value < 1) throw wrong(name, "must be a positive integer");
  return value;
}

function readMaxTokens(
  view: Writable<RequestView>,
  name: MaxTokensField,
  body: Buffer,
  start: number,
  end: number,
): void {
  const value = positiveInteger(name, body, start, end);
  // Of several caps the largest is what the provider could at worst obey.
  if (view.maxTokens !== undefined && (value === undefined || value <= view.maxTokens)) return;
  view.maxTokens = value;
  view.maxTokensField = value === undefined ? undefined : name;
  view.maxTokensName = name;
  view.maxTokensStart = start;
  view.maxTokensEnd = end;
}

/** The value was checked by the scan already; its members are walked once more for one of them. */
function readStreamOptions(view: Writable<RequestView>, body: Buffer, start: number): void {
  if (body[start] === 0x6e) return;
  if (body[start] !== openBrace) throw wrong("stream_options", "must be an object");
  let at = skipSpace(body, start + 1);
  while (body[at] === quote) {
    const keyEnd = skipString(body, at);
    const valueStart = skipColon(body, keyEnd);
    const valueEnd = skipValue(body, valueStart, 2);
    if (textOf(body, at + 1, keyEnd - 1) === "include_usage") {
      if (view.includeUsageStart >= 0) throw wrong("stream_options.include_usage", "is given twice");
      view.includeUsage = flag("stream_options.include_usage", body, valueStart);
      view.includeUsageStart = valueStart;
      view.includeUsageEnd = valueEnd;
    }
    at = skipSpace(body, valueEnd);
    if (body[at] === comma) at = skipSpace(body, at + 1);
  }
}

function modelNames(body: Buffer, start: number, end: number): readonly string[] | undefined {
  if (body[start] === 0x6e) return undefined;
  if (end - start > fallbacksBytesMax) throw wrong("fallbacks", `must not be longer than ${fallbacksBytesMax} bytes`);
  const value: unknown = JSON.parse(body.toString("utf8", start, end));
  if (!Array.isArray(value)) throw wrong("fallbacks", "must be a list of model names");
  if (value.length > fallbacksMax) throw wrong("fallbacks", `must not name more than ${fallbacksMax} models`);
  return value.map((name, index) => {
    if (typeof name !== "string") throw wrong(`fallbacks[${index}]`, "must be a string, the name of a model");
    return checkedName(`fallbacks[${index}]`, name);
  });
}

/** The content of a JSON string, quotes excluded, escapes undone. */
function textOf(body: Buffer, start: number, end: number): string {
  const text = body.toString("utf8", start, end);
  return text.includes("\\") ? (JSON.parse(`"${text}"`) as string) : text;
}

function ended(body: Buffer, end: number, view: RequestView): RequestView {
  const at = skipSpace(body, end);
  if (at < body.length) throw invalid("something follows the object", at);
  return view;
}

function notAnObject(body: Buffer, at: number): GatewayError {
  if (at >= body.length) return invalid("it is empty", at);
  try {
    if (skipSpace(body, skipValue(body, at, 0)) < body.length) return invalid("something follows the value", at);
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  return new GatewayError("invalid_request", "the request body must be a JSON object", { source: "client" });
}

function wrong(param: string, what: string): GatewayError {
  return new GatewayError("invalid_request", `\`${param}\` ${what}`, { source: "client", param });
}

/** Halves the body down to the character at fault; only ever called for a body that is refused. */
function firstBadByte(body: Buffer): number {
  let good = 0;
  let bad = body.length;
  while (bad - good > 1) {
    let middle = (good + bad) >> 1;
    while (middle > good && (body[middle]! & 0xc0) === 0x80) middle--; // to the start of a character
    if (middle === good) break;
    if (isUtf8(body.subarray(good, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

function emptyView(): Writable<RequestView> {
  return {
    objectStart: -1,
    members: 0,
    model: undefined,
    modelStart: -1,
    modelEnd: -1,
    stream: false,
    n: undefined,
    maxTokens: undefined,
    maxTokensField: undefined,
    maxTokensStart: -1,
    maxTokensEnd: -1,
    maxTokensName: undefined,
    includeUsage: false,
    includeUsageStart: -1,
    includeUsageEnd: -1,
    streamOptionsStart: -1,
    streamOptionsEnd: -1,
    fallbacks: undefined,
    fallbacksStart: -1,
    fallbacksEnd: -1,
    toolsPresent: false,
    messagesStart: -1,
    messagesEnd: -1,
  };
}
