/** `retry-after` in its two forms (RFC 9110 §10.2.3), and the millisecond form some providers send. */

/** A wait above this is not believed. */
const waitMsMax = 24 * 3600 * 1000;
/** Begins with the day of the week; `Date.parse` alone takes `-5` for a date. */
const httpDate = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/;

/** The wait an upstream asks for in its headers: the exact one where it sends both. */
export function askedWaitMs(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  nowMs: number,
): number | undefined {
  const { "retry-after-ms": exact, "retry-after": seconds } = headers;
  const wait = exact === undefined ? undefined : retryAfterMs(`${String(exact)}ms`, nowMs);
  return wait ?? (seconds === undefined ? undefined : retryAfterMs(String(seconds), nowMs));
}

/** `value` is seconds, an HTTP date, or milliseconds with the suffix `ms`. Returns ms from `nowMs`, undefined when it makes no sense. */
export function retryAfterMs(value: string, nowMs: number): number | undefined {
  const text = value.trim();
  const wait = /^\d+(\.\d+)?ms$/.test(text)
    ? Number(text.slice(0, -2))
    : /^\d+(\.\d+)?$/.test(text)
      ? Number(text) * 1000
      : httpDate.test(text)
        ? Date.parse(text) - nowMs
        : Number.NaN;
  if (!Number.isFinite(wait)) return undefined;
  return Math.min(Math.max(0, Math.ceil(wait)), waitMsMax);
}
