/**
 * What a call of a tool costs that the provider runs, where its table has nothing of the model: most makers ask the same
 * for all of theirs. Pico-dollars, from https://platform.openai.com/docs/pricing, https://docs.claude.com/en/docs/about-claude/pricing,
 * https://ai.google.dev/gemini-api/docs/pricing and https://docs.x.ai/docs/models: searches of the web.
 */
const rates: Readonly<Record<string, number>> = {
  openai: 10_000_000_000,
  azure: 10_000_000_000,
  anthropic: 10_000_000_000,
  google: 35_000_000_000,
  "x-ai": 5_000_000_000,
};
const geminiRate = 14_000_000_000;

/** @param provider the table's name of it */
export function serverToolRate(provider: string, model: string): number | undefined {
  if (provider === "google" && model.startsWith("gemini-3")) return geminiRate;
  return Object.hasOwn(rates, provider) ? rates[provider] : undefined;
}
