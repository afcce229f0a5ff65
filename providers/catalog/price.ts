/**
 * What a price is. Hides the units: dollars a million tokens outside, whole pico-dollars a token inside.
 *
 * One dollar a million tokens is 1,000,000 pico-dollars a token, so a price given with up to six decimals is exact.
 * What is finer (thirds, in six rows of the catalog) is rounded to the nearest, at most half a pico-dollar a token.
 * An hour of sound is priced as a whole, since a price a second is no whole number of anything.
 */

/** Pico-dollars a token, a request, or a piece of what is named. `undefined` means nobody told us: unknown is not zero. */
export type Rates = {
  readonly input?: number | undefined;
  readonly output?: number | undefined;
  readonly cacheRead?: number | undefined;
  readonly cacheWrite5m?: number | undefined;
  readonly cacheWrite1h?: number | undefined;
  readonly audioInput?: number | undefined;
  readonly audioOutput?: number | undefined;
  /** Sound of the prompt that came from the provider's cache, where it is not the price of the rest of it. */
  readonly audioCacheRead?: number | undefined;
  readonly imageInput?: number | undefined;
  readonly imageOutput?: number | undefined;
  readonly imageCacheRead?: number | undefined;
  /** Where it is not the price of the rest of the output. */
  readonly reasoning?: number | undefined;
  readonly request?: number | undefined;
  readonly serverTool?: number | undefined;
  /** A search of files that the provider keeps. */
  readonly fileSearch?: number | undefined;
  /** A gigabyte of a container in which the provider runs code, for a session. */
  readonly container?: number | undefined;
  /** A picture that was made. */
  readonly image?: number | undefined;
  /** A character of a text that is spoken. */
  readonly character?: number | undefined;
  /** An hour of sound that is listened to. */
  readonly audioHour?: number | undefined;
  /** A search unit of a ranking. */
  readonly search?: number | undefined;
  /** A page of a document that was read. */
  readonly page?: number | undefined;
  /** One that was annotated as well, where that costs something else. */
  readonly annotatedPage?: number | undefined;
  /** A second of film that was made. */
  readonly videoSecond?: number | undefined;
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
  /** A second of film in another size than the usual, by the size: `{ "1792x1024": … }`. */
  readonly videoSizes?: Readonly<Record<string, number>> | undefined;
  /** A request by the size of what was searched for it, where `request` is the dearest: `{ low: … }`. */
  readonly requestSizes?: Readonly<Record<string, number>> | undefined;
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
  readonly audioInput?: number | undefined;
  readonly audioOutput?: number | undefined;
  readonly audioCacheRead?: number | undefined;
  readonly imageInput?: number | undefined;
  readonly imageOutput?: number | undefined;
  readonly imageCacheRead?: number | undefined;
  readonly reasoning?: number | undefined;
  readonly request?: number | undefined;
  readonly serverTool?: number | undefined;
  readonly fileSearch?: number | undefined;
  readonly container?: number | undefined;
  readonly image?: number | undefined;
  /** Dollars a million characters. */
  readonly character?: number | undefined;
  readonly audioHour?: number | undefined;
  readonly search?: number | undefined;
  readonly page?: number | undefined;
  readonly videoSecond?: number | undefined;
  /** Dollars a second, by size. */
  readonly videoSizes?: Readonly<Record<string, number>> | undefined;
  /** All rates of a longer prompt; what a tier does not name costs what it costs below. */
  readonly tiers?: readonly (TierOverride & { readonly above: number })[] | undefined;
  /** Shares of the usual price: `{ flex: 0.5 }`. */
  readonly serviceTiers?: Readonly<Record<string, number>> | undefined;
};

export type TierOverride = {
  readonly [name in "input" | "output" | "cacheRead" | "cacheWrite5m" | "cacheWrite1h"]?: number | undefined;
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
  const rates = ratesOf(override);
  const shares = override.serviceTiers;
  const told = shares === undefined ? {} : { serviceShares: { ...base?.serviceShares, ...shares } };
  const tiers =
    override.tiers === undefined
      ? base?.tiers.map((tier) => ({ ...tier, ...rates }))
      : tiersOf({ ...base, ...rates }, override.tiers);
  const sizes = override.videoSizes;
  const films = sizes === undefined ? {} : { videoSizes: { ...base?.videoSizes, ...mapped(sizes, videoPico) } };
  const fees = override.request === undefined || base?.requestSizes === undefined ? {} : { requestSizes: undefined };
  // Who says what a page costs says it of every page.
  const pages = override.page === undefined || base?.annotatedPage === undefined ? {} : { annotatedPage: undefined };
  return { ...base, ...rates, ...told, ...films, ...fees, ...pages, tiers: tiers ?? [] };
}

function mapped(
  rates: Readonly<Record<string, number>>,
  change: (rate: number) => number,
): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(rates).map(([name, rate]) => [name, change(rate)]));
}

function videoPico(dollars: number): number {
  return picoOf("videoSecond", dollars, 1e12);
}

/** In pico-dollars a piece. */
const scales: readonly (readonly [name: Exclude<keyof Rates, "annotatedPage">, scale: number])[] = [
  ...(["input", "output", "cacheRead", "cacheWrite5m", "cacheWrite1h", "reasoning", "character"] as const).map(
    (name) => [name, 1e6] as const,
  ),
  ...(["audioInput", "audioOutput", "audioCacheRead", "imageInput", "imageOutput", "imageCacheRead"] as const).map(
    (name) => [name, 1e6] as const,
  ),
  ...(
    ["request", "serverTool", "fileSearch", "container", "image", "audioHour", "search", "page", "videoSecond"] as const
  ).map((name) => [name, 1e12] as const),
];

export type RateScale = "token" | "piece";
/** What every rate is for: a token or character, which costs at most `picoPerTokenMax`, or a piece or request. */
export const rateScales: ReadonlyMap<string, RateScale> = new Map(
  scales.map(([name, scale]) => [name, scale === 1e6 ? "token" : "piece"]),
);

function ratesOf(override: Omit<PriceOverride, "match" | "serviceTiers" | "videoSizes" | "tiers">): Rates {
  const rates: Record<string, number> = {};
  for (const [name, scale] of scales) {
    const dollars = override[name];
    if (dollars !== undefined) rates[name] = picoOf(name, dollars, scale);
  }
  return rates;
}

/** Every tier carries all rates, also those that it does not change. */
function tiersOf(base: Price | Rates, written: NonNullable<PriceOverride["tiers"]>): Tier[] {
  let {
    tiers: _tiers,
    serviceShares: _shares,
    videoSizes: _sizes,
    effectiveFrom: _from,
    ...below
  } = { tiers: [], ...base } as Price;
  return written
    .toSorted((one, other) => one.above - other.above)
    .map(({ above, ...rates }) => {
      below = { ...below, ...ratesOf(rates) };
      return { ...below, above };
    });
}

/** The price in a service tier that costs `share` of the usual. Calls of server tools cost the same in every tier. */
export function sharedPrice(price: Price, share: number): Price {
  const { videoSizes: sizes } = price;
  const films =
    sizes === undefined
      ? {}
      : { videoSizes: mapped(sizes, (pico) => Math.min(Math.round(pico * share), picoPerRequestMax)) };
  const { annotatedPage } = price;
  const pages = annotatedPage === undefined ? {} : { annotatedPage: Math.round(annotatedPage * share) };
  const tiers = price.tiers.map((tier) => ({ ...shared(tier, share), above: tier.above }));
  return { ...shared(price, share), ...films, ...pages, tiers };
}

function shared(rates: Rates, share: number): Rates {
  const all: Record<string, number | undefined> = {};
  for (const [name, scale] of scales) {
    const pico = rates[name];
    const max = scale === 1e6 ? picoPerTokenMax : picoPerRequestMax;
    all[name] =
      pico === undefined || name === "serverTool" || name === "fileSearch" || name === "container"
        ? pico
        : Math.min(Math.round(pico * share), max);
  }
  return all;
}

function picoOf(name: string, dollars: number, scale: number): number {
  const pico = Math.round(dollars * scale);
  const max = scale === 1e6 ? picoPerTokenMax : picoPerRequestMax;
  if (!(pico >= 0 && pico <= max))
    throw new RangeError(`price ${name}: ${dollars} is not between 0 and ${max / scale}`);
  return pico;
}

/** Nothing is told of what it costs. */
export function isEmpty(rates: Rates): boolean {
  return rates.input === undefined && rates.output === undefined && rates.request === undefined && !isByPiece(rates);
}

/** Billed by pictures, sound, film, characters, searches, pages or containers, and by no tokens, however many are told. */
export function isByPiece(rates: Rates): boolean {
  if (rates.input !== undefined || rates.output !== undefined) return false;
  return (
    (rates.image ?? rates.character ?? rates.audioHour ?? rates.search ?? rates.page ?? rates.videoSecond) !==
      undefined || rates.container !== undefined
  );
}
