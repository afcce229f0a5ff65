/**
 * The values of the fields that decide. Hides their spellings and bounds: a cap under three names or one level down,
 * `null` that is as good as absent, names that must be fit for headers and logs.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { skipColon, skipSpace, skipString, skipValue } from "./json-skip.ts";
import type { MaxTokensField, RequestView, Writable } from "./request-view.ts";

export const modelBytesMax = 512;
export const fallbacksMax = 16;
export const fallbacksBytesMax = 16_384;

const quote = 0x22;
const comma = 0x2c;
const openBrace = 0x7b;

export function readField(view: Writable<RequestView>, name: string, body: Buffer, start: number, end: number): void {
  switch (name) {
    case "model":
      view.model = modelName(body, start, end);
      view.modelStart = start;
      view.modelEnd = end;
      break;
    case "stream":
      view.stream = flag(name, body, start);
      break;
    case "background":
      view.background = body[start] === 0x74;
      break;
    case "n":
      view.n = larger(view.n, positiveInteger(name, body, start, end));
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
    case "best_of":
      // Legacy completions bill each of them; the caller sees `n`.
      view.n = Math.max(view.n ?? 1, positiveInteger(name, body, start, end) ?? 1);
      break;
    case "generationConfig":
    case "generation_config":
    case "inferenceConfig":
      readCaps(view, name, body, start);
      break;
    case "tools":
      view.toolsPresent = body[start] === 0x5b && body[skipSpace(body, start + 1)] !== 0x5d;
      break;
    case "input":
      view.inputPresent = body[start] !== 0x6e;
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

/** Gemini and Bedrock have their caps one level down; protobuf's other spelling of a name means the same there. */
const capNames: ReadonlyMap<string, "cap" | "choices"> = new Map([
  ["maxOutputTokens", "cap"],
  ["max_output_tokens", "cap"],
  ["maxTokens", "cap"],
  ["candidateCount", "choices"],
  ["candidate_count", "choices"],
]);

function readCaps(view: Writable<RequestView>, name: string, body: Buffer, start: number): void {
  if (body[start] === 0x6e) return;
  if (body[start] !== openBrace) throw wrong(name, "must be an object");
  if (view.capsStart >= 0) throw wrong(name, "is given twice, in two spellings");
  let at = skipSpace(body, start + 1);
  view.capsStart = start + 1;
  view.capsEmpty = body[at] !== quote;
  while (body[at] === quote) {
    const keyEnd = skipString(body, at);
    const valueStart = skipColon(body, keyEnd);
    const valueEnd = skipValue(body, valueStart, 2);
    const key = textOf(body, at + 1, keyEnd - 1);
    const kind = capNames.get(key);
    const value = kind === undefined ? undefined : positiveInteger(`${name}.${key}`, body, valueStart, valueEnd);
    if (kind === "cap") view.maxTokens = larger(view.maxTokens, value);
    if (kind === "choices") view.n = larger(view.n, value);
    at = skipSpace(body, valueEnd);
    if (body[at] === comma) at = skipSpace(body, at + 1);
  }
}

/** Of several that mean the same the largest is what the provider could at worst obey. */
function larger(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || (other !== undefined && other > one) ? other : one;
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
export function textOf(body: Buffer, start: number, end: number): string {
  const text = body.toString("utf8", start, end);
  return text.includes("\\") ? (JSON.parse(`"${text}"`) as string) : text;
}

export function wrong(param: string, what: string): GatewayError {
  return new GatewayError("invalid_request", `\`${param}\` ${what}`, { source: "client", param });
}
