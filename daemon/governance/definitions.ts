/**
 * What a key and a scope are, as values: the shape shared by the database, the shared-memory tables, the admin API
 * and the pipeline. Money is nano-dollars, time is milliseconds since the epoch, both as integers below 2^53.
 */

/** When a window begins again. `rolling` windows follow one another from `anchorMs`; `calendar` ones begin on the clock of `zone`. */
export type Window =
  | { readonly kind: "rolling"; readonly lengthMs: number }
  | {
      readonly kind: "calendar";
      readonly unit: "minute" | "hour" | "day" | "week" | "month" | "quarter" | "year";
      readonly count: number;
      readonly zone: string;
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
};

export type RateLimit = {
  readonly slot: number;
  readonly metric: "requests" | "tokens";
  readonly limit: number;
  readonly windowMs: number;
};

/** Everything that is counted for one owner. In this table a scope is a row; for now every scope belongs to a key. */
export type ScopeDefinition = {
  /** Row id in `scopes`, from 1. */
  readonly id: number;
  /** What a refusal calls it: `key "ci"`. */
  readonly kind: "key";
  readonly name: string;
  readonly budgets: readonly Budget[];
  readonly limits: readonly RateLimit[];
  /** Requests in flight at once; absent: no limit. */
  readonly concurrencyMax?: number | undefined;
};

/** What a key may do besides its numbers. Keys with equal policies share one copy in memory. */
export type KeyPolicy = {
  /** Allowed models: exact `provider/model`, bare names, or with one trailing `*`; `["*"]` all, `[]` none. */
  readonly models: readonly string[];
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
  /** Scopes a request with this key draws on, narrowest first. */
  readonly scopes: readonly number[];
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
export type Balance = {
  readonly scopeId: number;
  readonly slot: number;
  readonly windowStartMs: number;
  readonly spentNano: number;
};

export const scopesPerRequestMax = 16;
export const budgetsPerScopeMax = 4;
export const limitsPerScopeMax = 8;
