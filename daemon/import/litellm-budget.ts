/** LiteLLM's amounts and periods. Hides that whole days, weeks and months are the calendar's there. */
import { dollarsOf, lookUp, textOf } from "./draft.ts";

export type WrittenBudget = string | { readonly budget: string; readonly calendar: true };

const calendar: Readonly<Record<string, string>> = {
  "24h": "1d",
  "1d": "1d",
  daily: "1d",
  "7d": "1w",
  "1w": "1w",
  weekly: "1w",
  "30d": "1M",
  "1mo": "1M",
  monthly: "1M",
};
const units: Readonly<Record<string, string>> = { s: "s", m: "m", h: "h", d: "d", w: "w", mo: "M" };

/** `30d` → `1M` of the calendar, `12h` → `12h` from when the budget is made. */
export function periodOf(duration: unknown): { readonly text: string; readonly calendar: boolean } | undefined {
  const written = textOf(duration)?.trim();
  if (written === undefined) return undefined;
  const aligned = lookUp(calendar, written);
  if (aligned !== undefined) return { text: aligned, calendar: true };
  const [, count, unit] = /^(\d{1,6})(s|m|h|d|w|mo)$/.exec(written) ?? [];
  if (count === undefined || Number(count) === 0) return undefined;
  return { text: `${Number(count)}${units[unit!]}`, calendar: unit === "mo" };
}

/** Undefined where there is none, or none that can be read. Without a period it is a total. */
export function budgetOf(amount: unknown, duration: unknown): WrittenBudget | undefined {
  const dollars = dollarsOf(amount);
  if (dollars === undefined || Number(dollars) > 9_000_000) return undefined;
  if (duration === undefined || duration === null) return dollars;
  const period = periodOf(duration);
  if (period === undefined) return undefined;
  const budget = `${dollars}/${period.text}`;
  return period.calendar ? { budget, calendar: true } : budget;
}
