/**
 * The newest requests, kept while they pass. Hides the live feed: that it samples when more comes than it sends, ends
 * with its daemon and is opened again, and that rows of the log and rows of the feed overlap where one meets the other.
 */
import type { FeedMessage } from "../../daemon/admin/contract/feed.ts";
import type { LogRow, LogsAnswer } from "../../daemon/admin/contract/logs.ts";
import type { CallOptions } from "../client.ts";
import type { Source } from "./source.ts";

/** Kept here; more lie in the log, and `bifrost logs` reads them. */
export const tailRowsMax = 2_000;
const firstRows = 500;
/** Taken a second at most: what is more is sampled by the daemon, and told. */
const rowsPerSecond = 200;
/** The feed greets at once; a daemon that does not is asked for its log all the same. */
const greetingMs = 1_000;

export type TailQuery = NonNullable<CallOptions["query"]>;

export type TailView = {
  /** Newest first. Never changed: another read has another list. */
  readonly rows: readonly LogRow[];
  /** One row in so many is shown; 1: all. */
  readonly oneIn: number;
};

export type Tail = {
  /** What has come so far. Opens the feed, and opens it again after it broke. */
  read(): Promise<TailView>;
  close(): void;
};

export function createTail(source: Source, query: TailQuery): Tail {
  let rows: readonly LogRow[] = [];
  let oneIn = 1;
  let closed = false;
  let failure: unknown;
  let feed: AsyncIterator<string> | undefined;

  function take(message: FeedMessage): void {
    if (message.type === "rows") rows = [...message.rows.toReversed(), ...rows].slice(0, tailRowsMax);
    else if (message.type === "beat") {
      const shown = message.matched - message.dropped;
      oneIn = message.dropped === 0 ? 1 : Math.max(2, Math.round(message.matched / Math.max(1, shown)));
    }
  }

  async function listen(greeted: () => void): Promise<void> {
    const mine = source.lines("/api/feed", { ...query, rate: rowsPerSecond })[Symbol.asyncIterator]();
    feed = mine;
    try {
      for (let next = await mine.next(); !next.done && !closed; next = await mine.next()) {
        if (!next.value.startsWith("data: ")) continue;
        take(JSON.parse(next.value.slice(6)) as FeedMessage);
        greeted();
      }
    } catch (error) {
      failure = error;
    } finally {
      if (feed === mine) feed = undefined;
      greeted();
      void mine.return?.();
    }
  }

  const firstPage = () => source.get<LogsAnswer>("/api/logs", { ...query, limit: firstRows });

  async function open(): Promise<void> {
    failure = undefined;
    const before = rows;
    rows = [];
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, greetingMs);
      void listen(() => {
        clearTimeout(late);
        resolve();
      });
    });
    const page = await (failure === undefined ? firstPage() : Promise.reject(failure)).catch((error: unknown) => {
      rows = [...rows, ...before].slice(0, tailRowsMax);
      throw error;
    });
    const known = new Set(page.rows.map(({ id }) => id));
    const others = (some: readonly LogRow[]) => some.filter(({ id }) => !known.has(id));
    // What the feed has brought meanwhile is newer than the page, what was here before is older.
    rows = [...others(rows), ...page.rows, ...others(before)].slice(0, tailRowsMax);
  }

  return {
    async read() {
      if (feed === undefined) await open();
      return { rows, oneIn };
    },
    close() {
      closed = true;
      void feed?.return?.();
    },
  };
}
