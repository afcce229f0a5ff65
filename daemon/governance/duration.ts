/** Durations and budgets as people write them: `30s`, `1d`, `10/1d`. Hides the spelling from everybody else. */
import type { Window } from "./definitions.ts";

type Unit = { readonly ms: number; readonly calendar?: Extract<Window, { kind: "calendar" }>["unit"] };

/** A rolling month is 30 days, a quarter 90, a year 365; aligned to the calendar they are what the calendar says. */
const units: Readonly<Record<string, Unit>> = {
  ms: { ms: 1 },
  s: { ms: 1_000 },
  m: { ms: 60_000, calendar: "minute" },
  h: { ms: 3_600_000, calendar: "hour" },
  d: { ms: 86_400_000, calendar: "day" },
  w: { ms: 604_800_000, calendar: "week" },
  M: { ms: 30 * 86_400_000, calendar: "month" },
  Q: { ms: 90 * 86_400_000, calendar: "quarter" },
  Y: { ms: 365 * 86_400_000, calendar: "year" },
};
const durationsMaxMs = 100 * 365 * 86_400_000;

/** Above this a sum of nano-dollars could leave the integers that a double holds exactly. */
export const limitNanoMax = 9_000_000 * 1_000_000_000;

export type WrittenBudget = { readonly limitNano: number; readonly window: Window };

/** Milliseconds of `30s`, `5m`, `1h`, `1d`, `1w`, `1M`, `1Q`, `1Y`. Throws RangeError, saying what would be right. */
export function parseDuration(text: string): number {
  return split(text).ms;
}

/** `10/1d`, `$0.50/1h`, or `10` for a total that never resets; in `zone` the window is aligned to the calendar. */
export function parseBudget(text: string, zone?: string): WrittenBudget {
  const slash = text.indexOf("/");
  if (slash === -1) return { limitNano: parseDollars(text), window: { kind: "forever" } };
  const limitNano = parseDollars(text.slice(0, slash));
  const { ms, count, unit, name } = split(text.slice(slash + 1));
  if (zone === undefined) return { limitNano, window: { kind: "rolling", lengthMs: ms } };
  if (unit.calendar === undefined) throw new RangeError(`"${name}" has no calendar; use m, h, d, w, M, Q or Y`);
  return { limitNano, window: { kind: "calendar", unit: unit.calendar, count, zone } };
}

/** Nano-dollars of a decimal number of dollars, exactly: no binary fraction takes part. */
export function parseDollars(text: string): number {
  const match = /^\$?(\d{1,9})(?:\.(\d{1,9}))?$/.exec(text.trim());
  if (match === null) throw new RangeError(`"${text}" is not an amount in dollars, such as 10 or 0.25`);
  const nano = Number(match[1]) * 1_000_000_000 + Number((match[2] ?? "").padEnd(9, "0"));
  if (nano > limitNanoMax) throw new RangeError(`"${text}" is above the highest limit, $9000000`);
  return nano;
}

/** `1d`, `2M Europe/Berlin`, `forever`. */
export function formatWindow(window: Window): string {
  if (window.kind === "forever") return "forever";
  if (window.kind === "rolling") return formatDuration(window.lengthMs);
  const letter = Object.keys(units).find((name) => units[name]!.calendar === window.unit);
  return `${window.count}${letter} ${window.zone}`;
}

/** The largest unit of fixed length that divides it: `90m`, `1w`. */
export function formatDuration(lengthMs: number): string {
  for (const name of ["w", "d", "h", "m", "s"]) {
    const { ms } = units[name]!;
    if (lengthMs % ms === 0) return `${lengthMs / ms}${name}`;
  }
  return `${lengthMs}ms`;
}

function split(text: string) {
  const match = /^(\d{1,9})(ms|[smhdwMQY])$/.exec(text.trim());
  const count = Number(match?.[1]);
  const name = match?.[2] ?? "";
  const unit = units[name];
  if (unit === undefined || !(count > 0) || count * unit.ms > durationsMaxMs) {
    throw new RangeError(`"${text}" is not a duration, such as 30s, 5m, 1h, 1d, 1w, 1M, 1Q or 1Y (at most 100 years)`);
  }
  return { ms: count * unit.ms, count, unit, name };
}
