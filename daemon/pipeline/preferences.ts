/**
 * What a request says of its way, in whichever vendor's words: OpenRouter's `models[]`, `provider{}`, `session_id`,
 * Bifrost's `x-bf-*` and LiteLLM's `x-litellm-*` headers, a coding agent's session header. Hides their spellings; what is
 * not understood is refused by name, since a preference that is silently not obeyed is worse than an error.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Member, Writable } from "../http/request-view.ts";
import type { ProviderPreferences, RawWish, RoutePreferences, TimerWishes } from "../routing/preferences.ts";

type Preferences = Writable<RoutePreferences>;

const namesMax = 32;
const nameCharactersMax = 512;

/** Where headers say all that is said. */
export const noBody = Buffer.alloc(0);

/** Undefined: it says nothing, as is usual. */
export function readPreferences(
  body: Buffer,
  noted: readonly Member[] | undefined,
  rawHeaders: readonly string[],
): RoutePreferences | undefined {
  let found: Preferences | undefined;
  if (noted !== undefined) {
    for (const member of noted) {
      const reader = bodyReaders.get(member.name);
      if (reader === undefined) continue;
      const value: unknown = JSON.parse(body.toString("utf8", member.valueStart, member.end));
      if (value === null) continue;
      found ??= {};
      reader(found, value);
    }
  }
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (!mayMatter(name)) continue;
    const reader = headerReaders.get(name.toLowerCase());
    if (reader === undefined) continue;
    found ??= {};
    reader(found, rawHeaders[index + 1]!.trim());
  }
  return found;
}

/** Two letters tell nearly every other header apart; SDKs send a dozen `x-stainless-…`. */
function mayMatter(name: string): boolean {
  const first = name.charCodeAt(0) | 0x20;
  if (first === 0x73) return name.length === "session_id".length;
  if (first !== 0x78 || name.charCodeAt(1) !== 0x2d) return false;
  const pair = ((name.charCodeAt(2) | 0x20) << 8) | (name.charCodeAt(3) | 0x20);
  return headerPairs.has(pair);
}

const bodyReaders: ReadonlyMap<string, (found: Preferences, value: unknown) => void> = new Map([
  [
    "models",
    (found, value) => {
      found.models = names("models", value);
    },
  ],
  [
    "provider",
    (found, value) => {
      found.provider = providerPreferences(value);
    },
  ],
  [
    "usage",
    (found, value) => {
      if (typeof value !== "object" || Array.isArray(value)) throw wrong("usage", "must be an object");
      const { include } = value as { readonly include?: unknown };
      if (include != null && flag("usage.include", include)) found.tellsCost = true;
    },
  ],
  [
    "session_id",
    (found, value) => {
      found.session = text("session_id", value);
    },
  ],
  [
    "prompt_cache_key",
    (found, value) => {
      found.cacheKey = text("prompt_cache_key", value);
    },
  ],
]);

const headerReaders: ReadonlyMap<string, (found: Preferences, value: string) => void> = new Map<
  string,
  (found: Preferences, value: string) => void
>([
  ["x-bf-api-key", (found, value) => (found.credential ??= value)],
  ["x-bf-api-key-id", (found, value) => (found.credential = value)],
  ["x-bf-session-id", session],
  ["x-bifrost-session-id", session],
  ["x-session-id", session],
  ["session_id", session],
  ["session-id", session],
  ["x-claude-code-session-id", session],
  ["x-opencode-session", session],
  ["x-litellm-session-id", session],
  ["x-bf-session-ttl", (found, value) => (found.sessionTtlMs = 1000 * seconds("x-bf-session-ttl", value))],
  ["x-bf-session-affinity", (found, value) => (found.affinity = value !== "off" && value !== "false")],
  ["x-bifrost-priority", (found, value) => (found.priority = whole("x-bifrost-priority", value, 1_000))],
  ["x-bifrost-retries", (found, value) => (found.retries = whole("x-bifrost-retries", value, 100))],
  ["x-litellm-num-retries", (found, value) => (found.retries = whole("x-litellm-num-retries", value, 100))],
  ["x-bifrost-usage-cost", (found, value) => (found.tellsCost = value === "true" || found.tellsCost === true)],
  ["x-bifrost-unsupported", (found, value) => (found.unsupported = unsupported(value))],
  // Of what Bifrost's clients may switch on here only this depends on the request.
  ["x-bf-compat", (found, value) => (found.unsupported ??= namesDropping(value) ? "drop" : undefined)],
  ["x-bf-send-back-raw-request", (found, value) => (found.raw = withRaw(found.raw, "request", value))],
  ["x-bf-send-back-raw-response", (found, value) => (found.raw = withRaw(found.raw, "response", value))],
  ["x-bifrost-fallbacks", (found, value) => (found.fallbacks = value === "off" ? false : undefined)],
  ["x-bifrost-connect-timeout", timer("connectMs", "x-bifrost-connect-timeout")],
  ["x-bifrost-first-byte-timeout", timer("firstByteMs", "x-bifrost-first-byte-timeout")],
  ["x-bifrost-idle-timeout", timer("idleMs", "x-bifrost-idle-timeout")],
  ["x-bifrost-timeout", timer("totalMs", "x-bifrost-timeout")],
  ["x-litellm-timeout", timer("totalMs", "x-litellm-timeout")],
  ["x-litellm-stream-timeout", timer("firstByteMs", "x-litellm-stream-timeout")],
]);

const headerPairs: ReadonlySet<number> = new Set(
  [...headerReaders.keys()]
    .filter((name) => name.startsWith("x-"))
    .map((name) => (name.charCodeAt(2) << 8) | name.charCodeAt(3)),
);

function session(found: Preferences, value: string): void {
  if (value !== "") found.session ??= value.slice(0, nameCharactersMax);
}

function unsupported(value: string): "strict" | "drop" {
  if (value === "strict" || value === "drop") return value;
  throw wrong("x-bifrost-unsupported", "must be strict or drop");
}

function withRaw(wish: RawWish | undefined, part: keyof RawWish, value: string): RawWish | undefined {
  return value === "true" ? { ...wish, [part]: true } : wish;
}

/** `true`, `["*"]`, or a list of names with or without brackets. */
function namesDropping(value: string): boolean {
  return /(?:^|[[",\s])(?:true|\*|should_drop_params)(?:$|[\]",\s])/i.test(value);
}

/** One of the timers, in seconds. */
function timer(name: keyof TimerWishes, header: string): (found: Preferences, value: string) => void {
  return (found, value) => {
    found.timers = { ...found.timers, [name]: 1000 * seconds(header, value) };
  };
}

function providerPreferences(value: unknown): ProviderPreferences {
  // Bifrost's clients name a provider here; OpenRouter's say how to choose one.
  if (typeof value === "string") return { only: [text("provider", value)] };
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong("provider", "must be an object");
  const wishes: Writable<ProviderPreferences> = {};
  for (const [name, wish] of Object.entries(value)) {
    if (wish === null) continue;
    const reader = providerReaders.get(name);
    if (reader === undefined) throw wrong(`provider.${name.slice(0, 64)}`, "is not understood here");
    reader(wishes, wish);
  }
  return wishes;
}

type Wishes = Writable<ProviderPreferences>;

const providerReaders: ReadonlyMap<string, (wishes: Wishes, value: unknown) => void> = new Map<
  string,
  (wishes: Wishes, value: unknown) => void
>([
  ["order", (wishes, value) => (wishes.order = names("provider.order", value))],
  ["only", (wishes, value) => (wishes.only = names("provider.only", value))],
  ["ignore", (wishes, value) => (wishes.ignore = names("provider.ignore", value))],
  ["allow_fallbacks", (wishes, value) => (wishes.allowFallbacks = flag("provider.allow_fallbacks", value))],
  ["require_parameters", (wishes, value) => (wishes.requireParameters = flag("provider.require_parameters", value))],
  ["data_collection", (wishes, value) => (wishes.dataCollection = oneOf("data_collection", value, ["allow", "deny"]))],
  ["zdr", (wishes, value) => (wishes.zdr = flag("provider.zdr", value))],
  ["quantizations", (wishes, value) => (wishes.quantizations = names("provider.quantizations", value))],
  ["sort", (wishes, value) => (wishes.sort = sortOf(value))],
  ["max_price", (wishes, value) => (wishes.maxPrice = maxPrice(value))],
  [
    "preferred_min_throughput",
    (wishes, value) => (wishes.preferredMinThroughput = median("preferred_min_throughput", value)),
  ],
  ["preferred_max_latency", (wishes, value) => (wishes.preferredMaxLatency = median("preferred_max_latency", value))],
  // Says which licences a model may have; nothing here knows them, and all are allowed.
  ["enforce_distillable_text", (_wishes, value) => flag("provider.enforce_distillable_text", value)],
]);

function sortOf(value: unknown): ProviderPreferences["sort"] {
  const by = typeof value === "object" && value !== null && "by" in value ? value.by : value;
  return oneOf("sort", by, ["price", "throughput", "latency"]);
}

function maxPrice(value: unknown): ProviderPreferences["maxPrice"] {
  if (typeof value !== "object" || value === null) throw wrong("provider.max_price", "must be an object");
  const most: Writable<NonNullable<ProviderPreferences["maxPrice"]>> = {};
  for (const [name, told] of Object.entries(value)) {
    const param = `provider.max_price.${name.slice(0, 64)}`;
    if (name !== "prompt" && name !== "completion" && name !== "request" && name !== "image")
      throw wrong(param, "is not understood here");
    if (told != null) most[name] = amount(param, told);
  }
  return most;
}

/** A number is the median; of an object its `p50`. */
function median(name: string, value: unknown): number | undefined {
  if (typeof value !== "object" || value === null) return amount(`provider.${name}`, value);
  const { p50 } = value as { p50?: unknown };
  return p50 === undefined ? undefined : amount(`provider.${name}.p50`, p50);
}

function names(param: string, value: unknown): readonly string[] {
  const list = typeof value === "string" ? [value] : value;
  if (!Array.isArray(list)) throw wrong(param, "must be a list of names");
  if (list.length > namesMax) throw wrong(param, `must not have more than ${namesMax} names`);
  return list.map((name, index) => text(`${param}[${index}]`, name));
}

function text(param: string, value: unknown): string {
  if (typeof value !== "string" || value === "") throw wrong(param, "must be text");
  if (value.length > nameCharactersMax) throw wrong(param, `must not be longer than ${nameCharactersMax} characters`);
  return value;
}

function flag(param: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw wrong(param, "must be true or false");
  return value;
}

function oneOf<const Word extends string>(name: string, value: unknown, words: readonly Word[]): Word {
  const word = words.find((known) => known === value);
  if (word === undefined) throw wrong(`provider.${name}`, `must be one of ${words.join(", ")}`);
  return word;
}

function amount(param: string, value: unknown): number {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number) || number < 0) throw wrong(param, "must be a number");
  return number;
}

function seconds(header: string, value: string): number {
  const number = Number(value);
  if (value === "" || !(number > 0 && number <= 86_400)) throw wrong(header, "must be seconds, at most a day");
  return number;
}

function whole(header: string, value: string, max: number): number {
  const number = Number(value);
  if (value === "" || !Number.isInteger(number) || number < 0 || number > max)
    throw wrong(header, `must be a whole number from 0 to ${max}`);
  return number;
}

function wrong(param: string, what: string): GatewayError {
  return new GatewayError("invalid_request", `\`${param}\` ${what}`, { source: "client", param });
}
