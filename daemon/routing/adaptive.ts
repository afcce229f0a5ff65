/**
 * Weights that follow how the places of a stage are doing: errors, slowness against the others and against their own
 * usual, load, recovery. The lowest weight has a floor, so that a place which has healed is found out. Hides how often
 * they are worked out: everything they come from is shared, so each worker comes to the same.
 */
import type { Hop } from "./resolve.ts";
import { rowOf } from "./routing.ts";
import type { Choice } from "./strategies.ts";

/** Share of the best weight that the worst still has. */
const floor = 0.03;
/** Weights hold for this long. */
const keptMs = 100;
const errorWindowMs = 10_000;
/** Fewer requests than this in the window say nothing of errors. */
const errorRequestsMin = 4;
/** So many times slower than usual is no accident. */
const usualFactor = 2;

type WorkOut = (hops: readonly Hop[], choice: Choice) => readonly number[];
type Kept = { readonly at: number; readonly workOut: WorkOut; readonly weights: readonly number[] };
const kept = new WeakMap<readonly Hop[], (Kept | undefined)[]>();

export function adaptiveWeights(hops: readonly Hop[], choice: Choice): readonly number[] {
  return keptWeights(hops, choice, workedOut);
}

/** Weights that hold for a moment: what they come from changes with every answer, and they need not. */
export function keptWeights(hops: readonly Hop[], choice: Choice, workOut: WorkOut): readonly number[] {
  let slots = kept.get(hops);
  if (slots === undefined) {
    slots = [undefined, undefined];
    kept.set(hops, slots);
  }
  const slot = choice.streamed ? 1 : 0;
  const known = slots[slot];
  const age = known === undefined ? -1 : choice.nowMs - known.at;
  if (known !== undefined && known.workOut === workOut && age >= 0 && age < keptMs) return known.weights;
  const weights = workOut(hops, choice);
  slots[slot] = { at: choice.nowMs, workOut, weights };
  return weights;
}

function workedOut(hops: readonly Hop[], { routing, nowMs, streamed }: Choice): readonly number[] {
  const { outcomes, breaker, table } = routing;
  const slowness = hops.map(({ target }) => outcomes.slowness(rowOf(target, routing), nowMs, streamed));
  const best = Math.min(...slowness.map((value) => value ?? Number.POSITIVE_INFINITY));
  const raw = hops.map(({ target, weight }, index) => {
    const row = rowOf(target, routing);
    const slow = slowness[index];
    const usual = outcomes.usualSlowness(row, streamed);
    const { requests, failures } = outcomes.recent(row, nowMs, errorWindowMs);
    const healthy = requests < errorRequestsMin ? 1 : 1 - failures / requests;
    const againstPeers = slow === undefined || !Number.isFinite(best) ? 1 : (best / slow) ** 2;
    const againstUsual = slow === undefined || usual === undefined ? 1 : Math.min(1, (usualFactor * usual) / slow);
    const places = target.provider.data.concurrencyMax;
    const free = places === undefined ? 1 : Math.max(0, 1 - table.inFlight(row) / places);
    return weight * healthy ** 4 * againstPeers * againstUsual * free * breaker.ramp(row, nowMs);
  });
  const most = Math.max(...raw);
  return raw.map((value, index) => (hops[index]!.weight === 0 ? 0 : Math.max(value, floor * most, Number.MIN_VALUE)));
}
