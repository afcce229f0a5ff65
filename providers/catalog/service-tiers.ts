/**
 * What a request costs that a provider served in another tier than its usual one, as a share of the usual price. Hides
 * which names mean the usual one. Only what a vendor says of all its models is here; the rest is told in the config.
 */

/**
 * Batch and flex at half price: https://platform.openai.com/docs/guides/flex-processing,
 * https://docs.claude.com/en/docs/build-with-claude/batch-processing, https://ai.google.dev/gemini-api/docs/batch-api.
 */
const shares: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  openai: { flex: 0.5, batch: 0.5 },
  anthropic: { batch: 0.5 },
  google: { batch: 0.5 },
};

/** For a provider of which nothing is known. */
export const none: Readonly<Record<string, number>> = {};

/** @param provider the table's name of it */
export function serviceShares(provider: string): Readonly<Record<string, number>> {
  return Object.hasOwn(shares, provider) ? shares[provider]! : none;
}

/** `auto` asks and is never the answer; a provider that says it has served as usual. */
const usual: ReadonlySet<string> = new Set(["default", "standard", "auto", "standard_only", "on_demand", ""]);

export function isUsualService(name: string | undefined): boolean {
  return name === undefined || usual.has(name.toLowerCase());
}
