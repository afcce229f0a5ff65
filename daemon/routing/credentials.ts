/**
 * Which of a provider's credentials carries a call. Drawn by weight; one that its provider has told to wait rests until
 * then, in all workers, at the model where that happened. Hides where rests are kept: eight at most a target, the one
 * that ends first gives way.
 */
import type { Provider, ReadyCredential } from "./generation.ts";
import { type HealthTable, healthWord, msUntil, tickOf } from "./health-table.ts";

export type Credentials = {
  /** Index into the provider's credentials; -1: none that may be used now and is not in `used`. */
  pick(provider: Provider, row: number, used: ReadonlySet<number> | undefined, nowMs: number): number;
  /** @param told the provider has named the time: until then it is not asked with this credential at all */
  rest(provider: Provider, row: number, index: number, nowMs: number, waitMs: number, told: boolean): void;
  /** Milliseconds until the first of them may be used again; 0: one may be used now. */
  restingMs(provider: Provider, row: number, nowMs: number): number;
  isResting(provider: Provider, row: number, index: number, nowMs: number): boolean;
};

const { resting, restingPairs } = healthWord;
/** Until when any of the row's credentials rests: most rows have none, and one look tells. */
const latest = resting - 1;
/** A provider that names a longer wait is asked again after this. */
const restMsMax = 3_600_000;
/** A free one, one that its provider would rather not see, one that it will not. */
const free = 0;
const unwelcome = 1;
const barred = 2;

export function createCredentials({ words }: Pick<HealthTable, "words">, random: () => number): Credentials {
  function pick(provider: Provider, row: number, used: ReadonlySet<number> | undefined, nowMs: number): number {
    const { credentials } = provider;
    const calm = row === 0 || msUntil(words[row + latest]!, nowMs) <= 0;
    if (calm && used === undefined) return credentials.length === 1 ? 0 : draw(credentials, provider.weight);
    return pickOf(provider, row, used, nowMs, free) ?? pickOf(provider, row, used, nowMs, unwelcome) ?? -1;
  }

  function draw(credentials: readonly ReadyCredential[], weight: number): number {
    let left = random() * weight;
    let last = 0;
    for (let index = 0; index < credentials.length; index++) {
      const own = credentials[index]!.weight;
      if (own === 0) continue;
      left -= own;
      if (left < 0) return index;
      last = index;
    }
    return last;
  }

  function pickOf(
    { credentials, hashes }: Provider,
    row: number,
    used: ReadonlySet<number> | undefined,
    nowMs: number,
    kind: number,
  ): number | undefined {
    const may = (credential: ReadyCredential, index: number): boolean =>
      credential.weight > 0 && used?.has(index) !== true && stateOf(row, hashes[index]!, nowMs) === kind;
    let weight = 0;
    for (let index = 0; index < credentials.length; index++)
      if (may(credentials[index]!, index)) weight += credentials[index]!.weight;
    if (weight === 0) return undefined;
    let left = random() * weight;
    let last = -1;
    for (let index = 0; index < credentials.length; index++) {
      if (!may(credentials[index]!, index)) continue;
      left -= credentials[index]!.weight;
      last = index;
      if (left < 0) break;
    }
    return last;
  }

  function stateOf(row: number, hash: number, nowMs: number): number {
    const at = find(row, hash);
    if (at < 0 || msUntil(words[at + 1]!, nowMs) <= 0) return free;
    return (words[at]! & 1) === 1 ? barred : unwelcome;
  }

  /** The lowest bit of the first word says whether the wait was told. */
  function find(row: number, hash: number): number {
    if (row === 0) return -1;
    for (let pair = 0; pair < restingPairs; pair++) {
      const at = row + resting + 2 * pair;
      if ((words[at]! | 1) === (hash | 1)) return at;
    }
    return -1;
  }

  function rest({ hashes }: Provider, row: number, index: number, nowMs: number, waitMs: number, told: boolean): void {
    if (row === 0) return;
    const hash = hashes[index]!;
    const until = tickOf(nowMs + Math.min(waitMs, restMsMax)) + 1;
    const known = find(row, hash);
    const at = known < 0 ? firstToEnd(row, nowMs) : known;
    Atomics.store(words, at + 1, until);
    Atomics.store(words, at, told ? hash | 1 : hash & ~1);
    if (msUntil(words[row + latest]!, nowMs) < msUntil(until, nowMs)) Atomics.store(words, row + latest, until);
  }

  function firstToEnd(row: number, nowMs: number): number {
    let best = row + resting;
    for (let pair = 1; pair < restingPairs; pair++) {
      const at = row + resting + 2 * pair;
      if (msUntil(words[at + 1]!, nowMs) < msUntil(words[best + 1]!, nowMs)) best = at;
    }
    return best;
  }

  function restingMs(provider: Provider, row: number, nowMs: number): number {
    if (row === 0 || msUntil(words[row + latest]!, nowMs) <= 0) return 0;
    let soonest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < provider.credentials.length; index++) {
      if (provider.credentials[index]!.weight === 0) continue;
      const hash = provider.hashes[index]!;
      if (stateOf(row, hash, nowMs) !== barred) return 0;
      soonest = Math.min(soonest, msUntil(words[find(row, hash) + 1]!, nowMs));
    }
    return Number.isFinite(soonest) ? soonest : 0;
  }

  return {
    pick,
    rest,
    restingMs,
    isResting: ({ hashes }, row, index, nowMs) => stateOf(row, hashes[index]!, nowMs) !== free,
  };
}
