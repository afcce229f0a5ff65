/** Medians and quantiles. `undefined` is what could not be measured, and stays so. */

export type Spread = { readonly median: number; readonly low: number; readonly high: number };

/** Of sorted values, by nearest rank. */
export function quantile(sorted: ArrayLike<number>, share: number): number | undefined {
  if (sorted.length === 0) return undefined;
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

export function spread(values: readonly (number | undefined)[]): Spread | undefined {
  const known = values.filter((value) => value !== undefined && Number.isFinite(value)) as number[];
  known.sort((a, b) => a - b);
  const middle = known.length / 2;
  const low = known[0];
  const high = known.at(-1);
  const upper = known[Math.floor(middle)];
  const lower = known[Math.ceil(middle) - 1];
  if (low === undefined || high === undefined || upper === undefined || lower === undefined) return undefined;
  return { median: (lower + upper) / 2, low, high };
}

export function median(values: readonly (number | undefined)[]): number | undefined {
  return spread(values)?.median;
}

/** Round by round, so that what disturbs a round disturbs both sides of it. */
export function paired(
  left: readonly (number | undefined)[],
  right: readonly (number | undefined)[],
  combine: (left: number, right: number) => number,
): (number | undefined)[] {
  return left.map((value, index) => {
    const other = right[index];
    return value === undefined || other === undefined ? undefined : combine(value, other);
  });
}
