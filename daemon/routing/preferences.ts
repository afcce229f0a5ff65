/**
 * What a caller may say of where its request goes, whichever vendor's words it said it in: OpenRouter's `provider{}`,
 * `models[]`, `:nitro` and `:floor`, Bifrost's `x-bf-*` headers. Parsed where the request is read, obeyed here; nothing
 * in it can reach a provider, a model or a credential that the config and the key do not offer.
 */

/** OpenRouter's `provider{}`. */
export type ProviderPreferences = {
  /** Provider names in the order they are tried; nothing is balanced then. */
  readonly order?: readonly string[] | undefined;
  readonly only?: readonly string[] | undefined;
  readonly ignore?: readonly string[] | undefined;
  /** False: what `order` or the first choice cannot answer fails. */
  readonly allowFallbacks?: boolean | undefined;
  /** Only targets that take every parameter sent. */
  readonly requireParameters?: boolean | undefined;
  readonly dataCollection?: "allow" | "deny" | undefined;
  readonly zdr?: boolean | undefined;
  readonly quantizations?: readonly string[] | undefined;
  readonly sort?: "price" | "throughput" | "latency" | undefined;
  /** Dollars per million tokens (`prompt`, `completion`), per request and per picture made. A hard filter. */
  readonly maxPrice?:
    | {
        readonly prompt?: number | undefined;
        readonly completion?: number | undefined;
        readonly request?: number | undefined;
        readonly image?: number | undefined;
      }
    | undefined;
  /** Tokens a second, soft: slower targets come last. */
  readonly preferredMinThroughput?: number | undefined;
  /** Seconds to the first token, soft. */
  readonly preferredMaxLatency?: number | undefined;
};

/** Timers that a caller may shorten or lengthen for one request, milliseconds; bounded by the config. */
export type TimerWishes = {
  readonly connectMs?: number | undefined;
  readonly firstByteMs?: number | undefined;
  readonly idleMs?: number | undefined;
  readonly totalMs?: number | undefined;
};

/** Everything that a request says of its way. Absent fields say nothing; most requests say nothing at all. */
export type RoutePreferences = {
  /** `models[]`: tried in order after `model`, before what the config would try. */
  readonly models?: readonly string[] | undefined;
  readonly provider?: ProviderPreferences | undefined;
  /** Name of one of the config's credentials: `x-bf-api-key`, `x-bf-api-key-id`. */
  readonly credential?: string | undefined;
  /** `x-bf-session-id`, `x-session-id`, `session_id`, or a harness's own session header. */
  readonly session?: string | undefined;
  readonly sessionTtlMs?: number | undefined;
  /** `x-bf-session-affinity: off` makes it false. */
  readonly affinity?: boolean | undefined;
  /** OpenRouter's `usage: {include: true}`, `x-bifrost-usage-cost: true`: the answer's usage says what it cost. */
  readonly tellsCost?: boolean | undefined;
  /** `prompt_cache_key`. */
  readonly cacheKey?: string | undefined;
  readonly retries?: number | undefined;
  readonly fallbacks?: false | undefined;
  readonly timers?: TimerWishes | undefined;
  /** Waits before others where there is a queue: higher first, 0 when absent. */
  readonly priority?: number | undefined;
  /** What becomes of a parameter that a target cannot be told, whatever the key says. */
  readonly unsupported?: "strict" | "drop" | undefined;
  /** What of the traffic with the provider the caller wants to see, as it was. */
  readonly raw?: RawWish | undefined;
};

export type RawWish = { readonly request?: boolean; readonly response?: boolean };
