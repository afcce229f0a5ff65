/** Whether another target would be asked beside the first one, when, and why not: what `Trip.beside` and `Hedge` do. */

import { hedgeDelayMs } from "../../routing/hedging.ts";
import { concurrencyRow } from "../../routing/places.ts";
import type { Plan } from "../../routing/plan.ts";
import type { Hop } from "../../routing/resolve.ts";
import type { Routing } from "../../routing/routing.ts";
import type { RouteTestHedge } from "../contract/routing.ts";

export type HedgeQuestion = {
  readonly plan: Plan;
  readonly routing: Routing;
  readonly nowMs: number;
  readonly streamed: boolean;
  /** Its answer is read, and not only passed on: see `isRelayed`. */
  readonly isRead: boolean;
  readonly isAllowed: (target: Hop["target"]) => boolean;
  /** It has a credential that may be used now. */
  readonly hasCredential: (target: Hop["target"]) => boolean;
};

export function hedgeView(question: HedgeQuestion): RouteTestHedge | null {
  const { plan, routing, nowMs, streamed, isRead, isAllowed } = question;
  const { hedge } = plan;
  if (hedge === undefined) return null;
  const first = plan.hops.findIndex((hop) => isReady(hop, question));
  const target = plan.hops[first]?.target;
  if (!isRead) return nobody("what is relayed unread is not hedged");
  if (target === undefined || !isAllowed(target))
    return nobody("only a request's first attempt is hedged, and the first target cannot be asked");
  const other = plan.hops
    .slice(first + 1)
    .find((hop) => hop.target.name !== target.name && isReady(hop, question) && isClosed(hop, routing, nowMs))?.target;
  if (other === undefined) return nobody("no other target stands ready");
  if (routing.settings.attemptsMax < 2) return nobody("attempts_max allows one attempt");
  if (!isAllowed(other)) return nobody(`${other.name} would be asked, but the key may not call it`);
  const row = routing.table.peek(target.name);
  const afterMs = hedgeDelayMs(hedge, routing, row, nowMs, streamed);
  if (afterMs === undefined) {
    const what = streamed ? "streams" : "whole answers";
    const share = Math.round(hedge.percentile * 100);
    return nobody(`fewer than ten ${what} of ${target.name} are known, so there is no p${share} yet`);
  }
  if (!routing.budget.affordsHedge(row, hedge.maxShare))
    return { target: null, after_ms: afterMs, note: "max_share is used up for now" };
  return { target: other.name, after_ms: afterMs, note: null };
}

function nobody(note: string): RouteTestHedge {
  return { target: null, after_ms: null, note };
}

/** As `Trip` passes over what is open, rests or is full. */
function isReady({ target }: Hop, { routing, nowMs, hasCredential }: HedgeQuestion): boolean {
  const { table, breaker } = routing;
  const max = target.provider.data.concurrencyMax;
  const isFull = max !== undefined && table.inFlight(table.peek(concurrencyRow(target.provider.name))) >= max;
  return breaker.waitMs(table.peek(target.name), nowMs) === 0 && hasCredential(target) && !isFull;
}

/** Nobody is probed for this. */
function isClosed({ target }: Hop, { table, breaker }: Routing, nowMs: number): boolean {
  return breaker.state(table.peek(target.name), nowMs) === "closed";
}
