/**
 * What the gateway must know of a request, read in one pass over its bytes. Hides where in the body it stands.
 *
 * Policy and provider must read the same value, so whatever two parsers could read differently is refused: a key
 * written with escapes, or a deciding field given twice. Fields that would choose the destination or the credential
 * are refused wherever other gateways are known to honour them.
 */
import { isUtf8 } from "node:buffer";
import { GatewayError } from "../../providers/gateway-error.ts";
import {
  invalid,
  sightKey,
  skipColon,
  skipSpace,
  skipString,
  skipTools,
  skipValue,
  takeSightings,
} from "./json-skip.ts";
import { emptyView, type RequestView, type Writable } from "./request-view.ts";
import { readField, textOf, wrong } from "./scan-fields.ts";

export type { MaxTokensField, Member, RequestView } from "./request-view.ts";
export { fallbacksBytesMax, fallbacksMax, modelBytesMax } from "./scan-fields.ts";

const shownBytesMax = 64;

/** Throws `invalid_json`, `invalid_request` or `forbidden_parameter`. */
export function scanRequest(body: Buffer): RequestView {
  if (!isUtf8(body)) throw invalid("it is not UTF-8", firstBadByte(body));
  const view = emptyView();
  takeSightings(); // of a body that was refused
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
    sightKey(body, keyStart + 1, keyEnd - 1);
    const valueStart = skipColon(body, keyEnd);
    const field = knownField(body, keyStart + 1, keyEnd - 1);
    const name = field === undefined ? "" : field.name;
    const watch = guarded.has(name)
      ? (start: number, end: number, path: () => string) =>
          refuseForbidden(textOf(body, start, end), () => name + path())
      : undefined;
    const valueEnd = name === "tools" ? skipTools(body, valueStart) : skipValue(body, valueStart, 1, watch);
    if (field !== undefined && field.bit !== 0) {
      if ((seen & field.bit) !== 0) throw wrong(name, "is given twice");
      seen |= field.bit;
      readField(view, name, body, valueStart, valueEnd);
    }
    at = skipSpace(body, valueEnd);
    const next = body[at];
    if (notedNames.has(name)) {
      view.noted = [
        ...(view.noted ?? []),
        {
          name,
          index: view.members,
          start: keyStart,
          valueStart,
          end: valueEnd,
          commaBefore,
          commaAfter: next === comma ? at : -1,
        },
      ];
    }
    view.members++;
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
  "best_of",
  "generationConfig",
  "generation_config",
  "inferenceConfig",
  "models",
  "provider",
  "route",
  "plugins",
  "transforms",
  "usage",
  "session_id",
  "prompt_cache_key",
  "reasoning",
  "reasoning_effort",
  "anthropic_version",
  "previous_response_id",
  "store",
  "background",
  "encoding_format",
];

/** Fields that no host, or not every host, takes: remembered with their place. */
const notedNames: ReadonlySet<string> = new Set([
  "fallbacks",
  "models",
  "provider",
  "route",
  "plugins",
  "transforms",
  "usage",
  "session_id",
  "prompt_cache_key",
  "reasoning",
  "reasoning_effort",
  "anthropic_version",
  "previous_response_id",
  "store",
  "background",
]);

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

function ended(body: Buffer, end: number, view: Writable<RequestView>): RequestView {
  const at = skipSpace(body, end);
  if (at < body.length) throw invalid("something follows the object", at);
  view.sighted = takeSightings();
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
