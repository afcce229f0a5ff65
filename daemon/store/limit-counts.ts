/**
 * What each rate limit counts, kept in step with `records` in 64ths of its window, so that a restart refills nothing.
 * Hides that a request counts here when it is settled: later than in the shared tables, never sooner.
 */
import type { LimitCount, RateLimit } from "../governance/definitions.ts";
import { buckets, bucketWidth } from "../governance/rate-limits.ts";
import type { Database, Statement } from "./database.ts";
import { settlementFlag } from "./rows.ts";
import { ScopeCells } from "./scope-cells.ts";

type Cell = Pick<RateLimit, "slot" | "metric" | "windowMs"> & {
  readonly scopeId: number;
  readonly width: number;
  /** Bucket, amount, and so on, oldest first. */
  counts: number[];
  dirty: boolean;
};

type Row = {
  readonly slot: number;
  readonly metric: RateLimit["metric"];
  readonly window_ms: number;
  readonly counts: string | null;
};

const notRequests = settlementFlag.admin | settlementFlag.adjusting;

export class LimitCounts {
  readonly #cells = new ScopeCells<Cell>((scopeId) => this.#load(scopeId));
  readonly #read: Statement;
  readonly #write: Statement;
  readonly #remove: Statement;
  readonly #prune: Statement;

  constructor(database: Database) {
    this.#read = database.prepare(
      `SELECT l.slot, l.metric, l.window_ms, c.counts FROM limits l LEFT JOIN limit_counts c
       ON c.scope_id = l.scope_id AND c.slot = l.slot AND c.metric = l.metric AND c.window_ms = l.window_ms WHERE l.scope_id = ?`,
    );
    this.#write = database.prepare("INSERT OR REPLACE INTO limit_counts VALUES (?, ?, ?, ?, ?, ?)");
    this.#remove = database.prepare(
      `DELETE FROM limit_counts WHERE scope_id = ? AND NOT EXISTS (SELECT 1 FROM json_each(?) l
       WHERE l.value ->> 0 = slot AND l.value ->> 1 = metric AND l.value ->> 2 = window_ms)`,
    );
    this.#prune = database.prepare("DELETE FROM limit_counts WHERE ends_at <= ?");
  }

  /** Forgets everything; cells are read anew as records are replayed. */
  clear(): void {
    this.#cells.clear();
  }

  /** Only the first attempt of a request counts as one; its hold has no number. */
  add(scopes: string, at: number, holdId: string, cost: number, tokens: number, flags: number): void {
    if (scopes === "" || (flags & notRequests) !== 0) return;
    for (const cell of this.#cells.ofList(scopes)) {
      const { metric } = cell;
      const amount = metric === "tokens" ? tokens : metric === "spend" ? cost : holdId.includes(":") ? 0 : 1;
      if (amount <= 0) continue;
      count(cell.counts, Math.floor(at / cell.width), amount);
      this.#cells.changed(cell);
    }
  }

  /** Writes what changed since the last checkpoint. */
  checkpoint(nowMs: number): void {
    this.#cells.flush(({ scopeId, slot, metric, windowMs, counts, width }) => {
      const endsAt = (counts.at(-2)! + buckets) * width;
      this.#write.run(scopeId, slot, metric, windowMs, JSON.stringify(counts), endsAt);
    });
    this.#prune.run(nowMs);
  }

  /** Reads the scope's counts, before its limits are changed on disk. */
  keep(scopeId: number): void {
    this.#cells.of(scopeId);
  }

  /** The scope's limits were changed on disk. One whose metric and window stay keeps what it has counted. */
  redefine(scopeId: number): void {
    const after = this.#cells.reload(scopeId, (cell, before) => {
      const { slot, metric, windowMs } = cell;
      const old = before.find((each) => each.slot === slot && each.metric === metric && each.windowMs === windowMs);
      return old === undefined ? cell : { ...cell, counts: old.counts, dirty: old.dirty };
    });
    // Of those that stay the disk keeps what it has as of the checkpoint: a replay goes on from there.
    const slots = after.map(({ slot, metric, windowMs }) => [slot, metric, windowMs]);
    this.#remove.run(scopeId, JSON.stringify(slots));
  }

  #load(scopeId: number): readonly Cell[] {
    return (this.#read.all(scopeId) as Row[]).map(({ slot, metric, window_ms: windowMs, counts }) => ({
      ...{ scopeId, slot, metric, windowMs, width: bucketWidth(windowMs), dirty: false },
      counts: counts === null ? [] : (JSON.parse(counts) as number[]),
    }));
  }
}

/** What still counts at this time. As one text: of a hundred thousand limits that takes half the time. */
export function readLimitCounts(database: Database, nowMs: number): readonly LimitCount[] {
  const text = database
    .prepare(
      `SELECT '[' || group_concat('[' || scope_id || ',' || slot || ',"' || metric || '",' || window_ms || ',' || counts || ']') || ']'
       FROM limit_counts WHERE ends_at > ?`,
    )
    .pluck()
    .get(nowMs) as string | null;
  if (text === null) return [];
  const rows = JSON.parse(text) as [number, number, RateLimit["metric"], number, number[]][];
  return rows.map(([scopeId, slot, metric, windowMs, counts]) => ({ scopeId, slot, metric, windowMs, counts }));
}

/** Rows come nearly in order. What has left the window of the newest goes. */
function count(counts: number[], bucket: number, amount: number): void {
  let at = counts.length;
  while (at > 0 && counts[at - 2]! > bucket) at -= 2;
  if (at > 0 && counts[at - 2] === bucket) counts[at - 1]! += amount;
  else if (at > 0 || counts.length < 2 * buckets) counts.splice(at, 0, bucket, amount);
  while (counts[0]! <= counts.at(-2)! - buckets) counts.splice(0, 2);
}
