/** A price in the words of the config, so that what is shown can be written there and changed. Hides the units inside. */
import type { Price, Rates } from "../../../providers/catalog/price.ts";
import type { PriceView, RatesView } from "../contract/models.ts";

const byPiece: ReadonlySet<string> = new Set([
  "request",
  "serverTool",
  "fileSearch",
  "container",
  "image",
  "audioHour",
  "search",
  "page",
  "videoSecond",
]);

export function viewPrice({
  tiers,
  serviceShares = {},
  videoSizes = {},
  effectiveFrom: _from,
  ...rates
}: Price): PriceView {
  return {
    ...viewRates(rates),
    ...(tiers.length === 0 ? {} : { tiers: tiers.map(({ above, ...tier }) => ({ above, ...viewRates(tier) })) }),
    ...(Object.keys(videoSizes).length === 0 ? {} : { video_sizes: inDollars(videoSizes) }),
    ...(Object.keys(serviceShares).length === 0 ? {} : { service_tiers: serviceShares }),
  };
}

function inDollars(sizes: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(sizes).map(([size, pico]) => [size, pico / 1e12]));
}

/** Whole pico-dollars: divided by a power of ten they are the shortest decimal again. */
function viewRates(rates: Rates): RatesView {
  const view: Record<string, number> = {};
  for (const [name, pico] of Object.entries(rates)) {
    if (pico !== undefined) view[wordOf(name)] = pico / (byPiece.has(name) ? 1e12 : 1e6);
  }
  return view;
}

function wordOf(name: string): string {
  if (name === "character") return "characters";
  return name.replace(/[A-Z]|(?<=e)(?=[15][mh])/g, (letter) => `_${letter.toLowerCase()}`);
}
