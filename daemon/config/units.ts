/** How people write durations, sizes and budgets, and the integers they mean. */

const millisecondsIn: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Sizes are powers of 1024, as operating systems count memory, whether written `MB` or `MiB`. */
const bytesIn: Readonly<Record<string, number>> = { B: 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

export const durationPattern = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d|w)$/;
export const sizePattern = /^(\d{1,9}(?:\.\d{1,3})?) ?(?:(B)|([KkMG])i?B)$/;
export const budgetPattern = /^\$?(\d{1,7})(?:\.(\d{1,9}))?\/(\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d|w))$/;

/** Whole milliseconds; undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = durationPattern.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  return Math.round(Number(amount) * (millisecondsIn[unit] ?? 1));
}

/** Whole bytes; undefined when the text is no size. */
export function parseSize(text: string): number | undefined {
  const [, amount, bytes, unit] = sizePattern.exec(text) ?? [];
  if (amount === undefined) return undefined;
  return Math.round(Number(amount) * (bytesIn[bytes ?? unit?.toUpperCase() ?? "B"] ?? 1));
}

/** `10/1d`: ten dollars in any one day. The decimals are read as text, so that no cent is lost to a float. */
export function parseBudget(text: string): { readonly limitNano: number; readonly windowMs: number } | undefined {
  const [, dollars, decimals = "", duration] = budgetPattern.exec(text) ?? [];
  const windowMs = duration === undefined ? undefined : parseDuration(duration);
  if (dollars === undefined || windowMs === undefined || windowMs === 0) return undefined;
  return { limitNano: Number(dollars) * 1_000_000_000 + Number(decimals.padEnd(9, "0")), windowMs };
}
