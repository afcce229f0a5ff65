/**
 * Where each number of the ledger lies among the shared Float64 cells. Every money cell is an integer below 2^53.
 * Scope blocks have a variable size: a header, the budgets, the limits, then the label as bytes.
 */

export const headerCells = 16;
/** Cells of the header. The last two are the main thread's alone. */
export const headerCell = { clock: 0, serial: 1, holdFree: 2, holdsHigh: 3, arenaTop: 4, ringTop: 5 } as const;

export const holdCells = 32;
/** `scopes` is followed by 16 ids, `idBytes` by 40 bytes. */
export const holdCell = {
  live: 0,
  generation: 1,
  owner: 2,
  cost: 3,
  tokens: 4,
  inputCost: 5,
  admittedAt: 6,
  serial: 7,
  scopeCount: 8,
  scopes: 9,
  idLength: 25,
  idBytes: 26,
  nextFree: 31,
} as const;
export const holdIdBytesMax = 40;

export const scopeHeadCells = 10;
/** `size` and `id` let the area be walked: id 0 is a free block. */
export const scopeCell = {
  size: 0,
  id: 1,
  concurrencyMax: 2,
  inFlight: 3,
  held: 4,
  /** Since the scope was loaded, whatever the budgets. */
  spentTotal: 5,
  budgets: 6,
  limits: 7,
  labelBytes: 8,
  /** The latest moment by which a settlement counted here. */
  settledAt: 9,
} as const;

export const budgetCells = 14;
export const budgetCell = {
  limit: 0,
  spent: 1,
  start: 2,
  /** Infinity for a budget that never resets. */
  next: 3,
  /** Milliseconds of a rolling window, number of units of a calendar one. */
  length: 4,
  unit: 5,
  zone: 6,
  slot: 7,
  anchor: 8,
  /** Months that quarters and years begin after January. */
  shift: 9,
  /** An override: so much more than the limit, until then. */
  extra: 10,
  extraUntil: 11,
  /** 1: counted, not enforced. */
  shadow: 12,
  /** How many requests a shadow limit would have refused. */
  wouldRefuse: 13,
} as const;

export const limitCells = 12;
export const limitCell = {
  limit: 0,
  window: 1,
  mode: 2,
  /** First cell of the ring or of the buckets. */
  base: 3,
  /** Ring: next position. Buckets: number of the newest bucket. */
  head: 4,
  /** Buckets: sum of all. */
  sum: 5,
  slot: 6,
  /** Buckets: width in milliseconds. */
  width: 7,
  /** Holds with a smaller serial were not counted here. */
  since: 8,
  /** Cells that `base` has, for giving them back. */
  size: 9,
  shadow: 10,
  wouldRefuse: 11,
} as const;

/** `ring`: exact times of the last `limit` requests. The others: amounts in buckets. */
export const limitMode = { ring: 0, requestBuckets: 1, tokenBuckets: 2, spendBuckets: 3 } as const;

/** Bits of `scopeFlags`; a scope that is known has at least `known`. */
export const scopeFlag = { budget: 1, requests: 2, tokens: 4, concurrency: 8, known: 64 } as const;

export const labelBytesMax = 96;
/** Reserved for each scope on average: header, one budget, two limits and a short label fit. */
export const arenaCellsPerScope = 48;

/** Calendar and other units as numbers, in the order of their codes. */
export const unitCodes = ["forever", "rolling", "minute", "hour", "day", "week", "month", "quarter", "year"] as const;
export const rollingCode = 1;
