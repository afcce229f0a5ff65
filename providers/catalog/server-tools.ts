/**
 * What a call of a tool costs that the provider runs, where its table has nothing of the model: most makers ask the same
 * for all of theirs. Pico-dollars, from https://platform.openai.com/docs/pricing, https://docs.claude.com/en/docs/about-claude/pricing,
 * https://ai.google.dev/gemini-api/docs/pricing and https://docs.x.ai/developers/pricing: searches of the web, xAI's of X
 * and runs of code as well, and searches of files that it keeps.
 */
import type { Rates } from "./price.ts";

const rates: Readonly<Record<string, number>> = {
  openai: 10_000_000_000,
  azure: 10_000_000_000,
  anthropic: 10_000_000_000,
  google: 35_000_000_000,
  "x-ai": 5_000_000_000,
};
const geminiRate = 14_000_000_000;

/**
 * Models that search for every request, once by OpenAI's count, and tell nothing of it: a fee of the request. What the
 * previews find is not billed. The same page, as quoted in https://community.openai.com/t/search-web-using-openai-api/1363698,
 * which has no row for `…-search-api`: it is charged a search.
 */
const searchModels: readonly (readonly [name: RegExp, pico: number])[] = [
  [/-search-preview(?:-\d{4}-\d\d-\d\d)?$/, 25_000_000_000],
  [/-search-api(?:-\d{4}-\d\d-\d\d)?$/, 10_000_000_000],
];
const searchMakers: ReadonlySet<string> = new Set(["openai", "azure"]);

/**
 * Perplexity's fee of a request, by the size of the context that its answer tells. The price table has the dearest, as
 * of https://docs.perplexity.ai/getting-started/pricing; the others were read in price lists of third parties.
 */
const contextRates: readonly Readonly<Record<string, number>>[] = [
  { low: 5_000_000_000, medium: 8_000_000_000, high: 12_000_000_000 },
  { low: 6_000_000_000, medium: 10_000_000_000, high: 14_000_000_000 },
];

const fileRate = 2_500_000_000;
const filesKept: ReadonlySet<string> = new Set(["openai", "azure", "x-ai"]);

/**
 * A gigabyte for a session of twenty minutes: $0.03, $0.12, $0.48 and $1.92 for 1, 4, 16 and 64 of them. Since 2 June 2026
 * a shorter one is billed by the minute, five at least, which no answer tells: the whole session is the most it costs.
 * Not read at OpenAI's own pages (https://developers.openai.com/api/docs/pricing and …/changelog) but in what others wrote of
 * them in November 2026.
 */
const containerRate = 30_000_000_000;
const runsCode: ReadonlySet<string> = new Set(["openai", "azure"]);

/** What a container costs where no model runs in it: the table's name of its maker. */
export function containerRateOf(provider: string): number | undefined {
  return runsCode.has(provider) ? containerRate : undefined;
}

/** @param provider the table's name of it */
export function serverToolRates(
  provider: string,
  model: string,
): Pick<Rates, "serverTool" | "fileSearch" | "container"> {
  return {
    serverTool: searchRate(provider, model),
    ...(filesKept.has(provider) ? { fileSearch: fileRate } : {}),
    ...(runsCode.has(provider) ? { container: containerRate } : {}),
  };
}

function searchRate(provider: string, model: string): number | undefined {
  // Within the fee of the request, where the table has no other.
  if (provider === "perplexity") return 0;
  if (provider === "google" && model.startsWith("gemini-3")) return geminiRate;
  return Object.hasOwn(rates, provider) ? rates[provider] : undefined;
}

/** What a request of a model costs that searches by itself. */
export function searchFee(provider: string, model: string): Pick<Rates, "request" | "serverTool"> {
  if (!searchMakers.has(provider)) return {};
  const pico = searchModels.find(([name]) => name.test(model))?.[1];
  return pico === undefined ? {} : { request: pico, serverTool: 0 };
}

/** By the size of what was searched; undefined: there is one fee. */
export function requestSizes(provider: string, fee: number | undefined): Readonly<Record<string, number>> | undefined {
  return provider === "perplexity" ? contextRates.find(({ high }) => high === fee) : undefined;
}
