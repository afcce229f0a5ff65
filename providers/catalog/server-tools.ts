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

const fileRate = 2_500_000_000;
const filesKept: ReadonlySet<string> = new Set(["openai", "azure", "x-ai"]);

/**
 * A gigabyte for a session of twenty minutes: $0.03, $0.12, $0.48 and $1.92 for 1, 4, 16 and 64 of them. Since 2 June 2026
 * a shorter one is billed by the minute, five at least, which no answer tells: the whole session is the most it costs.
 * https://developers.openai.com/api/docs/pricing and …/changelog, seen on 27 November 2026.
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
  const serverTool =
    provider === "google" && model.startsWith("gemini-3")
      ? geminiRate
      : Object.hasOwn(rates, provider)
        ? rates[provider]
        : undefined;
  return {
    serverTool,
    ...(filesKept.has(provider) ? { fileSearch: fileRate } : {}),
    ...(runsCode.has(provider) ? { container: containerRate } : {}),
  };
}
