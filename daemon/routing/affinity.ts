/**
 * Where a conversation was answered last, so that it goes there again: a provider's prompt cache is warm there, and
 * what it has encrypted only it can read. Hides a table in shared memory: sets of eight, where the entry that ends
 * first gives way. An entry is a hint: it is followed only to a target that the plan offers anyway.
 */
import { tickOf } from "./health-table.ts";

export type Binding = {
  /** Row of the target in the health table. */
  readonly row: number;
  /** Hash of the credential's name. */
  readonly credential: number;
};

export type Affinity = {
  find(key: AffinityKey, nowMs: number): Binding | undefined;
  bind(key: AffinityKey, row: number, credential: number, nowMs: number, ttlMs: number): void;
};

/** 64 bits of a conversation's name. */
export type AffinityKey = { readonly high: number; readonly low: number };

const sets = 4_096;
const entriesPerSet = 8;
const entryWords = 8;
const word = { high: 0, low: 1, row: 2, credential: 3, until: 4 } as const;

export function createAffinityMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(sets * entriesPerSet * entryWords * 4);
}

export function createAffinity(memory: SharedArrayBuffer): Affinity {
  const words = new Int32Array(memory);

  function search({ high, low }: AffinityKey): number {
    const set = (low & (sets - 1)) * entriesPerSet * entryWords;
    for (let at = set; at < set + entriesPerSet * entryWords; at += entryWords)
      if (words[at + word.high] === high && words[at + word.low] === low) return at;
    return -1;
  }

  function isLive(at: number, nowMs: number): boolean {
    return ((words[at + word.until]! - tickOf(nowMs)) | 0) > 0;
  }

  function find(key: AffinityKey, nowMs: number): Binding | undefined {
    const at = search(key);
    if (at < 0 || !isLive(at, nowMs)) return undefined;
    return { row: words[at + word.row]!, credential: words[at + word.credential]! };
  }

  function bind(key: AffinityKey, row: number, credential: number, nowMs: number, ttlMs: number): void {
    if (row === 0) return;
    const known = search(key);
    const at = known < 0 ? oldest(key, nowMs) : known;
    words[at + word.row] = row;
    words[at + word.credential] = credential;
    words[at + word.until] = tickOf(nowMs + ttlMs);
    words[at + word.low] = key.low;
    Atomics.store(words, at + word.high, key.high);
  }

  function oldest({ low }: AffinityKey, nowMs: number): number {
    const set = (low & (sets - 1)) * entriesPerSet * entryWords;
    const now = tickOf(nowMs);
    const left = (at: number): number =>
      words[at + word.high] === 0 ? -1 : Math.max(0, (words[at + word.until]! - now) | 0);
    let best = set;
    for (let at = set; at < set + entriesPerSet * entryWords; at += entryWords) if (left(at) < left(best)) best = at;
    return best;
  }

  return { find, bind };
}

/** Of texts that only together name a conversation: whose it is, and what it is called. */
export function affinityKey(...parts: readonly (string | number)[]): AffinityKey {
  let high = 0x811c9dc5;
  let low = 0x9e3779b9;
  for (const part of parts) {
    const text = String(part);
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      high = Math.imul(high ^ unit, 0x01000193);
      low = Math.imul(low ^ unit, 0x85ebca6b) + (low >>> 13);
    }
    high = Math.imul(high ^ 0x1f, 0x01000193);
    low = Math.imul(low ^ 0x1f, 0xc2b2ae35);
  }
  return { high: high | 1, low: (low ^ (low >>> 15)) | 0 };
}
