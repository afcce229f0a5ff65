/**
 * A worker's side of the live feed and of traces: rows on their way to the main thread, only while somebody wants them.
 * Hides filtering, even sampling, and that a main thread which is behind costs a counter and no memory.
 */
import { type Condition, conditions, type LogFilter } from "../store/log-filter.ts";
import type { RowValue } from "../store/sender.ts";

/** What the main thread wants to be told; see `ToWorker`. */
export type TapSettings = {
  /** A row is wanted when all conditions of one of these hold. Empty: nobody listens. */
  readonly filters: readonly LogFilter[];
  /** Rows a second, all listeners together. */
  readonly rate: number;
};

/** What a worker tells. `rows` are flat, of `requestWidth`. */
export type Tapped = {
  readonly type: "tapped";
  /** A sample of those that matched. */
  readonly rows: readonly RowValue[];
  readonly ended: number;
  readonly matched: number;
  /** Rows of traced requests. */
  readonly traced: readonly RowValue[];
  /** For each of those `spanText`: what a span needs besides the row. */
  readonly spans: readonly string[];
  /** Traced requests whose rows are not here, because too many came or the main thread was behind. */
  readonly lost: number;
};

export type Tap = {
  use(settings: TapSettings): void;
  /** One request has ended. With `span` its row is wanted whatever the filters say. */
  take(row: readonly RowValue[], span: string | undefined): void;
  /** The main thread has taken one `Tapped`. */
  taken(): void;
  /** What is gathered leaves at once. */
  flush(): void;
};

/** What is gathered leaves this often. */
const gatherMs = 100;
/** Messages that the main thread has not taken yet; with more, rows are counted and forgotten. */
const waitingMax = 4;
/** Rows of traced requests in one message. */
const tracedRowsMax = 2_000;

export function createTap(tell: (message: Tapped) => void): Tap {
  let wanted: readonly (readonly Condition[])[] = [];
  let sampleRows = 0;
  let waiting = 0;
  let timer: NodeJS.Timeout | undefined;
  let sample: (readonly RowValue[])[] = [];
  let traced: (readonly RowValue[])[] = [];
  let spans: string[] = [];
  let [ended, matched, lost] = [0, 0, 0];

  function use({ filters, rate }: TapSettings): void {
    wanted = filters.map(conditions);
    sampleRows = Math.max(1, Math.ceil((rate * gatherMs) / 1_000));
  }

  function take(row: readonly RowValue[], span: string | undefined): void {
    timer ??= setTimeout(flush, gatherMs);
    ended += 1;
    if (span !== undefined && traced.length < tracedRowsMax) {
      traced.push(row);
      spans.push(span);
    } else if (span !== undefined) {
      lost += 1;
    }
    if (!wanted.some((all) => all.every(({ holds }) => holds(row, 0)))) return;
    matched += 1;
    if (sample.length < sampleRows) {
      sample.push(row);
      return;
    }
    // Each of those that matched is equally likely to be in the sample.
    const place = Math.floor(Math.random() * matched);
    if (place < sampleRows) sample[place] = row;
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (waiting >= waitingMax) {
      lost += traced.length;
      sample = [];
      traced = [];
      spans = [];
      return; // the counts go with a later one
    }
    if (ended === 0 && lost === 0) return;
    waiting += 1;
    tell({ type: "tapped", rows: sample.flat(), ended, matched, traced: traced.flat(), spans, lost });
    sample = [];
    traced = [];
    spans = [];
    [ended, matched, lost] = [0, 0, 0];
  }

  function taken(): void {
    waiting = Math.max(0, waiting - 1);
  }

  return { use, take, taken, flush };
}
