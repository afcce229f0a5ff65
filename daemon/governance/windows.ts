/**
 * When a budget's window began and when the next begins, computed from the clock each time. Hides time zones:
 * daylight saving, months of 28 to 31 days, midnights that do not exist.
 */
import type { Window } from "./definitions.ts";

/** A window holds the instants `startMs <= t < nextMs`. `nextMs` is Infinity when it never resets. */
export type WindowBounds = { readonly startMs: number; readonly nextMs: number };

type CalendarWindow = Extract<Window, { kind: "calendar" }>;

export const minuteMs = 60_000;
export const hourMs = 3_600_000;
export const dayMs = 86_400_000;

/**
 * The window that contains `nowMs`. Rolling windows follow one another from the anchor. Calendar windows begin on the
 * zone's clock, weeks on Monday, and counts greater than one are counted from 1970 (days, weeks) or from year 0
 * (months and longer); minutes and hours are counted from local midnight, so the last of a day may be cut short.
 * What was spent before the anchor does not count: the first window begins there, and before it there is none.
 */
export function windowAt(window: Window, anchorMs: number, nowMs: number): WindowBounds {
  if (window.kind === "forever") return { startMs: anchorMs, nextMs: Number.POSITIVE_INFINITY };
  if (window.kind === "rolling") {
    const passed = Math.max(0, Math.floor((nowMs - anchorMs) / window.lengthMs));
    const startMs = anchorMs + passed * window.lengthMs;
    return { startMs, nextMs: startMs + window.lengthMs };
  }
  const { startMs, nextMs } = calendarWindow(window, Math.max(nowMs, anchorMs));
  return { startMs: Math.max(startMs, anchorMs), nextMs };
}

/** Throws when the window could not be computed: the zone is unknown, the length no whole positive number. */
export function checkWindow(window: Window): void {
  if (window.kind === "forever") return;
  if (window.kind === "rolling") {
    if (!Number.isSafeInteger(window.lengthMs) || window.lengthMs < 1)
      throw new RangeError("window: length below 1 ms");
    return;
  }
  if (!Number.isInteger(window.count) || window.count < 1 || window.count > 10_000) {
    throw new RangeError("window: count must be a whole number from 1 to 10000");
  }
  const { startMonth = 1 } = window;
  if (!Number.isInteger(startMonth) || startMonth < 1 || startMonth > 12) {
    throw new RangeError("window: the first month is a number from 1 to 12");
  }
  const withinDay = window.unit === "minute" ? 1_440 : window.unit === "hour" ? 24 : Number.POSITIVE_INFINITY;
  if (window.count > withinDay) throw new RangeError("window: calendar minutes and hours may not exceed a day");
  zoneFormat(window.zone);
}

function calendarWindow({ unit, count, zone, startMonth = 1 }: CalendarWindow, nowMs: number): WindowBounds {
  const civilNow = nowMs + zoneOffset(zone, nowMs);
  const today = Math.floor(civilNow / dayMs);
  if (unit === "minute" || unit === "hour") {
    const midnight = instantOf(zone, today * dayMs);
    const length = count * (unit === "minute" ? minuteMs : hourMs);
    const startMs = midnight + Math.floor((nowMs - midnight) / length) * length;
    return { startMs, nextMs: Math.min(startMs + length, instantOf(zone, (today + 1) * dayMs)) };
  }
  const [first, after] = civilDays(unit, count, today, startMonth - 1);
  return { startMs: instantOf(zone, first * dayMs), nextMs: instantOf(zone, after * dayMs) };
}

/** First day of the window that holds `today` and of the next one, as days since 1970-01-01 of the civil calendar. */
function civilDays(
  unit: CalendarWindow["unit"],
  count: number,
  today: number,
  shift: number,
): readonly [number, number] {
  if (unit === "day") {
    const first = Math.floor(today / count) * count;
    return [first, first + count];
  }
  if (unit === "week") {
    // 1970-01-01 was a Thursday; the week it fell in began three days before.
    const length = 7 * count;
    const first = Math.floor((today + 3) / length) * length - 3;
    return [first, first + length];
  }
  const months = count * (unit === "month" ? 1 : unit === "quarter" ? 3 : 12);
  const date = new Date(today * dayMs);
  const offset = unit === "month" ? 0 : shift;
  const first = Math.floor((date.getUTCFullYear() * 12 + date.getUTCMonth() - offset) / months) * months + offset;
  return [firstOfMonth(first), firstOfMonth(first + months)];
}

function firstOfMonth(month: number): number {
  return Date.UTC(Math.floor(month / 12), month % 12, 1) / dayMs;
}

/** The first instant at which the zone's clock shows `civilMs` (that clock read as if it were UTC) or more. */
function instantOf(zone: string, civilMs: number): number {
  const before = zoneOffset(zone, civilMs - dayMs);
  const after = zoneOffset(zone, civilMs + dayMs);
  // When a clock is set back the time occurs twice; the offset before the change gives the first.
  for (const offset of [before, after]) {
    if (zoneOffset(zone, civilMs - offset) === offset) return civilMs - offset;
  }
  // The clock jumps over this time: the answer is the jump itself, between the two readings.
  let low = civilMs - Math.max(before, after);
  let high = civilMs - Math.min(before, after);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (middle + zoneOffset(zone, middle) >= civilMs) high = middle;
    else low = middle;
  }
  return high;
}

const zoneFormats = new Map<string, Intl.DateTimeFormat>();
/** Zones are few; this bounds what a run of unusual ones can hold on to. */
const zoneFormatsMax = 64;

function zoneFormat(zone: string): Intl.DateTimeFormat {
  const known = zoneFormats.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  if (zoneFormats.size >= zoneFormatsMax) zoneFormats.clear();
  zoneFormats.set(zone, format);
  return format;
}

/** Milliseconds that the zone's clock is ahead of UTC at this instant. */
function zoneOffset(zone: string, atMs: number): number {
  if (zone === "UTC") return 0;
  const field: Record<string, number> = {};
  for (const { type, value } of zoneFormat(zone).formatToParts(atMs)) field[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = field;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1_000) * 1_000;
}
