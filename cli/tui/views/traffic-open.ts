/** Requests in flight as rows among those that have ended. Hides that they are asked for once a second, and few of them. */
import type { LogRow, OpenRequest, OpenRequestsAnswer } from "../../../daemon/admin/contract/logs.ts";
import { money } from "../draw/format.ts";
import { type Line, span } from "../draw/line.ts";
import { properties } from "../draw/table.ts";
import type { Source } from "../source.ts";

/** A request that has ended, or one that has not: then it holds what it may cost. */
export type Row = LogRow & { readonly isOpen?: true };
export type InFlight = { readonly at: number; readonly rows: readonly Row[]; readonly heldNano: number };

const openEveryMs = 1_000;
/** Of requests in flight so many are shown, the longest ones, and none that may have ended before it is seen. */
const openShown = 5;
const openAfterMs = 500;

/** Once a second; a daemon of an older build does not tell. */
export async function inFlight(source: Source, before: InFlight | undefined, now: number): Promise<InFlight> {
  if (before !== undefined && now - before.at < openEveryMs) return before;
  const limit = openShown;
  const { requests, held_nano: heldNano } = await source
    .get<OpenRequestsAnswer>("/api/logs/open", { limit })
    .catch((): OpenRequestsAnswer => ({ requests: [], total: 0, held_nano: 0 }));
  const shown = requests.filter(({ at }) => now - at >= openAfterMs).map(openRow);
  return { at: now, rows: shown.toReversed(), heldNano };
}

/** Without those that have ended since they were asked for. */
export function stillOpen({ rows }: InFlight, ended: readonly LogRow[]): readonly Row[] {
  const newest = ended.slice(0, endedSince);
  return rows.filter(({ id }) => !newest.some((row) => row.id === id));
}
const endedSince = 500;

function openRow({ id, at, key, key_name, target, held_nano }: OpenRequest): Row {
  const provider = target === null ? null : target.slice(0, target.indexOf("/"));
  return { ...unknownRow, id, at, key, key_name, target, provider, held_nano, isOpen: true };
}

const unknownRow: Omit<LogRow, "id" | "at"> = {
  ...{ key: null, key_name: null, team: null, customer: null, user: null, session: null, tags: {}, trace: null },
  ...{ route: null, dialect: null, provider: null, model: null, target: null, credential: null, error: null },
  ...{ latency_ms: null, ttft_ms: null, upstream_ms: null, tokens_in: null, tokens_out: null, cost_nano: null },
  ...{ tokens_cache_read: null, tokens_cache_write: null, tokens_reasoning: null, bytes_in: null, bytes_out: null },
  ...{ held_nano: null, stream: false, status: 0, flags: [], content: "off" },
  ...{ stop: null, native_stop: null, upstream_id: null, tools: [], untold: [], dropped_params: [] },
  ...{ rules: [], engine: null, parent: null },
};

/** Where it goes is read from its hold; what costs nothing holds a place in memory alone. */
export function untold(heldNano: number | null): string {
  return heldNano ? "not told before its hold is on disk" : "told when it has ended";
}

/** As many lines as of one that has ended, so that nothing moves. */
export function openDetails(row: Row): readonly Line[] {
  return properties([
    ["request", [span(row.id, "strong"), span("   in flight", "info")]],
    ["to", [span(row.target ?? untold(row.held_nano), row.target === null ? "dim" : "info")]],
    [
      "held",
      row.held_nano
        ? [span(money(row.held_nano), "money"), span("   at most what it may cost; the rest is given back", "dim")]
        : [span("nothing: it cannot cost anything", "dim")],
    ],
  ]);
}
