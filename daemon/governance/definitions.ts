/**
 * What a key and a scope are, as values: the shape shared by the database, the shared-memory tables, the admin API
 * and the pipeline. Money is nano-dollars, time is milliseconds since the epoch, both as integers below 2^53.
 */
import type { Operation } from "../../providers/operation.ts";

/** When a window begins again. `rolling` windows follow one another from `anchorMs`; `calendar` ones begin on the clock of `zone`. */
export type Window =
  | { readonly kind: "rolling"; readonly lengthMs: number }
  | {
      readonly kind: "calendar";
      readonly unit: "minute" | "hour" | "day" | "week" | "month" | "quarter" | "year";
      readonly count: number;
      readonly zone: string;
      /** Month in which quarters and years begin, 1–12; absent: January. */
      readonly startMonth?: number | undefined;
    }
  /** Never resets: a prepaid total. */
  | { readonly kind: "forever" };

export type Budget = {
  /** Position in its scope, 0–3; stable for the life of the definition. */
  readonly slot: number;
  readonly limitNano: number;
  readonly window: Window;
  /** Rolling windows are counted from here; spend before it does not count (a changed window starts afresh). */
  readonly anchorMs: number;
  /** Counted, and what it would have refused too, but not enforced. */
  readonly shadow?: boolean | undefined;
  /** A prepaid total, raised by top-ups. */
  readonly wallet?: boolean | undefined;
  /** An override: this much more, until then; without an end for good. */
  readonly extraNano?: number | undefined;
  readonly extraUntilMs?: number | undefined;
};

export type RateLimit = {
  readonly slot: number;
  readonly metric: LimitMetric;
  /** A count; nano-dollars for `spend`. */
  readonly limit: number;
  readonly windowMs: number;
  /** Counted, and what it would have refused too, but not enforced. */
  readonly shadow?: boolean | undefined;
};

export type LimitMetric = "requests" | "tokens" | "spend";

/** Whose numbers a scope holds. */
export const scopeKinds = [
  "customer",
  "team",
  "user",
  "key",
  "provider_config",
  "model_limit",
  "provider_limit",
  "end_user",
  "tag",
] as const;
export type ScopeKind = (typeof scopeKinds)[number];

/** Who may change it: the config file, the database's own users, or the daemon, which made it for a name it had not seen. */
export type ScopeSource = "file" | "database" | "runtime";

/** Everything that is counted for one owner. */
export type ScopeDefinition = {
  /** Row id in `scopes`, from 1. */
  readonly id: number;
  /** What a refusal calls it: `key "ci"`. */
  readonly kind: ScopeKind;
  readonly name: string;
  /** `team_…`; a key's scope has none of its own. */
  readonly publicId?: string | undefined;
  /** The scope above: a key's user, team or customer, a user's team, a team's customer. */
  readonly parentId?: number | undefined;
  readonly source?: ScopeSource | undefined;
  readonly createdAtMs?: number | undefined;
  /** Counts up with each change: what `If-Match` is compared with. */
  readonly change?: number | undefined;
  readonly attributes?: ScopeAttributes | undefined;
  readonly budgets: readonly Budget[];
  readonly limits: readonly RateLimit[];
  /** Requests in flight at once; absent: no limit. */
  readonly concurrencyMax?: number | undefined;
};

/** What is known of an owner besides its numbers. */
export type ScopeAttributes = {
  readonly description?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** As in a key's policy: what is below may call no more than this. Absent: all. */
  readonly models?: readonly string[] | undefined;
  readonly blocked?: readonly string[] | undefined;
  /** Nothing below it may call anything. */
  readonly disabled?: boolean | undefined;
  /** A model limit's or provider limit's own: what it counts. */
  readonly match?: LimitMatch | undefined;
};

/** `model` as in a key's policy, `provider` a name or `*`. */
export type LimitMatch = { readonly provider: string; readonly model: string };

/** What a key may do besides its numbers. Keys with equal policies share one copy in memory. */
export type KeyPolicy = {
  /** Allowed models: exact `provider/model`, bare names, or with one trailing `*`; `["*"]` all, `[]` none. */
  readonly models: readonly string[];
  /** Of the allowed ones, these not. */
  readonly blocked?: readonly string[] | undefined;
  /** The providers it may use, and how. Absent: all; `[]`: none. */
  readonly providers?: readonly ProviderConfig[] | undefined;
  /** What is kept of what is said with it; absent: as the config says. */
  readonly content?: "off" | "metadata" | "full" | undefined;
  /** What becomes of a parameter that a target cannot be told; absent: as the provider says. */
  readonly unsupported?: OnUnsupported | undefined;
  /** May be shown what was sent to providers and what they answered, as it was; see `auth.raw_bodies`. */
  readonly raw?: boolean | undefined;
  /** What it may ask for: `embeddings`; absent: everything. */
  readonly operations?: readonly Operation[] | undefined;
  /** Names that only it knows, for models or for other names: it may call what they stand for, or may not. */
  readonly aliases?: Readonly<Record<string, string>> | undefined;
  /** Members that each of its requests must have: `user`, `metadata.project`. */
  readonly required?: readonly string[] | undefined;
};

/** `strict`: refused, by name. `drop`: left out, and named in the answer. */
export type OnUnsupported = "strict" | "drop";

export type ProviderConfig = {
  readonly provider: string;
  /** Share of the calls that name no provider; absent or 0: only when the provider is named. */
  readonly weight?: number | undefined;
  /** As above, within this provider; absent: all. */
  readonly models?: readonly string[] | undefined;
  readonly blocked?: readonly string[] | undefined;
  /** Names of the provider's credentials; `["*"]` or absent: all, `[]`: none. */
  readonly credentials?: readonly string[] | undefined;
  /** The scope of its own budgets and limits, if it has any. */
  readonly scope?: number | undefined;
};

export type KeyDefinition = {
  /** Row id in `keys`, from 1. */
  readonly id: number;
  /** Public id, `key_…`. */
  readonly publicId: string;
  readonly name: string;
  /** First characters of the secret, for recognition: `sk-bf-Ab3…`. */
  readonly prefix: string;
  readonly createdAtMs: number;
  readonly expiresAtMs?: number | undefined;
  readonly revokedAtMs?: number | undefined;
  readonly disabled: boolean;
  readonly policy: KeyPolicy;
  /** Its own scope, then its owners' from the nearest up. */
  readonly scopes: readonly number[];
  /** Absent: `database`. */
  readonly source?: ScopeSource | undefined;
  /** Removed by itself once it has expired. */
  readonly deleteExpired?: boolean | undefined;
  /** Counts up with each change: what `If-Match` is compared with. */
  readonly change?: number | undefined;
};

/** One secret that opens a key. A rotated key has two until the old one's grace ends. */
export type KeyHash = {
  readonly keyId: number;
  /** SHA-256 of the secret, 32 bytes. */
  readonly hash: Uint8Array;
  /** The secret stops working here (rotation grace); absent: lives as long as the key. */
  readonly expiresAtMs?: number | undefined;
};

/** What was spent in a scope's budget in the window that contains `windowStartMs`. */
/** What a rate limit had counted before a restart. */
export type LimitCount = Pick<RateLimit, "slot" | "metric" | "windowMs"> & {
  readonly scopeId: number;
  /** Number of a 64th of the window since 1970, amount, and so on, oldest first. */
  readonly counts: readonly number[];
};

export type Balance = {
  readonly scopeId: number;
  readonly slot: number;
  readonly windowStartMs: number;
  readonly spentNano: number;
};

export const scopesPerRequestMax = 16;
export const budgetsPerScopeMax = 4;
export const limitsPerScopeMax = 8;
