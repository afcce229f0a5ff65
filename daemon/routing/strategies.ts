/**
 * Which of several places is asked first, and in which order the others follow. Each strategy gives every place a
 * score, lowest first, or a weight to draw by; this file holds them all. Hides the arithmetic and how often it is done.
 */
import type { Price } from "../../providers/catalog/price.ts";
import type { StrategyName } from "../config/routing-data.ts";
import { adaptiveWeights, keptWeights } from "./adaptive.ts";
import type { Generation, Target } from "./generation.ts";
import type { Hop, Stage } from "./resolve.ts";
import { type Routing, rowOf } from "./routing.ts";

export type Choice = {
  readonly generation: Generation;
  readonly routing: Routing;
  readonly nowMs: number;
  readonly streamed: boolean;
  /** About how many tokens go in and come out; for prices. */
  readonly inputTokens: number;
  readonly outputTokens: number;
};

/** Failures in this time are an outage; OpenRouter's number. */
const outageMs = 30_000;
const outageShare = 0.2;

/** The hops of a stage in the order in which they are tried. */
export function orderHops({ hops, strategy }: Stage, choice: Choice): readonly Hop[] {
  if (hops.length === 1) return hops;
  return strategies[strategy](hops, choice);
}

type Strategy = (hops: readonly Hop[], choice: Choice) => readonly Hop[];

const strategies: Readonly<Record<StrategyName, Strategy>> = {
  ordered: (hops) => hops,
  weighted: (hops, choice) => drawn(hops, (hop) => hop.weight * rampOf(hop, choice), choice),
  least_busy: (hops, choice) => sorted(hops, (hop) => busy(hop, choice), choice),
  lowest_latency: (hops, choice) => twoChoices(hops, (hop) => peak(hop, choice), choice),
  lowest_cost: (hops, choice) => sorted(hops, ({ target }) => priceOf(target, choice) ?? Number.MAX_VALUE, choice),
  headroom: (hops, choice) => sorted(hops, (hop) => 1 - headroom(hop, choice), choice),
  adaptive: (hops, choice) => {
    const weights = adaptiveWeights(hops, choice);
    return drawn(hops, (_, index) => weights[index]!, choice);
  },
  price_weighted: priceWeighted,
};

/** Sorted as a caller asks for it: `provider.sort`, `:nitro`, `:floor`. */
export function sortHops(hops: readonly Hop[], by: "price" | "throughput" | "latency", choice: Choice): readonly Hop[] {
  const { outcomes } = choice.routing;
  switch (by) {
    case "price":
      return sorted(hops, ({ target }) => priceOf(target, choice) ?? Number.MAX_VALUE, choice);
    case "latency":
      return sorted(
        hops,
        ({ target }) => outcomes.slowness(rowOf(target, choice.routing), choice.nowMs, true) ?? 0,
        choice,
      );
    case "throughput":
      return sorted(
        hops,
        ({ target }) => outcomes.perTokenMs(rowOf(target, choice.routing), choice.nowMs) ?? 0,
        choice,
      );
  }
}

/** Pico-dollars of such a request, or of one piece of what is made or read; undefined: nobody knows. */
export function priceOf(target: Target, { generation, nowMs, inputTokens, outputTokens }: Choice): number | undefined {
  if (target.free) return 0;
  const price: Price | undefined = generation.catalog.price(target.provider.name, target.model, nowMs);
  if (price === undefined) return undefined;
  if (price.input === undefined && price.request === undefined)
    return price.image ?? price.videoSecond ?? price.audioHour ?? price.character ?? price.search ?? price.page;
  return (price.input ?? 0) * inputTokens + (price.output ?? 0) * outputTokens + (price.request ?? 0);
}

/** One drawn by weight; the others follow by theirs. A weight of 0 is never drawn, and comes last. */
function drawn(
  hops: readonly Hop[],
  weightOf: (hop: Hop, index: number) => number,
  { routing }: Choice,
): readonly Hop[] {
  const weights = scoresFor(hops.length);
  let total = 0;
  for (let index = 0; index < hops.length; index++) {
    const weight = weightOf(hops[index]!, index);
    weights[index] = weight;
    total += weight;
  }
  if (total <= 0) return hops;
  let left = routing.random() * total;
  let first = -1;
  for (let index = 0; index < hops.length; index++) {
    if (weights[index] === 0) continue;
    first = index;
    left -= weights[index]!;
    if (left < 0) break;
  }
  weights[first] = Number.POSITIVE_INFINITY;
  for (let index = 0; index < hops.length; index++) weights[index] = -weights[index]!;
  return byScore(hops, weights);
}

/** Lowest score first; equals in random order, or the first in the config would get everything. */
function sorted(hops: readonly Hop[], scoreOf: (hop: Hop) => number, { routing }: Choice): readonly Hop[] {
  const scores = scored(hops, scoreOf);
  // Turned by a random number of places, since what is equal stays as it comes.
  const turn = Math.floor(routing.random() * hops.length);
  return byScore(hops, scores, turn);
}

/** The better of two that are drawn: herds form where all take the best. */
function twoChoices(hops: readonly Hop[], scoreOf: (hop: Hop) => number, choice: Choice): readonly Hop[] {
  const scores = scored(hops, scoreOf);
  const one = Math.floor(choice.routing.random() * hops.length);
  const step = 1 + Math.floor(choice.routing.random() * (hops.length - 1));
  const two = (one + step) % hops.length;
  const best = scores[two]! < scores[one]! ? two : one;
  if (Number.isFinite(scores[best]!)) scores[best] = Number.NEGATIVE_INFINITY;
  return byScore(hops, scores);
}

function scored(hops: readonly Hop[], scoreOf: (hop: Hop) => number): Float64Array {
  const scores = scoresFor(hops.length);
  for (let index = 0; index < hops.length; index++) {
    const hop = hops[index]!;
    scores[index] = hop.weight === 0 ? Number.POSITIVE_INFINITY : scoreOf(hop);
  }
  return scores;
}

/** Written over by each decision: a score is worth nothing once its stage is sorted. */
let scratch = { scores: new Float64Array(64), order: new Int32Array(64) };

function scoresFor(count: number): Float64Array {
  if (count > scratch.order.length) scratch = { scores: new Float64Array(2 * count), order: new Int32Array(2 * count) };
  return scratch.scores;
}

/** An insertion sort: stages are short, and this allocates one array. */
function byScore(hops: readonly Hop[], scores: Float64Array, turn = 0): readonly Hop[] {
  const count = hops.length;
  const { order } = scratch;
  for (let filled = 0; filled < count; filled++) {
    const index = turn + filled < count ? turn + filled : turn + filled - count;
    const score = scores[index]!;
    let at = filled;
    while (at > 0 && scores[order[at - 1]!]! > score) {
      order[at] = order[at - 1]!;
      at--;
    }
    order[at] = index;
  }
  const result = new Array<Hop>(count);
  for (let at = 0; at < count; at++) result[at] = hops[order[at]!]!;
  return result;
}

function rampOf({ target }: Hop, { routing, nowMs }: Choice): number {
  return routing.breaker.ramp(rowOf(target, routing), nowMs);
}

function busy({ target, weight }: Hop, { routing }: Choice): number {
  return routing.table.inFlight(rowOf(target, routing)) / weight;
}

/** Peak EWMA times what is under way there. One that nothing is known of is tried first. */
function peak({ target }: Hop, { routing, nowMs, streamed }: Choice): number {
  const row = rowOf(target, routing);
  return (routing.outcomes.slowness(row, nowMs, streamed) ?? 0) * (routing.table.inFlight(row) + 1);
}

/** Share of its limits that is left: what its provider says of them, and the concurrency that the config allows. */
function headroom({ target }: Hop, { routing, nowMs }: Choice): number {
  const row = rowOf(target, routing);
  const { concurrencyMax } = target.provider.data;
  const places = concurrencyMax === undefined ? 1 : 1 - routing.table.inFlight(row) / concurrencyMax;
  return Math.min(places, routing.outcomes.headroom(row, nowMs));
}

function priceWeighted(hops: readonly Hop[], choice: Choice): readonly Hop[] {
  const weights = keptWeights(hops, choice, priceWeights);
  return drawn(hops, (_, index) => weights[index]!, choice);
}

function priceWeights(hops: readonly Hop[], choice: Choice): readonly number[] {
  const { routing, nowMs } = choice;
  const prices = hops.map(({ target }) => priceOf(target, usualRequest(choice)));
  // What nobody knows the price of is no bargain: it counts as the dearest.
  const dearest = Math.max(1, ...prices.map((price) => price ?? 0));
  return hops.map(({ target, weight }, index) => {
    const row = rowOf(target, routing);
    const { requests, failures } = routing.outcomes.recent(row, nowMs, outageMs);
    const isStable = failures <= outageShare * requests && routing.breaker.waitMs(row, nowMs) === 0;
    return isStable ? weight * ((prices[index] ?? dearest) / dearest + free) ** -2 : 0;
  });
}

/** Prices are compared at one proportion, so that the weights can be kept for a moment. */
function usualRequest(choice: Choice): Choice {
  return { ...choice, inputTokens: 1_000, outputTokens: 300 };
}

/** What costs nothing is preferred, but not infinitely. */
const free = 0.01;
