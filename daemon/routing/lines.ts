/**
 * Who waits for a place at a provider, over all workers: each worker tells who is first in its own queue, and nobody
 * takes a place before another's first that is more urgent, or as urgent and came sooner. Hides that order of coming is a
 * number drawn from a counter that all share, since clocks of threads differ, and how one thread wakes another.
 */

/** What a worker is started with. */
export type SharedLines = SharedArrayBuffer;

export type Lines = {
  /** What stands for one who begins to wait: the higher goes first. */
  draw(priority: number): number;
  /** Who is first in this worker's queue of that row, and how long the queue is; 0, 0: nobody waits. */
  tell(row: number, first: number, length: number): void;
  /** No other worker has one that goes before. */
  isFirst(row: number, first: number): boolean;
  /** In all workers. */
  waiting(row: number): number;
  /** Wakes the worker whose first goes before all others', if that is not this one. */
  call(row: number): void;
  /** Settles when this worker is called, or has been since it last was told. */
  called(): Promise<void>;
  /** A worker has ended: who waited there is gone. */
  forget(worker: number): void;
};

const ticketWord = 0;
const headerWords = 16;
/** Above every number of order. */
const orders = 2 ** 32;

export function createLines(workersMax: number, rowsMax: number): SharedLines {
  const threads = workersMax + 1;
  return new SharedArrayBuffer((headerWords + align(threads)) * 4 + threads * rowsMax * (8 + 4));
}

/** @param rowWords rows are told by their first word */
export function openLines(
  shared: SharedLines,
  worker: number,
  threads: number,
  rowsMax: number,
  rowWords: number,
): Lines {
  const header = new Int32Array(shared, 0, headerWords);
  const calls = new Int32Array(shared, headerWords * 4, threads);
  const firstsAt = (headerWords + align(threads)) * 4;
  const firsts = new Float64Array(shared, firstsAt, threads * rowsMax);
  const lengths = new Int32Array(shared, firstsAt + threads * rowsMax * 8, threads * rowsMax);
  const own = worker * rowsMax;
  let heard = Atomics.load(calls, worker);

  /** Whose first goes before `first`; -1: nobody's. */
  function before(row: number, first: number): number {
    let best = first;
    let who = -1;
    for (let thread = 0, at = row / rowWords; thread < threads; thread++, at += rowsMax) {
      if (thread === worker || firsts[at]! <= best) continue;
      best = firsts[at]!;
      who = thread;
    }
    return who;
  }

  return {
    draw: (priority) => (priority + 1) * orders - (Atomics.add(header, ticketWord, 1) >>> 0),
    tell(row, first, length) {
      firsts[own + row / rowWords] = first;
      Atomics.store(lengths, own + row / rowWords, length);
    },
    isFirst: (row, first) => before(row, first) < 0,
    waiting(row) {
      let sum = 0;
      for (let at = row / rowWords; at < lengths.length; at += rowsMax) sum += Atomics.load(lengths, at);
      return sum;
    },
    call(row) {
      const who = before(row, firsts[own + row / rowWords]!);
      if (who < 0) return;
      Atomics.add(calls, who, 1);
      Atomics.notify(calls, who);
    },
    async called() {
      await Atomics.waitAsync(calls, worker, heard).value;
      heard = Atomics.load(calls, worker);
    },
    forget(dead) {
      firsts.fill(0, dead * rowsMax, (dead + 1) * rowsMax);
      lengths.fill(0, dead * rowsMax, (dead + 1) * rowsMax);
    },
  };
}

/** So that what follows lies at a multiple of eight. */
function align(words: number): number {
  return words + (words % 2);
}
