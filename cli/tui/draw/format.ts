/** Numbers for narrow columns. Hides rounding: never more than five characters of digits, and "–" for not known. */
import { renderDuration } from "../../render.ts";
import { renderCompact } from "../../render-compact.ts";
import type { Span, Style } from "./line.ts";

const nanoPerDollar = 1_000_000_000;

/** `$0.0012`, `$1.25`, `$1,240`, `$12.3M`: three digits that count, and never wider than nine columns. */
export function money(nano: number | null | undefined): string {
  if (nano === null || nano === undefined) return "–";
  const dollars = Math.abs(nano) / nanoPerDollar;
  const sign = nano < 0 ? "-" : "";
  if (dollars === 0) return "$0";
  if (dollars < 0.000_01) return `${sign}<$0.00001`;
  if (dollars < 0.01) return `${sign}$${dollars.toFixed(5)}`;
  if (dollars < 1) return `${sign}$${dollars.toFixed(4)}`;
  if (dollars < 100) return `${sign}$${dollars.toFixed(2)}`;
  if (dollars < 999_999.5) return `${sign}$${Math.round(dollars).toLocaleString("en-US")}`;
  return `${sign}$${renderCompact(dollars)}`;
}

export { renderCompact as count };

/** `4ms`, `812ms`, `3.2s`, `1m 12s`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1) return "<1ms";
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)}s`;
  return renderDuration(ms);
}

export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  const value = share * 100;
  if (value > 0 && value < 0.05) return "<.1%";
  return `${value > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)}%`;
}

export function rate(perSecond: number | undefined): string {
  if (perSecond === undefined) return "–";
  return perSecond >= 100 ? renderCompact(Math.round(perSecond)) : String(Number(perSecond.toFixed(1)));
}

/** Local, to the second; the day only where it is another. */
export function clock(ms: number | null | undefined, now: number): string {
  if (ms === null || ms === undefined) return "–";
  const at = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (new Date(now).toDateString() === at.toDateString()) return time;
  return `${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** `in 3h 12m`, `2d ago`. */
export function away(ms: number | null | undefined, now: number): string {
  if (ms === null || ms === undefined) return "–";
  const far = Math.max(1_000, Math.abs(ms - now));
  const text = renderDuration(Math.floor(far / 1_000) * 1_000);
  return ms >= now ? `in ${text}` : `${text} ago`;
}

export function statusStyle(status: number): Style {
  if (status < 400) return "good";
  return status < 500 ? "warn" : "bad";
}

export function statusSpan(status: number): Span {
  return [String(status), statusStyle(status)];
}

/** How full: over nine tenths is a warning, over everything is bad. */
export function fillStyle(share: number): Style {
  if (share >= 1) return "bad";
  return share >= 0.9 ? "warn" : "good";
}

/** The value below which this share of the values lies; undefined without values. */
export function quantile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
