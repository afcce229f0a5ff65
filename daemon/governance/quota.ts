/**
 * How much of its rate limits a caller has left, for the headers of an answer. Hides which of several limits is the
 * tightest, and that a long ring is searched and not counted.
 */
import { firstLimit } from "./budgets.ts";
import { limitCell, limitCells, limitMode, scopeCell, scopeFlag } from "./cells.ts";
import { createLock } from "./lock.ts";
import { createRateLimits } from "./rate-limits.ts";
import type { Tables } from "./tables.ts";

/** -1: nothing limits it. One object, filled anew each time. */
export type Quota = {
  requestLimit: number;
  requestsLeft: number;
  /** Until the limit would be whole again if nobody else came. */
  requestsResetMs: number;
  tokenLimit: number;
  tokensLeft: number;
  tokensResetMs: number;
};

export type ReadQuota = (scopes: readonly number[], nowMs: number) => Quota | undefined;

const rateFlags = scopeFlag.requests | scopeFlag.tokens;

/** The function answers undefined, without taking the lock, where nothing limits requests or tokens. */
export function createQuota(tables: Tables): ReadQuota {
  const { cells, scopeRows, scopeFlags } = tables;
  const lock = createLock(tables);
  const rates = createRateLimits(tables, lock);
  const quota: Quota = {
    requestLimit: -1,
    requestsLeft: -1,
    requestsResetMs: -1,
    tokenLimit: -1,
    tokensLeft: -1,
    tokensResetMs: -1,
  };

  function read(scopes: readonly number[], nowMs: number): Quota | undefined {
    let flags = 0;
    for (let index = 0; index < scopes.length; index++) flags |= Atomics.load(scopeFlags, scopes[index]!);
    if ((flags & rateFlags) === 0) return undefined;
    quota.requestLimit = -1;
    quota.tokenLimit = -1;
    lock.acquire();
    for (let index = 0; index < scopes.length; index++) look(scopeRows[scopes[index]!]!, nowMs);
    lock.release();
    return quota.requestLimit < 0 && quota.tokenLimit < 0 ? undefined : quota;
  }

  function look(block: number, nowMs: number): void {
    if (block === 0 || block === undefined) return;
    const row = firstLimit(cells, block);
    const end = row + cells[block + scopeCell.limits]! * limitCells;
    for (let limit = row; limit < end; limit += limitCells) {
      const mode = cells[limit + limitCell.mode];
      if (mode === limitMode.spendBuckets || cells[limit + limitCell.shadow] === 1) continue;
      const size = cells[limit + limitCell.limit]!;
      const left = Math.max(0, size - rates.counted(limit, nowMs));
      if (mode === limitMode.tokenBuckets) {
        if (quota.tokenLimit >= 0 && quota.tokensLeft <= left) continue;
        quota.tokenLimit = size;
        quota.tokensLeft = left;
        quota.tokensResetMs = rates.wholeIn(limit, nowMs);
      } else {
        if (quota.requestLimit >= 0 && quota.requestsLeft <= left) continue;
        quota.requestLimit = size;
        quota.requestsLeft = left;
        quota.requestsResetMs = rates.wholeIn(limit, nowMs);
      }
    }
  }

  return read;
}
