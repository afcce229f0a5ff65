/**
 * What all workers know together of each place a request may go: one row a target, one a provider, in shared memory.
 * Hides how a name finds its row; what the words of a row mean is told by `healthWord` and its users.
 *
 * A row is made when a name is first asked for and lives as long as the daemon, so that a reload forgets nothing. When
 * the table is full, later names share row 0, of which nothing is remembered: such a target is simply tried.
 */

import { createLines, type Lines, openLines, type SharedLines } from "./lines.ts";

/** What a worker is started with. */
export type SharedHealth = {
  readonly rowsMax: number;
  readonly workersMax: number;
  readonly buffer: SharedArrayBuffer;
  readonly lines: SharedLines;
};

export type HealthTable = {
  /** Who waits for what a row stands for. */
  readonly lines: Lines;
  readonly words: Int32Array;
  readonly floats: Float64Array;
  readonly rowsMax: number;
  readonly workersMax: number;
  /** First word of the row of that name, made if need be; 0 when there is no room. */
  find(name: string): number;
  /** The same without making one. */
  peek(name: string): number;
  /** Requests this thread has under way there. */
  enter(row: number): void;
  leave(row: number): void;
  /** Requests that all threads have under way there. */
  inFlight(row: number): number;
  /** Every row with its name. */
  rows(): readonly { readonly row: number; readonly name: string }[];
  /** A thread has ended: what it had under way is over. */
  forget(worker: number): void;
};

export const rowWords = 352;
/** Words of a row, counted from its first. */
export const healthWord = {
  hash: 0,
  nameBytes: 1,
  /** `breaker.ts`: state, failures in a row, times opened, number of the change. */
  breaker: 2,
  /** Until when it is open, or its probe may take; ticks. */
  until: 3,
  /** When it closed again; ticks, 0: never was open. */
  closedAt: 4,
  requests: 5,
  failures: 6,
  /** What the last failure was, as an index into the table of codes plus one; and when, ticks. */
  lastFailure: 7,
  lastFailureAt: 8,
  /** `retry-budget.ts`; of a provider's row. */
  retryTokens: 9,
  refusedCredentials: 10,
  /** Second attempts that are paid for; see `retry-budget.ts`. */
  hedgeTokens: 12,
  /** How often the breaker opened since the start. */
  openings: 13,
  /** Pairs of credential hash and the tick until which it rests. */
  resting: 16,
  /** Pairs; see `resting`. */
  restingPairs: 8,
  /** One word a second: see `outcomes.ts`. */
  seconds: 32,
  secondsCount: 32,
  /** Float64 cells, at word 64 + 2 × index. */
  floats: 64,
  /** Histograms of times, of streams to the first byte, then of whole answers: the current and the one before of each. */
  histogram: 96,
  histogramBuckets: 48,
  /** Two words, in the same order. */
  histogramSince: 288,
  name: 296,
} as const;
export const nameBytesMax = (rowWords - healthWord.name) * 4;

/** Float64 cells of a row, each followed by the time of its last change. Milliseconds, save the share of a limit left and what is left of it. */
export const healthFloat = {
  firstByte: 0,
  perToken: 2,
  usualFirstByte: 4,
  usualPerToken: 6,
  headroom: 8,
  requestsLeft: 10,
  tokensLeft: 12,
} as const;

const defaultRows = 4_096;
const headerWords = 16;
const countWord = 0;

/** @param workersMax threads besides the main one */
export function createHealth(workersMax: number, rowsMax = defaultRows): SharedHealth {
  const words = headerWords + indexSize(rowsMax) + rowsMax * rowWords + (workersMax + 1) * rowsMax;
  return { rowsMax, workersMax, buffer: new SharedArrayBuffer(words * 4), lines: createLines(workersMax, rowsMax) };
}

/** @param worker whose requests `enter` counts: 0 the main thread, workers from 1 */
export function openHealthTable(
  { rowsMax, workersMax, buffer, lines: told }: SharedHealth,
  worker: number,
): HealthTable {
  const lines = openLines(told, worker, workersMax + 1, rowsMax, rowWords);
  const index = new Int32Array(buffer, headerWords * 4, indexSize(rowsMax));
  const header = new Int32Array(buffer, 0, headerWords);
  const rowsAt = (headerWords + indexSize(rowsMax)) * 4;
  const words = new Int32Array(buffer, rowsAt, rowsMax * rowWords);
  const floats = new Float64Array(buffer, rowsAt, (rowsMax * rowWords) / 2);
  const bytes = new Uint8Array(buffer, rowsAt, rowsMax * rowWords * 4);
  const counts = new Int32Array(buffer, rowsAt + rowsMax * rowWords * 4, (workersMax + 1) * rowsMax);
  const own = counts.subarray(worker * rowsMax, (worker + 1) * rowsMax);

  function find(name: string): number {
    return search(name, true);
  }

  function search(name: string, make: boolean): number {
    const encoded = encode(name);
    const hash = hashOf(encoded);
    const mask = index.length - 1;
    let made = 0;
    for (let step = 0; step < index.length; step++) {
      const slot = (hash + step) & mask;
      let entry = Atomics.load(index, slot);
      if (entry === 0) {
        if (!make) return 0;
        if (made === 0) made = write(encoded, hash);
        if (made === 0) return 0;
        // Another thread may want this slot, for this very name: then its row counts, and ours stays unused.
        entry = Atomics.compareExchange(index, slot, 0, made);
        if (entry === 0) return made;
      }
      if (words[entry + healthWord.hash] === hash && sameName(entry, encoded)) return entry;
    }
    return 0;
  }

  /** The row is whole before anybody can find it. */
  function write(encoded: Uint8Array, hash: number): number {
    const number = Atomics.add(header, countWord, 1) + 1;
    if (number >= rowsMax) {
      Atomics.store(header, countWord, rowsMax - 1);
      return 0;
    }
    const row = number * rowWords;
    words[row + healthWord.hash] = hash;
    words[row + healthWord.nameBytes] = encoded.length;
    bytes.set(encoded, (row + healthWord.name) * 4);
    return row;
  }

  function sameName(row: number, encoded: Uint8Array): boolean {
    if (words[row + healthWord.nameBytes] !== encoded.length) return false;
    const start = (row + healthWord.name) * 4;
    for (let at = 0; at < encoded.length; at++) if (bytes[start + at] !== encoded[at]) return false;
    return true;
  }

  function inFlight(row: number): number {
    const number = row / rowWords;
    let sum = 0;
    for (let at = number; at < counts.length; at += rowsMax) sum += counts[at]!;
    return sum;
  }

  return {
    lines,
    words,
    floats,
    rowsMax,
    workersMax,
    find,
    peek: (name) => search(name, false),
    enter: (row) => {
      own[row / rowWords]!++;
    },
    leave: (row) => {
      own[row / rowWords]!--;
    },
    inFlight,
    rows: () =>
      Array.from({ length: Math.min(Atomics.load(header, countWord), rowsMax - 1) }, (_, at) => {
        const row = (at + 1) * rowWords;
        const start = (row + healthWord.name) * 4;
        // A copy, since a decoder takes no shared memory.
        return { row, name: decoder.decode(bytes.slice(start, start + words[row + healthWord.nameBytes]!)) };
      }),
    forget(worker) {
      counts.fill(0, worker * rowsMax, (worker + 1) * rowsMax);
      lines.forget(worker);
    },
  };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A name longer than its place is told apart by its hash as well. */
function encode(name: string): Uint8Array {
  const whole = encoder.encode(name);
  if (whole.length <= nameBytesMax) return whole;
  const tail = encoder.encode(`~${hashOf(whole).toString(16)}`);
  const cut = new Uint8Array(nameBytesMax);
  cut.set(whole.subarray(0, nameBytesMax - tail.length));
  cut.set(tail, nameBytesMax - tail.length);
  return cut;
}

/** FNV-1a; never 0. */
export function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < bytes.length; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash === 0 ? 1 : hash;
}

export function hashText(text: string): number {
  return hashOf(encoder.encode(text));
}

/** A power of two, at most half full. */
function indexSize(rowsMax: number): number {
  let size = 64;
  while (size < rowsMax * 2) size *= 2;
  return size;
}

/**
 * Time in a 32-bit word: hundredths of a second, compared by difference, so that it may wrap. Differences of more than
 * 248 days are not told apart. A word that was never written is 0, and that is always in the past.
 */
export function tickOf(nowMs: number): number {
  return Math.floor(nowMs / 10) | 0 || 1;
}

/** Milliseconds from `nowMs` until that tick; negative once it has passed. */
export function msUntil(tick: number, nowMs: number): number {
  return tick === 0 ? Number.NEGATIVE_INFINITY : ((tick - tickOf(nowMs)) | 0) * 10;
}
