/** Stages of requests as histograms: under our names, and under those of the gateways whose dashboards go on. */
import type { MetricSet } from "./metric-families.ts";
import { type StageHistogram, type StageName, stageBoundsMs } from "./stages.ts";

export type StageFamily = {
  readonly name: string;
  readonly set: MetricSet;
  readonly type: "histogram";
  readonly help: string;
  readonly labels: readonly string[];
  /** Milliseconds to the unit of the name. */
  readonly scale: number;
  /** Value of its label; undefined: not in it. Stages that agree are one series. */
  readonly labelOf: (stage: StageName) => string | undefined;
};

/** The Go gateway's words for what it adds; a provider's own time is in none of them. */
const components: Readonly<Partial<Record<StageName, string>>> = {
  authenticate: "middleware",
  read: "serialization",
  route: "routing",
  queue: "other",
  admit: "plugins",
  encode: "conversion",
  connect: "networking",
  settle: "processing",
  write: "processing",
  record: "miscellaneous",
};

export const stageFamilies: readonly StageFamily[] = [
  {
    ...{ name: "bifrost_stage_duration_seconds", set: "own", type: "histogram", scale: 1e-3, labels: ["stage"] },
    help: "Where the time of requests goes.",
    labelOf: (stage) => stage,
  },
  {
    ...{ name: "bifrost_overhead_component_microseconds", set: "bifrost", type: "histogram", scale: 1e3 },
    help: "What the gateway added, by component.",
    labels: ["overhead_component"],
    labelOf: (stage) => components[stage],
  },
  {
    ...{ name: "litellm_request_queue_time_seconds", set: "litellm", type: "histogram", scale: 1e-3, labels: [] },
    help: "Time that a request waited for a place, in seconds.",
    labelOf: (stage) => (stage === "queue" ? "" : undefined),
  },
];

export function stageText(family: StageFamily, stages: readonly StageHistogram[]): string {
  const series = new Map<string, { counts: number[]; sumMs: number }>();
  for (const { stage, counts, sumMs } of stages) {
    const label = family.labelOf(stage);
    if (label === undefined) continue;
    const known = series.get(label);
    series.set(label, {
      counts: counts.map((count, bucket) => count + (known?.counts[bucket] ?? 0)),
      sumMs: sumMs + (known?.sumMs ?? 0),
    });
  }
  let text = `# HELP ${family.name} ${family.help}\n# TYPE ${family.name} histogram\n`;
  for (const [label, { counts, sumMs }] of series) {
    const own = family.labels.map((name) => `${name}="${label}"`).join(",");
    let cumulative = 0;
    for (const [bucket, count] of counts.entries()) {
      cumulative += count;
      const bound = stageBoundsMs[bucket];
      const limit = bound === undefined ? "+Inf" : String(Number((bound * family.scale).toPrecision(12)));
      text += `${family.name}_bucket{${own === "" ? "" : `${own},`}le="${limit}"} ${cumulative}\n`;
    }
    const braces = own === "" ? "" : `{${own}}`;
    text += `${family.name}_sum${braces} ${sumMs * family.scale}\n${family.name}_count${braces} ${cumulative}\n`;
  }
  return text;
}
