/** Gathers what `GET /metrics` tells: series from the traffic writer, gauges from wherever they are kept. */
import { readdirSync, readFileSync } from "node:fs";
import type { DroppedAnswer } from "../admin/contract/log-statistics.ts";
import type { MetricsData } from "../config/telemetry-data.ts";
import type { WriterName } from "../store/writer-status.ts";
import { readStatus } from "../store/writer-status.ts";
import type { MetricSet } from "../telemetry/metric-families.ts";
import type { MetricSnapshot } from "../telemetry/metric-store.ts";
import { type DaemonSamples, type MetricNames, renderMetrics } from "../telemetry/metrics.ts";
import { sumStages } from "../telemetry/stages.ts";
import type { BudgetedKind, BudgetGauge } from "./budget-gauges.ts";
import type { ShadowCount } from "./shadow-counts.ts";
import { version } from "./version.ts";
import type { WorkerCounts } from "./workers.ts";

export type MetricsOptions = {
  settings(): MetricsData;
  /** From the traffic writer. */
  snapshot(): Promise<MetricSnapshot>;
  readonly names: MetricNames;
  readonly status: Int32Array;
  counts(): readonly WorkerCounts[];
  openHolds(): number;
  generation(): number;
  dropped(): DroppedAnswer;
  listeners(): number;
  routing(): RoutingState;
  shadow(): readonly ShadowCount[];
  /** Asked only where LiteLLM's names are wanted. */
  budgets(): readonly BudgetGauge[];
  /** Alerts that hold now, by severity. */
  alerts(): ReadonlyMap<string, number>;
  readonly startedAtMs: number;
};

/** What routing has counted since the start, and which targets are left alone now. */
export type RoutingState = {
  readonly rules: readonly { readonly name: string; readonly held: number; readonly errors: number }[];
  readonly breakers: readonly { readonly target: string; readonly open: boolean; readonly openings: number }[];
  readonly remaining: readonly { readonly target: string; readonly requests?: number; readonly tokens?: number }[];
};

const stores: readonly WriterName[] = ["state", "traffic"];
/** A traffic writer that does not answer must not keep a scrape: the daemon's own figures are told alone. */
const snapshotMs = 2_000;
const nothing: MetricSnapshot = { series: [], credentials: [], rotations: [], overflow: 0 };

export function createMetrics(options: MetricsOptions): { render(openMetrics: boolean): AsyncIterable<string> } {
  async function* render(openMetrics: boolean): AsyncGenerator<string> {
    const settings = options.settings();
    const snapshot = settings.enabled ? await inTime(options.snapshot()) : nothing;
    const sets = new Set<MetricSet>(["own", "bifrost", ...(settings.litellmNames ? (["litellm"] as const) : [])]);
    yield* renderMetrics({
      ...{ snapshot, names: options.names, sets, tags: settings.tags, openMetrics },
      stages: sumStages(options.counts().map(({ stages }) => stages)),
      daemon: samples(options, snapshot, settings.litellmNames ? options.budgets() : []),
    });
  }
  return { render };
}

async function inTime(asked: Promise<MetricSnapshot>): Promise<MetricSnapshot> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<MetricSnapshot>((resolve) => {
    timer = setTimeout(resolve, snapshotMs, nothing);
  });
  try {
    return await Promise.race([asked.catch(() => nothing), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Labels of a target under LiteLLM's names. */
function deployment(target: string): readonly string[] {
  const slash = target.indexOf("/");
  return [target.slice(slash + 1), target, target.slice(0, slash)];
}

function samples(
  options: MetricsOptions,
  { credentials, rotations, overflow }: MetricSnapshot,
  budgets: readonly BudgetGauge[],
): DaemonSamples {
  const of = (kind: BudgetedKind, value: (gauge: BudgetGauge) => number | undefined) =>
    budgets.flatMap((each): [readonly string[], number][] => {
      const told = each.kind === kind ? value(each) : undefined;
      return told === undefined ? [] : [[[each.id, each.name], told]];
    });
  const counts = options.counts();
  const inFlight = counts.reduce((sum, count) => sum + count.inFlight, 0);
  const status = stores.map((store) => [store, readStatus(options.status, store)] as const);
  const one = (value: number | undefined): [readonly string[], number][] => (value === undefined ? [] : [[[], value]]);
  const cpu = process.cpuUsage();
  const routing = options.routing();
  return {
    inFlight: counts.map(({ id, inFlight: running }) => [[String(id)], running]),
    active: one(inFlight),
    liteInFlight: one(inFlight),
    liteKeyLeft: of("key", ({ leftNano }) => leftNano * 1e-9),
    liteKeyMax: of("key", ({ limitNano }) => limitNano * 1e-9),
    liteKeyHours: of("key", ({ resetsInMs }) => resetsInMs && resetsInMs / 3_600_000),
    liteTeamLeft: of("team", ({ leftNano }) => leftNano * 1e-9),
    liteTeamMax: of("team", ({ limitNano }) => limitNano * 1e-9),
    liteTeamHours: of("team", ({ resetsInMs }) => resetsInMs && resetsInMs / 3_600_000),
    liteUserLeft: of("user", ({ leftNano }) => leftNano * 1e-9),
    liteUserMax: of("user", ({ limitNano }) => limitNano * 1e-9),
    liteUserHours: of("user", ({ resetsInMs }) => resetsInMs && resetsInMs / 3_600_000),
    liteOrgLeft: of("customer", ({ leftNano }) => leftNano * 1e-9),
    liteOrgMax: of("customer", ({ limitNano }) => limitNano * 1e-9),
    liteOrgHours: of("customer", ({ resetsInMs }) => resetsInMs && resetsInMs / 3_600_000),
    liteState: routing.breakers.map(({ target, open }) => [deployment(target), open ? 2 : 0]),
    liteCooled: routing.breakers.map(({ target, openings }) => [deployment(target), openings]),
    remaining: routing.remaining.flatMap(({ target, ...left }) =>
      Object.entries(left).map(([kind, value]): [readonly string[], number] => [[target, kind], value]),
    ),
    liteRequestsLeft: routing.remaining.flatMap(({ target, requests }): [readonly string[], number][] =>
      requests === undefined ? [] : [[deployment(target), requests]],
    ),
    liteTokensLeft: routing.remaining.flatMap(({ target, tokens }): [readonly string[], number][] =>
      tokens === undefined ? [] : [[deployment(target), tokens]],
    ),
    accepted: counts.map(({ id, total }) => [[String(id)], total]),
    dropped: Object.entries(options.dropped()).map(([kind, count]) => [[kind], count]),
    commitLag: status.map(([store, { lagMs }]) => [[store], lagMs / 1_000]),
    commits: status.map(([store, { commits }]) => [[store], commits]),
    rows: status.map(([store, { rows }]) => [[store], rows]),
    failures: status.map(([store, { failures }]) => [[store], failures]),
    healthy: status.map(([store, { health }]) => [[store], health === "unhealthy" ? 0 : 1]),
    holds: one(options.openHolds()),
    credential: credentials.map(({ provider, credential, up }) => [[provider, credential, credential], up ? 1 : 0]),
    rotations: rotations.map(({ provider, model, credential, reason, count }) => [
      [provider, model, credential, credential, reason],
      count,
    ]),
    listeners: one(options.listeners()),
    ruleMatches: routing.rules.map(({ name, held }) => [[name], held]),
    ruleErrors: routing.rules.map(({ name, errors }) => [[name], errors]),
    breaker: routing.breakers.map(({ target, open }) => [[target], open ? 1 : 0]),
    openings: routing.breakers.map(({ target, openings }) => [[target], openings]),
    shadow: options.shadow(),
    generation: one(options.generation()),
    alertsFiring: [...options.alerts()].map(([severity, count]) => [[severity], count]),
    overflow: one(overflow),
    info: [[[version], 1]],
    memory: one(residentBytes()),
    cpu: one((cpu.user + cpu.system) / 1e6),
    started: one(options.startedAtMs / 1_000),
    descriptors: one(openDescriptors()),
  };
}

/** Not `process.memoryUsage()`, which throws where /proc is not mounted. */
export function residentBytes(): number | undefined {
  try {
    const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024;
  } catch {
    return undefined;
  }
}

function openDescriptors(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return undefined;
  }
}
