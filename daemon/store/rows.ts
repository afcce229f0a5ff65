/** What travels from a worker to the two writer threads. */
import type { Columns } from "./columns.ts";

/** Numbered by its sender, kept by the sender until acknowledged, applied once: the writer remembers the last number per sender. */
export type Batch = {
  readonly type: "batch";
  /** `content`: rows are of `contentWidth`, for the traffic writer. Absent: requests or settlements. */
  readonly kind?: "content" | undefined;
  /** Unique for the life of the home: boot count × a million + number of the start. */
  readonly sender: number;
  readonly number: number;
  /** `holdWidth` columns. State writer only. */
  readonly holds?: Columns;
  /** `settlementWidth` (state writer), `requestWidth` or `contentWidth` (traffic writer) columns. */
  readonly rows: Columns;
};

export type Acknowledgement = {
  readonly type: "ack";
  readonly number: number;
  /**
   * Not durable yet, and why: `locked`, `full`, `corrupt`, `read_only`, `unreadable`. The writer keeps the batch and
   * tries again by itself; the acknowledgement without this field still follows.
   */
  readonly failed?: string;
  /** With `failed`: no try will succeed (a malformed batch). The sender forgets the batch and counts it. */
  readonly rejected?: boolean;
};

/** A sender tells the traffic writer how many rows it had to drop; there is no answer. */
export type Dropped = { readonly type: "dropped"; readonly rows: number };

/** holdId, atMs, scopes (`"3,17"`), costNano, tokens, inputCostNano (what an `estimated` settlement charges), keyId, model */
export type HoldValue = string | number | null;
export const holdWidth = 8;

/**
 * One settlement, which is also the audit record of its request:
 * holdId, atMs, keyId (0: none), scopes (`""`: none), costNano, tokens, flags, record (JSON text; "" for an attempt that is not the last)
 *
 * A hold is closed by the row that carries its id. `holdId` is the request id, followed by `:n` for the n-th further attempt.
 */
export const settlementWidth = 8;
export const settlementFlag = {
  estimated: 1,
  unpriced: 2,
  /** Found at boot or left by a dead worker. */
  recovered: 4,
  /** No hold was taken before it (no budget applied). */
  unheld: 8,
  /** A management action, not a request. */
  admin: 16,
  /** Corrects what an earlier row charged; 32 and 64 are a log row's own. */
  adjusting: 128,
  /** A batch or a film, until its end is told. */
  provisional: 256,
} as const;

/** The request log, one row a request. Order of the flat array = order of this list = columns of `requests`. */
export const requestColumns = [
  "id",
  "at", // ms
  "key_id",
  "route",
  "dialect",
  "provider",
  "model", // as asked
  "target", // provider/model that answered
  "credential",
  "stream", // 0 | 1
  "status", // HTTP status told to the client; 499 when it left
  "error", // error code or null
  "latency_ms",
  "ttft_ms",
  "upstream_ms",
  "tokens_in",
  "tokens_out",
  "tokens_cache_read",
  "tokens_cache_write",
  "tokens_reasoning",
  "cost_nano", // null: unpriced
  "flags", // settlementFlag bits, 32 truncated, 64 fallback used
  "attempts", // JSON: every hop with its reason and cost; null when there was one and it succeeded
  "bytes_in",
  "bytes_out",
  "team", // public ids of whom the key belongs to
  "customer",
  "user", // end user, as the client named them
  "session",
  "tags", // JSON object of texts; null when there are none
  "trace", // trace id, or null when nothing is traced
  "content", // contentLevel: what is kept in `contents`
  "held_nano", // set aside before it was settled, over all attempts; null: nothing was
  "stop", // a FinishReason; null: the answer did not come to an end, or has none
  "tools", // JSON list of the names of tools that the answer calls; null: of none
  "parent", // id of the request that this one was made for, as the client told it
  "native_stop", // the provider's own word for how it ended
  "upstream_id", // and its id of the answer
  "untold", // JSON list of what the answer said that the client's language has no place for; null: of nothing
  "dropped_params", // JSON list of what was asked and left out, since the provider has no word for it; null: nothing
] as const;
export const requestWidth = requestColumns.length;
export const requestFlag = { truncated: 32, fallback: 64 } as const;
export type RequestColumn = (typeof requestColumns)[number];
/** Where a column stands in a flat row. */
export const requestColumn = Object.fromEntries(requestColumns.map((name, index) => [name, index])) as {
  readonly [name in RequestColumn]: number;
};

/** What was said in a request, apart from its row. Order of the flat array. */
export const contentColumns = ["id", "at", "level", "truncated", "metadata", "request", "response", "headers"] as const;
export const contentWidth = contentColumns.length;
export const contentColumn = Object.fromEntries(contentColumns.map((name, index) => [name, index])) as {
  readonly [name in (typeof contentColumns)[number]]: number;
};
export const contentLevel = { off: 0, metadata: 1, full: 2 } as const;
