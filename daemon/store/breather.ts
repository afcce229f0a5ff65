/**
 * Short rests in long work of a writer thread. The kernel lets a thread that computes keep its core for about three
 * milliseconds, whatever its priority: a request that is woken there meanwhile waits that long. A writer that rests
 * after a slice much shorter than that costs nobody more than the slice.
 */

/** Work between two rests, milliseconds. */
const sliceMs = 0.1;
/** Shortest wait that lets others run, milliseconds; the kernel adds about 0.05. */
const restMs = 0.02;

export type Breather = {
  /** Work begins: a slice is counted from here. */
  begin(): void;
  /** Rests when a slice has passed. Cheap enough to be called every 10 µs. */
  breathe(): void;
};

export type BreatherOptions = {
  /** Milliseconds. */
  readonly now?: () => number;
  readonly rest?: () => void;
};

/** For threads only: it blocks. */
export function createBreather({ now = () => performance.now(), rest = wait }: BreatherOptions = {}): Breather {
  let until = 0;
  function begin(): void {
    until = now() + sliceMs;
  }
  function breathe(): void {
    if (now() < until) return;
    rest();
    begin();
  }
  return { begin, breathe };
}

/** Nobody ever wakes it. */
const never = new Int32Array(new SharedArrayBuffer(4));

function wait(): void {
  Atomics.wait(never, 0, 0, restMs);
}

/** For a command, which has nobody beside it. */
export const noBreather: Breather = { begin: () => {}, breathe: () => {} };
