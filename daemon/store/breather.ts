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

/** For threads only: it blocks. */
export function createBreather(): Breather {
  const never = new Int32Array(new SharedArrayBuffer(4));
  let until = 0;
  function begin(): void {
    until = performance.now() + sliceMs;
  }
  function breathe(): void {
    if (performance.now() < until) return;
    Atomics.wait(never, 0, 0, restMs);
    begin();
  }
  return { begin, breathe };
}

/** For a command, which has nobody beside it. */
export const noBreather: Breather = { begin: () => {}, breathe: () => {} };
