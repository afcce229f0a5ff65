/**
 * What was spent, by one dimension, today, this week and this month, and how fast it goes. Hides that it is put
 * together from three questions to the roll-ups, and what a day is: UTC, as the roll-ups have it.
 */
import type { Dimension, HistogramAnswer, HistogramSeries, Sums } from "../daemon/admin/contract/log-statistics.ts";
import type { BudgetView } from "../daemon/admin/contract/scopes.ts";

export const spendDimensions = [
  "key",
  "team",
  "customer",
  "model",
  "provider",
  "tag",
] as const satisfies readonly Dimension[];
export type SpendDimension = (typeof spendDimensions)[number];

export type Spend = {
  readonly value: string;
  readonly name: string;
  readonly today: number;
  readonly week: number;
  readonly month: number;
  /** The last thirty days, oldest first. */
  readonly days: readonly number[];
  readonly requests: number;
  readonly errors: number;
  readonly tokens: number;
  readonly unpriced: number;
  /** Nano-dollars an hour, over the last sixty minutes. */
  readonly burn: number;
};
export type SpendReport = {
  readonly by: SpendDimension;
  readonly rows: readonly Spend[];
  readonly total: Spend;
  /** The last 24 hours, oldest first. */
  readonly hours: readonly number[];
  readonly partial: boolean;
};

export type Get = <Answer>(
  path: string,
  query?: Readonly<Record<string, string | number | boolean | undefined>>,
) => Promise<Answer>;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const daysShown = 30;
const weekDays = 7;
const hoursShown = 24;
const valuesMax = 100;

export async function readSpend(get: Get, by: SpendDimension, now: number): Promise<SpendReport> {
  const today = Math.floor(now / dayMs) * dayMs;
  const since = today - (daysShown - 1) * dayMs;
  const ask = (query: Record<string, string | number>) =>
    get<HistogramAnswer>("/api/logs/histogram", { until_ms: now + 1, order: "cost", ...query });
  const [daily, all, hourly, lately, latelyAll] = await Promise.all([
    ask({ since_ms: since, grain: "day", by, top: valuesMax }),
    ask({ since_ms: since, grain: "day" }),
    ask({ since_ms: Math.floor(now / hourMs) * hourMs - (hoursShown - 1) * hourMs, grain: "hour" }),
    ask({ since_ms: now - hourMs, grain: "minute", by, top: valuesMax }),
    ask({ since_ms: now - hourMs, grain: "minute" }),
  ]);
  const burns = new Map(lately.series.map(({ value, total }) => [value, total.cost_nano]));
  const rows = daily.series.map((series) => spendOf(series, since, burns.get(series.value) ?? 0));
  const whole = all.series[0];
  return {
    by,
    rows,
    total: spendOf(whole ?? nothing, since, latelyAll.series[0]?.total.cost_nano ?? 0),
    hours: slots(hourly.series[0], Math.floor(now / hourMs) * hourMs - (hoursShown - 1) * hourMs, hourMs, hoursShown),
    partial: daily.partial || all.partial,
  };
}

function spendOf(series: HistogramSeries, since: number, burn: number): Spend {
  const days = slots(series, since, dayMs, daysShown);
  const sum = (count: number) => days.slice(-count).reduce((total, day) => total + day, 0);
  const { total } = series;
  return {
    value: series.value ?? "",
    name: series.name ?? series.value ?? "",
    today: sum(1),
    week: sum(weekDays),
    month: sum(daysShown),
    days,
    requests: total.requests,
    errors: total.errors,
    tokens: total.tokens_in + total.tokens_out,
    unpriced: total.unpriced,
    burn,
  };
}

function slots(series: HistogramSeries | undefined, since: number, length: number, count: number): readonly number[] {
  const values = new Array<number>(count).fill(0);
  for (const { at_ms: at, sums } of series?.buckets ?? []) {
    const index = Math.floor((at - since) / length);
    if (index >= 0 && index < count) values[index]! += sums.cost_nano;
  }
  return values;
}

const nothing: HistogramSeries = {
  value: null,
  name: null,
  total: { requests: 0, errors: 0, tokens_in: 0, tokens_out: 0, unpriced: 0, cost_nano: 0 } as Sums,
  buckets: [],
};

/** With what an override adds. */
export function limitOf({ limit_nano: limit, override }: BudgetView): number {
  return limit + (override?.extra_nano ?? 0);
}

/** When a budget runs out if it goes on as in the last hour; undefined: not before it begins again. */
export function emptyAt(budget: BudgetView, burn: number, now: number): number | undefined {
  if (budget.spent_nano === null || burn <= 0) return undefined;
  const left = Math.max(0, limitOf(budget) - budget.spent_nano - (budget.held_nano ?? 0));
  const at = now + (left / burn) * hourMs;
  return budget.resets_at_ms !== null && at >= budget.resets_at_ms ? undefined : at;
}
