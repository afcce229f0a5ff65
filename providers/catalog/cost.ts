/**
 * From tokens and a price to nano-dollars. Hides the arithmetic that keeps money exact without BigInt.
 *
 * A sum is kept as two integers, nano-dollars and pico-dollars below a nano: with `tokensMax` tokens a part at
 * `picoPerTokenMax` (price.ts), ten parts and fees stay below 2^53 nano, and nothing is rounded before the end.
 */
import type { Usage } from "../exchange.ts";
import { isByPiece, isEmpty, type Price, type Rates, sharedPrice } from "./price.ts";
import { isUsualService } from "./service-tiers.ts";

/**
 * `partial`: the upstream left out the input or the output, or its parts do not add up. The sum covers what is known,
 * and the caller decides what to add and flags it as estimated.
 */
export type Cost = { readonly nano: number; readonly partial?: true } | { readonly unpriced: true };

/** A count beyond this, negative or broken is not believed: it is unknown. */
export const tokensMax = 500_000_000;
const toolCallsMax = 1_000;
const imagesMax = 1_000;
const searchesMax = 1_000;
const pagesMax = 1_000;
/** A day of sound, or of film, in one request. */
const audioMsMax = 86_400_000;

/** Exact for what is known; rounded half-even to whole nano-dollars once. */
export function cost(price: Price | undefined, usage: Usage): Cost {
  if (price === undefined) return unpriced;
  const sum = newSum();
  const input = believed(usage.input, sum);
  const output = believed(usage.output, sum);
  const served = inService(price, usage.serviceTier, sum);
  const rates = ratesFor(served, input ?? 0);
  if (isEmpty(rates)) return unpriced;
  addUnits(sum, rates, usage);
  addFilm(sum, filmRate(served, rates, usage.videoSize), usage.videoMs);
  if ((input === undefined && rates.input !== undefined) || (output === undefined && rates.output !== undefined))
    sum.partial = true;
  if (!isByPiece(rates)) {
    addInput(sum, rates, input, usage);
    addOutput(sum, rates, output, usage);
  }
  add(sum, 1, requestRate(served, rates, usage.searchContext, sum));
  addToolCalls(sum, rates.serverTool, usage.serverToolRequests);
  addToolCalls(sum, rates.fileSearch, usage.fileSearches);
  addToolCalls(sum, rates.container, usage.containerGb);
  if (sum.unpriced) return unpriced;
  const nano = rounded(sum);
  return sum.partial ? { nano, partial: true } : { nano };
}

/** The dearest, as an estimate, where the size of what was searched is not told. */
function requestRate({ requestSizes }: Price, { request = 0 }: Rates, size: string | undefined, sum: Sum): number {
  if (requestSizes === undefined) return request;
  if (size !== undefined && Object.hasOwn(requestSizes, size)) return requestSizes[size]!;
  sum.partial = true;
  return request;
}

/** A tier whose price nobody told costs the usual, as an estimate. */
function inService(price: Price, name: string | undefined, sum: Sum): Price {
  if (isUsualService(name)) return price;
  const share = shareIn(price, name);
  if (share !== undefined) return sharedPrice(price, share);
  sum.partial = true;
  return price;
}

function shareIn({ serviceShares = {} }: Price, name: string | undefined): number | undefined {
  const known = name?.toLowerCase() ?? "";
  return Object.hasOwn(serviceShares, known) ? serviceShares[known] : undefined;
}

function dearestShare({ serviceShares = {} }: Price): number {
  return Object.values(serviceShares).reduce((most, share) => Math.max(most, share), 1);
}

/** It cannot be told which tier is asked for. */
export const anyService = "*";

export type CostBound = {
  /** Tokens of the whole prompt, at most. */
  readonly input: number;
  /** Tokens of the whole answer, at most. */
  readonly output: number;
  /** The prompt carries cache markers or audio, or might: then its dearest rate is taken. */
  readonly dearest?: boolean;
  /** The service tier that is asked for, or `anyService`: a dearer one counts, a cheaper one may not be given. */
  readonly service?: string | undefined;
  /** What is not counted in tokens, at most. */
  readonly units?: Units | undefined;
  /** Calls of tools that the provider runs, and searches of its files, at most so many in all. */
  readonly toolCalls?: number | undefined;
  readonly fileSearches?: number | undefined;
  /** Gigabytes of containers that it may begin. */
  readonly containerGb?: number | undefined;
};

export type Units = Pick<
  Usage,
  | "images"
  | "characters"
  | "audioMs"
  | "searches"
  | "pages"
  | "annotatedPages"
  | "videoMs"
  | "videoSize"
  | "containerGb"
>;

/** It is not told which size is asked for. */
export const anySize = "*";

/** The most that a request can cost, in nano-dollars rounded up, for a hold. `undefined`: unpriced. */
export function costBound(price: Price | undefined, bound: CostBound): number | undefined {
  if (price === undefined) return undefined;
  const share = bound.service === anyService ? dearestShare(price) : (shareIn(price, bound.service) ?? 1);
  const most = share <= 1 ? usualBound(price, bound) : usualBound(sharedPrice(price, share), bound);
  const { toolCalls = 0, fileSearches = 0 } = bound;
  const tools = (calls: number, rate = 0) => Math.ceil(Math.min(calls, toolCallsMax) * (rate / 1_000));
  if (most === undefined) return undefined;
  const containers = tools(bound.containerGb ?? bound.units?.containerGb ?? 0, price.container);
  return most + Math.max(tools(toolCalls, price.serverTool), tools(fileSearches, price.fileSearch)) + containers;
}

function usualBound(price: Price, bound: CostBound): number | undefined {
  const input = Math.min(Math.max(0, Math.ceil(bound.input)), tokensMax);
  const output = Math.min(Math.max(0, Math.ceil(bound.output)), tokensMax);
  const dearest = bound.dearest ?? true;
  const { units } = bound;
  let most: number | undefined = boundOf(
    price,
    input,
    output,
    dearest,
    units,
    filmRate(price, price, units?.videoSize),
  );
  // A tier may be cheaper than the one below it, and the true prompt may be shorter than its bound.
  for (const tier of price.tiers) {
    if (most !== undefined && input > tier.above) {
      most = max(most, boundOf(tier, input, output, dearest, units, filmRate(price, tier, units?.videoSize)));
    }
  }
  return most;
}

/** Longer prompts may have other rates, for all of their tokens. */
export function ratesFor(price: Price, input: number): Rates {
  let rates: Rates = price;
  for (const tier of price.tiers) if (input > tier.above) rates = tier;
  return rates;
}

type Sum = { nano: number; pico: number; partial: boolean; unpriced: boolean };

const unpriced: Cost = { unpriced: true };

function newSum(): Sum {
  return { nano: 0, pico: 0, partial: false, unpriced: false };
}

/** What is not counted in tokens. Where that is all that is billed and nothing of it is known, nor is the cost. */
function addUnits(sum: Sum, rates: Rates, usage: Usage): void {
  if (usage.images === undefined && usage.characters === undefined && usage.audioMs === undefined) {
    if ((usage.searches ?? usage.pages ?? usage.annotatedPages ?? usage.videoMs ?? usage.containerGb) === undefined) {
      if (isByPiece(rates)) sum.unpriced = true;
      return;
    }
  }
  addPieces(sum, usage.images, rates.image, imagesMax);
  addPieces(sum, usage.characters, rates.character, tokensMax);
  addPieces(sum, usage.searches, rates.search, searchesMax);
  addPieces(sum, usage.pages, rates.page, pagesMax);
  addPieces(sum, usage.annotatedPages, rates.annotatedPage ?? rates.page, pagesMax);
  if (usage.audioMs === undefined || rates.audioHour === undefined) return;
  if (!(Number.isInteger(usage.audioMs) && usage.audioMs >= 0 && usage.audioMs <= audioMsMax)) sum.partial = true;
  else add(sum, 1, timePico(usage.audioMs, rates.audioHour, hourMs));
}

/** Pieces that are counted but not billed cost nothing: the tokens beside them are what is paid for. */
function addPieces(sum: Sum, count: number | undefined, rate: number | undefined, max: number): void {
  if (count === undefined || rate === undefined) return;
  if (Number.isInteger(count) && count >= 0 && count <= max) add(sum, count, rate);
  else sum.partial = true;
}

/** Film is billed by nothing else: without a price for it nobody knows what it costs. */
function addFilm(sum: Sum, rate: number | undefined, ms: number | undefined): void {
  if (ms === undefined) return;
  if (rate === undefined) sum.unpriced = true;
  else if (!(Number.isInteger(ms) && ms >= 0 && ms <= audioMsMax)) sum.partial = true;
  else add(sum, 1, timePico(ms, rate, secondMs));
}

/** Pico-dollars a second, in the size that was asked for; the dearest where that is not known. */
function filmRate({ videoSizes = {} }: Price, { videoSecond }: Rates, size: string | undefined): number | undefined {
  if (size === undefined) return videoSecond;
  if (size === anySize) return Object.values(videoSizes).reduce((most, rate) => max(most, rate)!, videoSecond);
  return Object.hasOwn(videoSizes, size) ? videoSizes[size] : videoSecond;
}

const hourMs = 3_600_000n;
const secondMs = 1_000n;

/** Half-even, like the sum. Seldom enough for BigInt: the product is beyond 2^53. */
function timePico(ms: number, rate: number, per: bigint): number {
  const product = BigInt(ms) * BigInt(rate);
  const whole = product / per;
  const below = (product % per) * 2n;
  return Number(below > per || (below === per && whole % 2n === 1n) ? whole + 1n : whole);
}

/**
 * Cached parts, audio and pictures are parts of the prompt. A part without a rate of its own costs what it is part of;
 * what is cached audio as well is taken out of both.
 */
function addInput(sum: Sum, rates: Rates, input: number | undefined, usage: Usage): void {
  const read = believed(usage.cacheRead, sum) ?? 0;
  const write5m = believed(usage.cacheWrite5m, sum) ?? 0;
  const write1h = believed(usage.cacheWrite1h, sum) ?? 0;
  const audioRead = Math.min(believed(usage.audioCacheRead, sum) ?? 0, read);
  const imageRead = Math.min(believed(usage.imageCacheRead, sum) ?? 0, read - audioRead);
  const audio = Math.max(0, (believed(usage.audioInput, sum) ?? 0) - audioRead);
  const image = Math.max(0, (believed(usage.imageInput, sum) ?? 0) - imageRead);
  const parts = read + write5m + write1h + audio + image;
  const rest = (input ?? parts) - parts;
  if (rest < 0) sum.partial = true; // some do not tell what of the audio is cached: too high then, never too low
  const write5mRate = rates.cacheWrite5m ?? rates.input;
  add(sum, Math.max(0, rest), rates.input);
  add(sum, read - audioRead - imageRead, rates.cacheRead ?? rates.input);
  add(sum, audioRead, rates.audioCacheRead ?? rates.cacheRead ?? rates.audioInput ?? rates.input);
  add(sum, imageRead, rates.imageCacheRead ?? rates.cacheRead ?? rates.imageInput ?? rates.input);
  add(sum, write5m, write5mRate);
  add(sum, write1h, rates.cacheWrite1h ?? write5mRate);
  add(sum, audio, rates.audioInput ?? rates.input);
  add(sum, image, rates.imageInput ?? rates.input);
}

function addOutput(sum: Sum, rates: Rates, output: number | undefined, usage: Usage): void {
  const audio = believed(usage.audioOutput, sum) ?? 0;
  const image = rates.imageOutput === undefined ? 0 : (believed(usage.imageOutput, sum) ?? 0);
  const reasoning = rates.reasoning === undefined ? 0 : (believed(usage.reasoning, sum) ?? 0);
  const parts = audio + image + reasoning;
  const rest = (output ?? parts) - parts;
  if (rest < 0) sum.partial = true;
  add(sum, Math.max(0, rest), rates.output);
  add(sum, audio, rates.audioOutput ?? rates.output);
  add(sum, image, rates.imageOutput);
  add(sum, reasoning, rates.reasoning);
}

function addToolCalls(sum: Sum, rate: number | undefined, requests: number | undefined): void {
  if (requests === undefined || requests === 0) return;
  if (rate === undefined || !(Number.isInteger(requests) && requests > 0 && requests <= toolCallsMax)) {
    sum.partial = true;
    return;
  }
  add(sum, requests, rate);
}

/** Both products stay below 2^53: a token's rate is at most 10^6 nano, a tool call's 10^12 for at most a thousand of them. */
function add(sum: Sum, count: number, rate: number | undefined): void {
  if (count === 0) return;
  if (rate === undefined) {
    sum.unpriced = true;
    return;
  }
  const below = rate % 1000;
  sum.nano += ((rate - below) / 1000) * count;
  sum.pico += below * count;
}

/** Half-even, so that many small requests do not drift to one side. */
function rounded(sum: Sum): number {
  const below = sum.pico % 1000;
  const nano = sum.nano + (sum.pico - below) / 1000;
  if (below < 500 || (below === 500 && nano % 2 === 0)) return nano;
  return nano + 1;
}

function believed(count: number | undefined, sum: Sum): number | undefined {
  if (count === undefined) return undefined;
  if (Number.isInteger(count) && count >= 0 && count <= tokensMax) return count;
  sum.partial = true;
  return undefined;
}

function boundOf(
  rates: Rates,
  input: number,
  output: number,
  dearest: boolean,
  units: Units | undefined,
  film: number | undefined,
): number | undefined {
  if (isEmpty(rates)) return undefined;
  const sum = newSum();
  if (units !== undefined || isByPiece(rates)) addUnits(sum, rates, units ?? {});
  addFilm(sum, film, units?.videoMs);
  if (sum.unpriced) return undefined;
  add(sum, input, (dearest ? dearestInput(rates) : rates.input) ?? 0);
  add(sum, output, max(max(rates.output, rates.audioOutput), max(rates.reasoning, rates.imageOutput)) ?? 0);
  add(sum, 1, rates.request ?? 0);
  return sum.nano + Math.ceil(sum.pico / 1000);
}

function dearestInput(rates: Rates): number | undefined {
  const cached = max(rates.cacheRead, max(rates.cacheWrite5m, rates.cacheWrite1h));
  return max(max(rates.input, cached), max(rates.audioInput, rates.imageInput));
}

function max(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}
