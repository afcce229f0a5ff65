/**
 * One coarse clock for every deadline of a worker, so that ten thousand streams cost one timer and no frame
 * costs any. Hides the tick; precision is `tickMs`, late by at most one tick.
 */

/** Something with a deadline. `deadlineAt` is on the `performance.now()` scale; Infinity when nothing is awaited. */
export type Timed = {
  deadlineAt: number;
  /** Its place in the wheel, -1 while it is in none. The wheel's own. */
  wheelIndex: number;
  onDeadline(now: number): void;
};

const tickMs = 25;

export class Wheel {
  /** `performance.now()` as of the last tick or `touch()`: good enough for idle times, free to read. */
  now = performance.now();
  /**
   * An array with removal by swapping, not a Set: with this churn a Set is rehashed every few requests, each obsolete
   * table keeps the next one alive, and through them a minor collection promoted 6 KB a request.
   */
  readonly #live: Timed[] = [];
  #timer: NodeJS.Timeout | undefined;

  add(timed: Timed): void {
    timed.wheelIndex = this.#live.length;
    this.#live.push(timed);
    if (this.#timer === undefined) {
      this.now = performance.now();
      this.#timer = setInterval(() => this.#tick(), tickMs);
    }
  }

  delete(timed: Timed): void {
    const index = timed.wheelIndex;
    if (index < 0) return;
    timed.wheelIndex = -1;
    const last = this.#live.pop()!;
    if (last === timed) return;
    this.#live[index] = last;
    last.wheelIndex = index;
  }

  get size(): number {
    return this.#live.length;
  }

  #tick(): void {
    this.now = performance.now();
    // The timer stops one tick after the last deadline is gone, not with it: a busy worker would start and stop it per request.
    if (this.#live.length === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    // From the end, since what is removed is replaced by the last one.
    for (let index = this.#live.length - 1; index >= 0; index--) {
      const timed = this.#live[index];
      if (timed !== undefined && timed.deadlineAt <= this.now) timed.onDeadline(this.now);
    }
  }
}
