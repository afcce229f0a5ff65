/**
 * What a batch is held and charged for before its vendor has counted anything. Hides that each of its requests is priced
 * by its own length, that their sum can be more tokens than the price of one request is reckoned with, and half prices.
 */
import { cost, costBound, ratesFor, tokensMax } from "../../providers/catalog/cost.ts";
import { type Price, sharedPrice } from "../../providers/catalog/price.ts";
import type { Usage } from "../../providers/exchange.ts";
import type { Target } from "../routing/generation.ts";
import type { CallSum, ToolSum } from "../store/batch-files.ts";
import type { Exchange } from "./exchange.ts";
import type { Plane } from "./plane.ts";

/** Requests for one model. */
export type BatchModel = {
  readonly target: Target;
  /** Undefined: not known, or it costs nothing. */
  readonly price: Price | undefined;
  readonly sum: CallSum;
};

/** What is known of a batch before it is made. */
export type Batch = {
  /** At most, of all its requests together. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Undefined: some price is not known. */
  readonly heldNano: number | undefined;
  readonly inputNano: number;
  /** As much as such requests usually take, and what it costs. */
  readonly usage: Usage;
  readonly costNano: number | undefined;
  /** Its requests stand in a file that nobody has read here. */
  readonly isUnread: boolean;
  readonly models: readonly BatchModel[];
};

export const halfPrice = "batch";
const bytesPerToken = 4;

export const unreadBatch: Batch = {
  ...{ inputTokens: 0, outputTokens: 0, heldNano: 0, inputNano: 0, usage: {}, costNano: undefined },
  ...{ isUnread: true, models: [] },
};

/** @param service undefined: it is no batch but a cache, which costs the usual */
export function costBatch(
  exchange: Exchange,
  models: readonly BatchModel[],
  service: string | undefined,
  generates: boolean,
  { estimator }: Plane,
): Batch {
  const { ledger } = exchange.generation.data;
  const isExact = ledger.holdInput === "bytes"; // then what each call of a tool finds counts
  let [inputTokens, outputTokens, inputNano, input, output] = [0, 0, 0, 0, 0];
  let heldNano: number | undefined = 0;
  let costNano: number | undefined = 0;
  for (const { target, price, sum } of models) {
    const usual = estimator.outputEstimate(target.name, exchange.caller!.keyId);
    const boundOf = (bytes: number) => estimator.inputBound(bytes, target.name, ledger.holdInput, undefined);
    const loose = (sum.loose + (isExact ? (sum.tools?.calls ?? 0) : 0)) * (target.contextWindow ?? 0);
    const bound = {
      input: boundOf(sum.bytes) + loose,
      output: generates ? sum.capped + sum.open * (target.outputMax ?? usual) : 0,
    };
    const longest = sum.loose > 0 ? Number.POSITIVE_INFINITY : boundOf(sum.bytesMax);
    const told = { input: Math.ceil(sum.bytes / bytesPerToken), output: generates ? sum.usual : 0 };
    inputTokens += bound.input;
    outputTokens += bound.output;
    input += told.input;
    output += told.output;
    if (target.free) continue;
    const reached = price && { ...price, tiers: price.tiers.filter(({ above }) => longest > above) };
    const held = inParts(bound, (part) => costBound(reached, { ...part, dearest: sum.dearest, service }));
    const called = toolFees(price, sum.tools);
    heldNano = plus(plus(heldNano, held), fees(price, sum.requests) + called);
    inputNano +=
      inParts({ ...bound, output: 0 }, (part) => costBound(reached, { ...part, dearest: false, service })) ?? 0;
    const each = price && { ...price, ...ratesFor(price, told.input / sum.requests), tiers: [] };
    const charged = inParts(told, (part) => nanoOf(each, { ...part, serviceTier: service }));
    costNano = plus(plus(costNano, charged), fees(each && inService(each, service), sum.requests) + called);
  }
  return {
    ...{ inputTokens: Math.min(inputTokens, countMax), outputTokens: Math.min(outputTokens, countMax) },
    ...{ heldNano, inputNano, costNano, isUnread: false, models },
    usage: { input, output, serviceTier: service },
  };
}

type Tokens = { readonly input: number; readonly output: number };

/** More tokens than one price can be reckoned with, a part at a time. */
function inParts({ input, output }: Tokens, nanoOfPart: (part: Tokens) => number | undefined): number | undefined {
  const parts = Math.max(1, Math.ceil(Math.max(input, output) / tokensMax));
  const nano = nanoOfPart({ input: Math.ceil(input / parts), output: Math.ceil(output / parts) });
  return nano === undefined ? undefined : nano * parts;
}

/** What a request costs by itself was counted once already. */
function fees(price: Price | undefined, requests: number): number {
  if (price?.request === undefined) return 0;
  return Math.ceil((price.request * (requests - 1)) / 1000);
}

/** At most, and the same in every tier. */
function toolFees(price: Price | undefined, tools: ToolSum | undefined): number {
  if (tools === undefined) return 0;
  const rate = (pays: boolean, pico: number | undefined) => (pays ? (pico ?? 0) / 1_000 : 0);
  const dearest = Math.max(rate(tools.hasFee, price?.serverTool), rate(tools.searchesFiles, price?.fileSearch));
  return Math.ceil(tools.calls * dearest + (tools.containerGb ?? 0) * rate(true, price?.container));
}

function inService(price: Price, service: string | undefined): Price {
  const share = service === undefined ? undefined : price.serviceShares?.[service];
  return share === undefined ? price : sharedPrice(price, share);
}

function nanoOf(price: Price | undefined, usage: Usage): number | undefined {
  const found = cost(price, usage);
  return "nano" in found ? found.nano : undefined;
}

function plus(sum: number | undefined, more: number | undefined): number | undefined {
  return sum === undefined || more === undefined ? undefined : Math.min(sum + more, nanoMax);
}

/** Four million dollars, and as many tokens: what more than that comes to is not added up. */
const nanoMax = 2 ** 52;
const countMax = 2 ** 51;
