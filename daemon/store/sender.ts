/**
 * A worker's side of a writer thread. Hides batching, numbering, keeping until acknowledged and sending again to a new
 * writer, and that a hold which is settled before it leaves never does: the hot path pushes values and goes on.
 */
import { ColumnBuilder, columnsOf, type RowValue } from "./columns.ts";
import { type Acknowledgement, type Batch, type Dropped, type HoldValue, holdWidth } from "./rows.ts";

export type { RowValue } from "./columns.ts";

/** What a sender needs of a `MessagePort`. */
export type SenderPort = {
  postMessage(message: unknown): void;
  on(event: "message", listener: (message: unknown) => void): unknown;
  off(event: "message", listener: (message: unknown) => void): unknown;
};

export type SenderOptions = {
  /** Values a row: `settlementWidth`, `requestWidth` or `contentWidth`. */
  readonly width: number;
  readonly kind?: Batch["kind"];
  /** Rows and holds kept until acknowledged; from here on the sender is `full`. */
  readonly rowsMax?: number;
  readonly bytesMax?: number;
  /**
   * When full: `drop` the row and count it (the request log), or `keep` it up to twice the bound, because what was
   * admitted must be settled (the ledger; its admits look at `full`).
   */
  readonly whenFull: "drop" | "keep";
  /** Least time between two batches: fewer, larger ones cost less. 0 (the ledger): whenever none is in flight. */
  readonly gatherMs?: number;
};

export type Sender = {
  /** One row, `width` values. False: dropped. */
  push(...values: RowValue[]): boolean;
  pushRow(values: readonly RowValue[]): boolean;
  /** One hold, `holdWidth` values, the first its id. A row that begins with the same id settles it. */
  pushHold(...values: HoldValue[]): void;
  /** Calls back when everything pushed so far is on disk; at once when it is already. */
  whenDurable(callback: () => void): void;
  durable(): Promise<void>;
  /** Sends what is gathered without waiting for `gatherMs`. */
  flush(): void;
  /** A new writer took the old one's place: everything unacknowledged goes to it, in order. */
  resend(port: SenderPort): void;
  /** Age of the oldest row that is not on disk, 0 when there is none. */
  lagMs(): number;
  /** Rows and holds not on disk. */
  readonly pending: number;
  readonly full: boolean;
  /** Rows dropped since the start. */
  readonly dropped: number;
  /** Batches that the writer refused for good. */
  readonly rejected: number;
  /** Why the writer cannot write just now. */
  readonly failing: string | undefined;
};

type Gathered = {
  readonly rows: ColumnBuilder;
  /** By id. */
  readonly holds: Map<RowValue, readonly HoldValue[]>;
  count: number;
  bytes: number;
  /** `performance.now()` of the first row. */
  readonly since: number;
  waiters: (() => void)[] | undefined;
};

export const senderRowsMax = 20_000;
export const senderBytesMax = 32 * 1024 * 1024;
/** Posting a batch copies it: this many rows stall the sender for about a millisecond. */
const batchRowsMax = 500;
/** What a value takes besides a string's characters. */
const valueBytes = 8;
/** What a hold takes, more or less. */
const holdBytes = 256;

/** `sender` is a number that no other sender of the home ever had; see `Batch`. */
export function createSender(firstPort: SenderPort, sender: number, options: SenderOptions): Sender {
  const rowsMax = options.rowsMax ?? senderRowsMax;
  const bytesMax = options.bytesMax ?? senderBytesMax;
  const hardRowsMax = options.whenFull === "drop" ? rowsMax : 2 * rowsMax;
  const hardBytesMax = options.whenFull === "drop" ? bytesMax : 2 * bytesMax;
  const gatherMs = options.gatherMs ?? 0;

  let port = firstPort;
  /** The last one grows; the first may be in flight. */
  const queue: Gathered[] = [];
  let inFlight: Batch | undefined;
  let number = 0;
  let count = 0;
  let bytes = 0;
  let dropped = 0;
  let droppedTold = 0;
  let rejected = 0;
  let failing: string | undefined;
  let immediate: NodeJS.Immediate | undefined;
  let timer: NodeJS.Timeout | undefined;
  let sentAt = Number.NEGATIVE_INFINITY;

  /** Where the next row goes. */
  function gathered(): Gathered {
    const last = queue.at(-1);
    if (last !== undefined && last.count < batchRowsMax && !(inFlight !== undefined && queue.length === 1)) return last;
    const next: Gathered = {
      ...{ rows: new ColumnBuilder(), holds: new Map(), count: 0, bytes: 0 },
      ...{ since: performance.now(), waiters: undefined },
    };
    queue.push(next);
    return next;
  }

  function pushRow(values: readonly RowValue[]): boolean {
    if (values.length !== options.width)
      throw new RangeError(`a row has ${options.width} values, not ${values.length}`);
    if (count >= hardRowsMax || bytes >= hardBytesMax) {
      dropped += 1;
      return false;
    }
    const into = gathered();
    // Both in one batch are on disk together or not at all: the hold would be taken back in the same commit.
    if (into.holds.size > 0 && into.holds.delete(values[0]!)) grow(into, -1, -holdBytes);
    grow(into, 1, valueBytes * values.length + into.rows.add(values));
    return true;
  }

  function pushHold(...values: HoldValue[]): void {
    const into = gathered();
    into.holds.set(values[0]!, values);
    grow(into, 1, holdBytes);
  }

  function grow(into: Gathered, rows: number, size: number): void {
    into.count += rows;
    into.bytes += size;
    count += rows;
    bytes += size;
    if (inFlight === undefined && immediate === undefined) schedule();
  }

  /** An immediate, so that rows of the same turn of the event loop travel together. */
  function schedule(): void {
    if (queue.length === 0) return;
    const wait = queue.length > 1 ? 0 : sentAt + gatherMs - performance.now();
    if (wait <= 0.5) {
      immediate = setImmediate(flush);
    } else if (timer === undefined) {
      timer = setTimeout(flush, wait);
    }
  }

  function flush(): void {
    clearImmediate(immediate);
    clearTimeout(timer);
    immediate = undefined;
    timer = undefined;
    const first = queue[0];
    if (inFlight !== undefined || first === undefined) return;
    number += 1;
    inFlight = {
      type: "batch",
      ...(options.kind === undefined ? {} : { kind: options.kind }),
      sender,
      number,
      rows: { count: first.rows.count, values: first.rows.values },
      ...(first.holds.size > 0 ? { holds: columnsOf(holdWidth, [...first.holds.values()].flat()) } : {}),
    };
    sentAt = performance.now();
    port.postMessage(inFlight);
    if (dropped > droppedTold) {
      port.postMessage({ type: "dropped", rows: dropped - droppedTold } satisfies Dropped);
      droppedTold = dropped;
    }
  }

  function acknowledged(message: unknown): void {
    const ack = message as Acknowledgement;
    if (ack.type !== "ack" || ack.number !== inFlight?.number) return; // of a batch that was sent twice
    if (ack.failed !== undefined && ack.rejected !== true) {
      failing = ack.failed;
      return;
    }
    if (ack.rejected === true) rejected += 1;
    failing = undefined;
    const done = queue.shift() as Gathered;
    inFlight = undefined;
    count -= done.count;
    bytes -= done.bytes;
    if (gatherMs === 0) flush();
    else schedule();
    if (done.waiters !== undefined) for (const callback of done.waiters) callback();
  }

  function whenDurable(callback: () => void): void {
    const last = queue.at(-1);
    if (last === undefined) {
      callback();
      return;
    }
    last.waiters ??= [];
    last.waiters.push(callback);
  }

  function resend(next: SenderPort): void {
    port.off("message", acknowledged);
    port = next;
    port.on("message", acknowledged);
    if (inFlight !== undefined) port.postMessage(inFlight);
  }

  port.on("message", acknowledged);
  return {
    push: (...values) => pushRow(values),
    pushRow,
    pushHold,
    whenDurable,
    durable: () => new Promise((resolve) => whenDurable(resolve)),
    flush,
    resend,
    lagMs: () => (queue[0] === undefined ? 0 : performance.now() - queue[0].since),
    get pending() {
      return count;
    },
    get full() {
      return count >= rowsMax || bytes >= bytesMax;
    },
    get dropped() {
      return dropped;
    },
    get rejected() {
      return rejected;
    },
    get failing() {
      return failing;
    },
  };
}
