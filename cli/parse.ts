/** What a person types, as the values the admin API takes. Hides units, and reads decimals as text so no cent is lost. */
import { InvalidArgumentError } from "commander";
import type { BudgetRequest, WireWindow } from "../daemon/admin/contract/scopes.ts";

export type TypedBudget = {
  readonly text: string;
  readonly limitNano: number;
  /** Absent: never resets. */
  readonly window?: { readonly amount: number; readonly unit: string };
};

const lengths: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const calendarUnits: Readonly<Record<string, Extract<WireWindow, { kind: "calendar" }>["unit"]>> = {
  m: "minute",
  h: "hour",
  d: "day",
  w: "week",
  mo: "month",
  q: "quarter",
  y: "year",
  M: "month",
  Q: "quarter",
  Y: "year",
};
const dollarsMax = 9_000_000;

export function parseDuration(text: string): number {
  const [, amount, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d|w)$/.exec(text) ?? [];
  if (amount !== undefined && unit !== undefined) return Math.round(Number(amount) * lengths[unit]!);
  throw new InvalidArgumentError("Expected a duration such as 30s, 15m, 1h or 30d.");
}

/** `10/1d`: ten dollars a day; `10`: ten dollars in all. */
export function parseBudget(text: string): TypedBudget {
  const [, whole, places = "", amount, unit] =
    /^\$?(\d{1,9})(?:\.(\d{1,9}))?(?:\/(\d{1,4})?(s|mo|m|h|d|w|q|y|M|Q|Y))?$/.exec(text) ?? [];
  if (whole === undefined)
    throw new InvalidArgumentError("Expected dollars and a window such as 10/1d or 2.50/1h, or 10 for a total.");
  if (Number(whole) >= dollarsMax) throw new InvalidArgumentError(`Expected less than $${dollarsMax}.`);
  const limitNano = Number(whole) * 1_000_000_000 + Number(places.padEnd(9, "0"));
  if (unit === undefined) return { text, limitNano };
  const count = Number(amount ?? 1);
  if (count === 0) throw new InvalidArgumentError("Expected a window longer than nothing.");
  return { text, limitNano, window: { amount: count, unit } };
}

export function collectBudget(
  text: string,
  before: readonly TypedBudget[] | undefined | false,
): readonly TypedBudget[] {
  return [...(before || []), parseBudget(text)];
}

export function toBudgetRequest(
  { text, limitNano, window }: TypedBudget,
  calendarZone: string | undefined,
): BudgetRequest {
  if (window === undefined) return { limit_nano: limitNano, window: { kind: "forever" } };
  const { amount, unit } = window;
  if (calendarZone === undefined) {
    const length = lengths[unit];
    if (length === undefined)
      throw new InvalidArgumentError(`${text}: months, quarters and years differ in length; use 30d, or --calendar.`);
    return { limit_nano: limitNano, window: { kind: "rolling", length_ms: amount * length } };
  }
  const calendarUnit = calendarUnits[unit];
  if (calendarUnit === undefined) throw new InvalidArgumentError(`${text}: the shortest calendar window is 1m.`);
  return { limit_nano: limitNano, window: { kind: "calendar", unit: calendarUnit, count: amount, zone: calendarZone } };
}

export function parseCount(text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number of at most 12 digits; 0 allows none.");
}

/** Of what is pointless with none. */
export function parseSome(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number from 1 to 999999999.");
}

/** Of a list: so many, or `all`. */
export function parseRows(text: string): number {
  if (text === "all") return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected how many rows, or all.");
}

export function parseGeneration(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected the number of a generation, as in `bifrost config history`.");
}

export function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError("Expected a port from 0 (any free one) to 65535.");
}

/** `a,b,c`; an empty text allows none. A comma within brackets is an expression's: `regex:gpt-[0-9]{1,2}`. */
export function parseNames(text: string): readonly string[] {
  return text
    .split(/,(?![^{[(]*[}\])])/)
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** `30d` from now, or a date. */
export type Expiry = { readonly expires_in_ms: number } | { readonly expires_at_ms: number | null };

export function parseExpiry(text: string): Expiry {
  if (text === "never") return { expires_at_ms: null };
  if (/^\d{4}-/.test(text)) return { expires_at_ms: parseDate(text) };
  if (!/^\d/.test(text)) throw new InvalidArgumentError("Expected 30d or 12h, a date such as 2027-01-31, or never.");
  const length = parseDuration(text);
  if (length === 0) throw new InvalidArgumentError("Expected a time to come; to end a key now, revoke it.");
  return { expires_in_ms: length };
}

/** A point in the past: `15m` ago, or a date. */
export function parseSince(text: string): (nowMs: number) => number {
  if (!/^\d/.test(text))
    throw new InvalidArgumentError("Expected how long ago, such as 15m or 7d, or a date such as 2027-01-31.");
  if (/^\d{4}-/.test(text)) {
    const at = parseDate(text);
    return () => at;
  }
  const length = parseDuration(text);
  return (nowMs) => Math.max(0, nowMs - length);
}

/** Refuses a time that ends before it begins. */
export function checkRange(sinceMs: number | undefined, untilMs: number | undefined): void {
  if (sinceMs !== undefined && untilMs !== undefined && untilMs < sinceMs)
    throw new InvalidArgumentError(
      `--until is before --since: ${new Date(untilMs).toISOString()} and ${new Date(sinceMs).toISOString()}`,
    );
}

function parseDate(text: string): number {
  const at = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)
    ? Date.parse(text.length === 10 ? `${text}T00:00:00` : text.replace(" ", "T"))
    : Number.NaN;
  if (Number.isNaN(at)) throw new InvalidArgumentError("Expected a date such as 2027-01-31 or 2027-01-31T12:00:00Z.");
  return at;
}
