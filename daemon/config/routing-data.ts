/** What the config says of where requests go, as a generation holds it: names checked, durations in milliseconds. */

export const strategyNames = [
  "ordered",
  "weighted",
  "least_busy",
  "lowest_latency",
  "lowest_cost",
  "headroom",
  "adaptive",
  "price_weighted",
] as const;
export type StrategyName = (typeof strategyNames)[number];

/** One place of a group or a rule, with what applies to it alone. */
export type HopData = {
  /** `provider/model`, a bare name or an alias; in a pattern group `*` stands for what the pattern's `*` matched. */
  readonly target: string;
  readonly weight: number;
  /** Retries there; undefined: `routing.retries.max`. */
  readonly retries?: number | undefined;
};

export type GroupData = {
  readonly targets: readonly HopData[];
  readonly strategy?: StrategyName | undefined;
};

export type FallbackLists = {
  readonly any: readonly string[];
  readonly contextWindow?: readonly string[] | undefined;
  readonly contentPolicy?: readonly string[] | undefined;
};

export type BreakerData = {
  readonly enabled: boolean;
  /** Upstream faults in a row. */
  readonly failures: number;
  /** Or this share of the requests of a window, once there are enough of them. */
  readonly errorRate: number;
  readonly requestsMin: number;
  readonly windowMs: number;
  /** Pause, doubled each time that it opens again soon. */
  readonly openMs: number;
  readonly openMaxMs: number;
  /** A probe that is not heard of for this long is lost. */
  readonly probeMs: number;
  /** How long a target takes from a tenth of its traffic to all of it. */
  readonly rampMs: number;
};

export type RetriesData = {
  readonly max: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  /** Retries for each request, over time. */
  readonly budget: number;
  /** A wait that a provider asks for is honoured up to here; a longer one goes to the next target. */
  readonly waitMaxMs: number;
};

export type AffinityData = {
  readonly by: readonly ("session" | "cache_key" | "prompt")[];
  readonly ttlMs: number;
};

/** When a second target is asked while the first still thinks. */
export type HedgeData = {
  /** After this long; undefined: by `percentile`. */
  readonly afterMs: number | undefined;
  /** Of the first target's own times, 0 to 1. */
  readonly percentile: number;
  /** Never sooner. */
  readonly minMs: number;
  /** Second attempts for each request, over time. */
  readonly maxShare: number;
};

export type StreamsData = {
  /** Content held back until there is this much of it (0: the first event is let go)… */
  readonly releaseTokens: number;
  /** …or this much time has passed since the first of it. */
  readonly releaseMs: number;
  /** Characters a second below which a stream that is still held back is given up; 0: never. */
  readonly rateMin: number;
  /** Over this time since the first content. */
  readonly rateWindowMs: number;
};

export type QueueData = {
  readonly max: number;
  readonly waitMs: number;
  /** Wait, instead of 429, where a concurrency limit of a key or scope is reached. */
  readonly scopes: boolean;
};

export type RuleScope =
  | { readonly kind: "global" }
  | { readonly kind: "key" | "team" | "customer" | "user"; readonly name: string };

export type RuleData = {
  readonly name: string;
  /** CEL; empty: always. */
  readonly when: string;
  readonly scope: RuleScope;
  readonly priority: number;
  readonly targets: readonly HopData[];
  readonly strategy?: StrategyName | undefined;
  readonly fallbacks: readonly string[] | undefined;
  /** Evaluate again, with the model that this one chose. */
  readonly chain: boolean;
};

/** Timers of one model or pattern, in place of its provider's; an absent one is the provider's. */
export type ModelTimers = {
  readonly pattern: string;
  readonly connectMs?: number;
  readonly firstByteStreamMs?: number;
  readonly firstByteMs?: number;
  readonly idleMs?: number;
  readonly clientStallMs?: number;
  readonly totalMs?: number;
};

export type RoutingData = {
  readonly strategy: StrategyName;
  readonly bareNames: "first" | "all";
  /** Attempts of one request, retries and credentials included. */
  readonly attemptsMax: number;
  readonly groups: Readonly<Record<string, GroupData>>;
  readonly retries: RetriesData;
  readonly breaker: BreakerData;
  readonly affinity: AffinityData;
  readonly streams: StreamsData;
  /** Model as asked (one `*` allowed) → when another target is asked as well; undefined: never. */
  readonly hedging?: Readonly<Record<string, HedgeData>> | undefined;
  readonly queue: QueueData;
  readonly chainMax: number;
  readonly rules: readonly RuleData[];
  readonly modelTimers: readonly ModelTimers[];
};

/** What a provider is said to be, for those who ask for it: OpenRouter's words, and whatever else. */
export type Labels = Readonly<Record<string, string | number | boolean>>;

/** Does a name fit a pattern with at most one `*`? Returns what the `*` stands for; "" for an exact name. */
export function matchPattern(pattern: string, name: string): string | undefined {
  const star = pattern.indexOf("*");
  if (star < 0) return pattern === name ? "" : undefined;
  const tail = pattern.length - star - 1;
  if (name.length < star + tail || !name.startsWith(pattern.slice(0, star))) return undefined;
  if (tail > 0 && !name.endsWith(pattern.slice(star + 1))) return undefined;
  return name.slice(star, name.length - tail);
}
