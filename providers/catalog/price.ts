/**
 * What a price is. Hides the units: dollars a million tokens outside, whole pico-dollars a token inside.
 *
 * One dollar a million tokens is 1,000,000 pico-dollars a token, so a price given with up to six decimals is exact.
 * What is finer (thirds, in six rows of the catalog) is rounded to the nearest, at most half a pico-dollar a token.
 */

/** Pico-dollars a token, a request or a call of a server tool. `undefined` means nobody told us: unknown is not zero. */
export type Rates = {
  readonly input?: number | undefined;
  readonly output?: number | undefined;
  readonly cacheRead?: number | undefined;
  readonly cacheWrite5m?: number | undefined;
  readonly cacheWrite1h?: number | undefined;
  readonly audioInput?: number | undefined;
  readonly audioOutput?: number | undefined;
  /** Where it is not the price of the rest of the output. */
  readonly reasoning?: number | undefined;
  readonly request?: number | undefined;
  readonly serverTool?: number | undefined;
};

/** All rates for a request whose whole prompt is longer than `above` tokens. */
export type Tier = Rates & { readonly above: number };

export type Price = Rates & {
  /** In order of `above`; every tier carries all rates, also those that it does not change. */
  readonly tiers: readonly Tier[];
  /** Milliseconds since the epoch; undefined: for as long as the catalog knows. */
  readonly effectiveFrom?: number | undefined;
  /** What another service tier costs, by the provider's name of it, as a share of this: `{ flex: 0.5 }`. */
  readonly serviceShares?: Readonly<Record<string, number>> | undefined;
};

/** As written in the config: dollars a million tokens, and dollars a request. The daemon's own type has the same shape. */
export type PriceOverride = {
  /** `provider/model`, or a beginning of it followed by `*`. */
  readonly match: string;
  readonly input?: number | undefined;
  readonly output?: number | undefined;
  readonly cacheRead?: number | undefined;
  readonly cacheWrite5m?: number | undefined;
  readonly cacheWrite1h?: number | undefined;
  readonly request?: number | undefined;
  /** Shares of the usual price: `{ flex: 0.5 }`. */
  readonly serviceTiers?: Readonly<Record<string, number>> | undefined;
};

/** $1,000 a million tokens. Together with `tokensMax` (cost.ts) it keeps every sum of one request below 2^53. */
export const picoPerTokenMax = 1_000_000_000;
/** $1,000 a request or tool call. */
export const picoPerRequestMax = 1_000_000_000_000_000;

/** Zero by declaration (echo, a local server): a known price, unlike an unknown one. */
export const freePrice: Price = { input: 0, output: 0, tiers: [] };

/** Built-in echo with a price, so that budgets can be tried without a provider. */
export const echoPaidPrice: Price = {
  input: 1_000_000,
  output: 5_000_000,
  cacheRead: 100_000,
  cacheWrite5m: 1_250_000,
  cacheWrite1h: 2_000_000,
  tiers: [],
};

/**
 * What the override names replaces the catalog's rate, in every tier; what it does not name stays.
 * Throws `RangeError` for a price that is negative or beyond the bounds, which the config reports with its line.
 */
export function overridden(base: Price | undefined, override: PriceOverride): Price {
  const rates: Rates = {
    ...rate("input", override.input, 1e6),
    ...rate("output", override.output, 1e6),
    ...rate("cacheRead", override.cacheRead, 1e6),
    ...rate("cacheWrite5m", override.cacheWrite5m, 1e6),
    ...rate("cacheWrite1h", override.cacheWrite1h, 1e6),
    ...rate("request", override.request, 1e12),
  };
  const shares = override.serviceTiers;
  const told = shares === undefined ? {} : { serviceShares: { ...base?.serviceShares, ...shares } };
  if (base === undefined) return { ...rates, ...told, tiers: [] };
  return { ...base, ...rates, ...told, tiers: base.tiers.map((tier) => ({ ...tier, ...rates })) };
}

/** The price in a service tier that costs `share` of the usual. Calls of server tools cost the same in every tier. */
export function sharedPrice(price: Price, share: number): Price {
  return { ...shared(price, share), tiers: price.tiers.map((tier) => ({ ...shared(tier, share), above: tier.above })) };
}

function shared(rates: Rates, share: number): Rates {
  const of = (pico: number | undefined, max: number): number | undefined =>
    pico === undefined ? undefined : Math.min(Math.round(pico * share), max);
  return {
    input: of(rates.input, picoPerTokenMax),
    output: of(rates.output, picoPerTokenMax),
    cacheRead: of(rates.cacheRead, picoPerTokenMax),
    cacheWrite5m: of(rates.cacheWrite5m, picoPerTokenMax),
    cacheWrite1h: of(rates.cacheWrite1h, picoPerTokenMax),
    audioInput: of(rates.audioInput, picoPerTokenMax),
    audioOutput: of(rates.audioOutput, picoPerTokenMax),
    reasoning: of(rates.reasoning, picoPerTokenMax),
    request: of(rates.request, picoPerRequestMax),
    serverTool: rates.serverTool,
  };
}

function rate(name: keyof Rates, dollars: number | undefined, scale: number): Rates {
  if (dollars === undefined) return {};
  const pico = Math.round(dollars * scale);
  const max = scale === 1e6 ? picoPerTokenMax : picoPerRequestMax;
  if (!(pico >= 0 && pico <= max))
    throw new RangeError(`price ${name}: ${dollars} is not between 0 and ${max / scale}`);
  return { [name]: pico };
}
