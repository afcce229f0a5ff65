/**
 * What the two writers tell every other thread without a message: words in shared memory. Hides their layout.
 * Counters wrap at 2^32; read them with `readStatus`.
 */

/** Offsets of one writer's words. */
const word = { health: 0, lagMs: 1, commits: 2, rows: 3, failures: 4, dropped: 5, rejected: 6 } as const;
const wordsPerWriter = 8;

export const statusWords = 2 * wordsPerWriter;
export type WriterName = "state" | "traffic";
const base: Readonly<Record<WriterName, number>> = { state: 0, traffic: wordsPerWriter };

/** 0 is `starting`. */
const healthy = 1;
const unhealthy = 2;

export type WriterStatus = {
  /** `starting` until the first look at the file; `unhealthy` from a failed commit to the next good one. */
  readonly health: "starting" | "healthy" | "unhealthy";
  /** Age of the oldest batch of the last commit when it became durable; while unhealthy, of the oldest that waits. */
  readonly lagMs: number;
  readonly commits: number;
  readonly rows: number;
  readonly failures: number;
  /** Rows that senders had to drop. */
  readonly dropped: number;
  /** Batches that no database would take. */
  readonly rejected: number;
};

export function createStatus(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(statusWords * Int32Array.BYTES_PER_ELEMENT));
}

export function readStatus(status: Int32Array, writer: WriterName): WriterStatus {
  const at = (offset: number) => Atomics.load(status, base[writer] + offset) >>> 0;
  const health = at(word.health);
  return {
    health: health === healthy ? "healthy" : health === unhealthy ? "unhealthy" : "starting",
    lagMs: at(word.lagMs),
    commits: at(word.commits),
    rows: at(word.rows),
    failures: at(word.failures),
    dropped: at(word.dropped),
    rejected: at(word.rejected),
  };
}

/** One load, for the hot path: may this writer's rows be expected to become durable? */
export function isHealthy(status: Int32Array, writer: WriterName): boolean {
  return Atomics.load(status, base[writer] + word.health) !== unhealthy;
}

/** The writer's own side. */
export type StatusReporter = {
  committed(rows: number, lagMs: number): void;
  failed(lagMs: number): void;
  ready(): void;
  dropped(rows: number): void;
  rejected(): void;
};

export function reportStatus(status: Int32Array, writer: WriterName): StatusReporter {
  const at = base[writer];
  return {
    committed(rows, lagMs) {
      Atomics.store(status, at + word.health, healthy);
      Atomics.store(status, at + word.lagMs, Math.round(lagMs));
      Atomics.add(status, at + word.commits, 1);
      Atomics.add(status, at + word.rows, rows);
    },
    failed(lagMs) {
      Atomics.store(status, at + word.health, unhealthy);
      Atomics.store(status, at + word.lagMs, Math.round(lagMs));
      Atomics.add(status, at + word.failures, 1);
    },
    ready() {
      Atomics.store(status, at + word.health, healthy);
    },
    dropped(rows) {
      Atomics.add(status, at + word.dropped, rows);
    },
    rejected() {
      Atomics.add(status, at + word.rejected, 1);
    },
  };
}
