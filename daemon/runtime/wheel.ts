/**
 * One coarse clock for every deadline of a worker, so that ten thousand streams cost one timer and no frame
 * costs any. Hides the tick; precision is `tickMs`, late by at most one tick.
 */

/** Something with a deadline. `deadlineAt` is on the `performance.now()` scale; Infinity when nothing is awaited. */
export type Timed = {
  deadlineAt: number;
  onDeadline(now: number): void;
};

const tickMs = 25;

export class Wheel {
  /** `performance.now()` as of the last tick or `touch()`: good enough for idle times, free to read. */
  now = performance.now();
  readonly #live = new Set<Timed>();
  #timer: NodeJS.Timeout | undefined;

  add(timed: Timed): void {
    this.#live.add(timed);
    if (this.#timer === undefined) {
      this.now = performance.now();
      this.#timer = setInterval(() => this.#tick(), tickMs);
    }
  }

  delete(timed: Timed): void {
    this.#live.delete(timed);
  }

  get size(): number {
    return this.#live.size;
  }

  #tick(): void {
    this.now = performance.now();
    // The timer stops one tick after the last deadline is gone, not with it: a busy worker would start and stop it per request.
    if (this.#live.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    for (const timed of this.#live) if (timed.deadlineAt <= this.now) timed.onDeadline(this.now);
  }
}
