/**
 * When another target is asked beside one that says nothing. Hides where the time comes from: a duration, or a
 * percentile of what this target has usually taken for a request of this kind.
 */
import type { HedgeData } from "../config/routing-data.ts";
import type { Routing } from "./routing.ts";

/** In ms; undefined: too few of the target's times are known. */
export function hedgeDelayMs(
  { afterMs, percentile, minMs }: HedgeData,
  { outcomes }: Pick<Routing, "outcomes">,
  row: number,
  nowMs: number,
  streamed: boolean,
): number | undefined {
  const after = afterMs ?? outcomes.percentileMs([row], nowMs, percentile, streamed ? "streamed" : "whole");
  return after === undefined ? undefined : Math.max(after, minMs);
}
