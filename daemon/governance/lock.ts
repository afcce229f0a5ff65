/**
 * The one lock of the ledger. Hides how threads take turns and how a change is undone whose thread died half-way.
 *
 * The lock word holds its owner. Old values go to the undo record before a cell changes, so that `recoverOwner()` can
 * put everything back. Between `acquire()` and `release()`: no allocation, no BigInt, no callback, no waiting.
 */
import { controlWord, type Tables, undoMax } from "./tables.ts";

export type Lock = {
  acquire(): void;
  /** Changes a cell so that it can be undone. Only while the lock is held. */
  set(index: number, value: number): void;
  release(): void;
  /** Undoes what was set since `acquire()`, then releases. */
  rollback(): void;
};

const spinsMax = 100;
/** Somebody waits: the holder must wake one. */
const contended = 1 << 30;
const ownerMask = contended - 1;
/** A sleeper looks again by itself after this: its wake-up may have gone to a thread that died. */
const sleepMs = 5;
/**
 * How long a thread waits at most. A dead holder is only found by the main thread's event loop, so main must not
 * sleep long itself; a worker's limit covers the time main needs.
 */
const mainWaitMsMax = 250;
const workerWaitMsMax = 5_000;

const { lock: lockWord, undoCount } = controlWord;

export class LockTimeout extends Error {
  override readonly name = "LockTimeout";
}

export function createLock(tables: Tables): Lock {
  const { control, cells, undo, owner } = tables;
  const mine = owner + 1;
  const waitMsMax = owner === 0 ? mainWaitMsMax : workerWaitMsMax;

  function acquire(): void {
    if (Atomics.compareExchange(control, lockWord, 0, mine) === 0) return;
    for (let spin = 0; spin < spinsMax; spin++) {
      if (Atomics.load(control, lockWord) === 0 && Atomics.compareExchange(control, lockWord, 0, mine) === 0) return;
    }
    sleepUntilMine();
  }

  function sleepUntilMine(): void {
    const giveUpAt = performance.now() + waitMsMax;
    for (;;) {
      const seen = Atomics.load(control, lockWord);
      if (seen === 0) {
        // Others may still sleep, so take it as contended: one wake-up too many costs less than one too few.
        if (Atomics.compareExchange(control, lockWord, 0, mine | contended) === 0) return;
        continue;
      }
      const marked = seen | contended;
      if (seen !== marked && Atomics.compareExchange(control, lockWord, seen, marked) !== seen) continue;
      Atomics.wait(control, lockWord, marked, sleepMs);
      if (performance.now() > giveUpAt) throw new LockTimeout(`the ledger was locked for ${waitMsMax} ms`);
    }
  }

  function set(index: number, value: number): void {
    const count = control[undoCount]!;
    if (count >= undoMax) throw new RangeError("undo record is full");
    undo[2 * count] = index;
    undo[2 * count + 1] = cells[index]!;
    // A thread can end between any two of these lines: the entry counts only when it is whole.
    control[undoCount] = count + 1;
    cells[index] = value;
  }

  function release(): void {
    control[undoCount] = 0;
    if ((Atomics.exchange(control, lockWord, 0) & contended) !== 0) Atomics.notify(control, lockWord, 1);
  }

  function rollback(): void {
    undoAll(tables);
    release();
  }

  return { acquire, set, release, rollback };
}

/**
 * For the supervisor, after the thread of `owner` has ended and before its number is given to another: undoes its
 * half-done change and frees the lock. Returns whether it held it. Its holds are the business of `settleDead()`.
 */
export function recoverOwner(tables: Tables, owner: number): boolean {
  const { control } = tables;
  if ((Atomics.load(control, lockWord) & ownerMask) !== owner + 1) return false;
  undoAll(tables);
  Atomics.store(control, lockWord, 0);
  Atomics.notify(control, lockWord);
  return true;
}

function undoAll({ control, cells, undo }: Tables): void {
  for (let entry = control[undoCount]! - 1; entry >= 0; entry--) cells[undo[2 * entry]!] = undo[2 * entry + 1]!;
  control[undoCount] = 0;
}
