/**
 * How long an answer can be, for the two makers whose dialects we speak; the price table does not say it.
 * From the makers' model pages. A model that is not here has no known maximum: newer ones are not guessed from older.
 */

/** The name up to a dash → tokens; the first that fits counts, so the longer ones stand first. */
const outputMax: Readonly<Record<string, readonly (readonly [name: string, tokens: number])[]>> = {
  anthropic: [
    ["claude-opus-4-8", 128_000],
    ["claude-opus-4-7", 128_000],
    ["claude-opus-4-6", 128_000],
    ["claude-sonnet-4-6", 128_000],
    ["claude-opus-4-5", 64_000],
    ["claude-sonnet-4-5", 64_000],
    ["claude-haiku-4-5", 64_000],
    ["claude-opus-4-1", 32_000],
    ["claude-opus-4-0", 32_000],
    ["claude-opus-4-20250514", 32_000],
    ["claude-sonnet-4-0", 64_000],
    ["claude-sonnet-4-20250514", 64_000],
    ["claude-3-7-sonnet", 64_000],
    ["claude-3-5-sonnet", 8_192],
    ["claude-3-5-haiku", 8_192],
    ["claude-3-opus", 4_096],
    ["claude-3-sonnet", 4_096],
    ["claude-3-haiku", 4_096],
  ],
  openai: [
    ["gpt-5-chat", 16_384],
    ["gpt-5.1-chat", 16_384],
    ["gpt-5.2-chat", 16_384],
    ["gpt-5-pro", 272_000],
    ["gpt-5", 128_000],
    ["gpt-5.1", 128_000],
    ["gpt-5.2", 128_000],
    ["gpt-4.1", 32_768],
    ["gpt-4o-2024-05-13", 4_096],
    ["gpt-4o", 16_384],
    ["gpt-4-turbo", 4_096],
    ["gpt-3.5-turbo", 4_096],
    ["o1-preview", 32_768],
    ["o1-mini", 65_536],
    ["o1", 100_000],
    ["o3", 100_000],
    ["o4-mini", 100_000],
  ],
};

export function outputMaxOf(host: string, model: string): number | undefined {
  const rows = Object.hasOwn(outputMax, host) ? outputMax[host] : undefined;
  return rows?.find(([name]) => model === name || model.startsWith(`${name}-`))?.[1];
}
