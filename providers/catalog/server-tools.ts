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

/** @param provider the table's name of it */
export function serverToolRates(provider: string, model: string): Pick<Rates, "serverTool" | "fileSearch"> {
  const serverTool =
    provider === "google" && model.startsWith("gemini-3")
      ? geminiRate
      : Object.hasOwn(rates, provider)
        ? rates[provider]
        : undefined;
  return filesKept.has(provider) ? { serverTool, fileSearch: fileRate } : { serverTool };
}
