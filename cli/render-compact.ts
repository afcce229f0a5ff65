/** Numbers for narrow columns. Hides rounding: three or four digits and a unit, and "–" for not known. */

const units = [
  ["k", 1e3],
  ["M", 1e6],
  ["G", 1e9],
] as const;
/** Below it a number is written out. */
const exactMax = 10_000;

/** `812`, `12.3k`, `4.1M`. */
export function renderCompact(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (Math.abs(value) < exactMax) return Number.isInteger(value) ? String(value) : value.toFixed(1);
  for (const [unit, size] of units) {
    const scaled = value / size;
    if (Math.abs(scaled) < 999.5) return `${scaled.toFixed(Math.abs(scaled) < 100 ? 1 : 0)}${unit}`;
  }
  return `${(value / 1e12).toFixed(1)}T`;
}
