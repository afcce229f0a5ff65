/** Sums as a spreadsheet takes them: RFC 4180, exact decimals, and no cell that would be run as a formula. */
import type { Ranking, Sums } from "../daemon/admin/contract/log-statistics.ts";

const counts = [
  ...(["requests", "errors", "tokens_in", "tokens_out", "tokens_cache_read", "tokens_cache_write"] as const),
  ...(["tokens_reasoning", "unpriced", "cost_nano"] as const),
] satisfies readonly (keyof Sums)[];

export function usageCsv(by: string, rankings: readonly Ranking[]): string {
  const head = [by, "name", ...counts, "cost_usd"];
  const lines = rankings.map(({ value, name, sums }) => [
    ...[cell(value), cell(name ?? "")],
    ...[...counts.map((count) => String(sums[count])), decimalOf(sums.cost_nano)],
  ]);
  return `${[head, ...lines].map((line) => line.join(",")).join("\r\n")}\r\n`;
}

/** All nine places: a column of them adds up to the nano-dollar. Adjusting entries may make a sum negative. */
function decimalOf(nano: number): string {
  const digits = String(Math.abs(nano)).padStart(10, "0");
  return `${nano < 0 ? "-" : ""}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
