/**
 * Where a request's time goes, stage by stage, as a histogram that each worker keeps in shared memory: a note costs a
 * clock reading and two additions, and rows carry nothing of it. Hides how the counts lie.
 */

/** In the order of a request's life; docs/metrics.md says what each is. */
export const stageNames = [
  ...(["authenticate", "read", "route", "queue", "admit", "encode", "connect", "first_byte"] as const),
  ...(["stream", "settle", "write", "record"] as const),
] as const;
export type StageName = (typeof stageNames)[number];
export const stage = Object.fromEntries(stageNames.map((name, index) => [name, index])) as {
  readonly [name in StageName]: number;
};

/** Upper bounds in milliseconds: a hundredth for our own part, minutes for a provider's. */
export const stageBoundsMs = [
  ...[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 100],
  ...[250, 1_000, 2_500, 10_000, 30_000, 120_000],
] as const;

/** One for each bound, one for what lies above, then the sum. */
const cellsPerStage = stageBoundsMs.length + 2;

export type Stages = {
  /** Notes what has passed since then on the clock of `performance.now()`, and returns its time now. */
  mark(index: number, since: number): number;
  took(index: number, ms: number): void;
};

export type StageHistogram = { readonly stage: StageName; readonly counts: number[]; sumMs: number };

/** For one worker; a successor of it goes on counting. */
export function createStageCells(): Float64Array {
  return new Float64Array(new SharedArrayBuffer(stageNames.length * cellsPerStage * 8));
}

export function createStages(cells: Float64Array): Stages {
  function took(index: number, ms: number): void {
    let bucket = 0;
    while (bucket < stageBoundsMs.length && ms > stageBoundsMs[bucket]!) bucket++;
    const first = index * cellsPerStage;
    cells[first + bucket]! += 1;
    cells[first + cellsPerStage - 1]! += ms;
  }
  return {
    took,
    mark(index, since) {
      const now = performance.now();
      took(index, now - since);
      return now;
    },
  };
}

/** Of all workers together; counts are not cumulative. */
export function sumStages(all: readonly Float64Array[]): readonly StageHistogram[] {
  return stageNames.map((name, index) => {
    const first = index * cellsPerStage;
    const of = (cell: number): number => all.reduce((sum, cells) => sum + cells[first + cell]!, 0);
    return {
      stage: name,
      counts: Array.from({ length: cellsPerStage - 1 }, (_, bucket) => of(bucket)),
      sumMs: of(cellsPerStage - 1),
    };
  });
}
