/**
 * What Prometheus is told of requests, counted in the traffic writer's thread from the groups of its batches. Hides
 * that label sets are bounded: beyond the bound a request is counted under `_OTHER`, so that totals stay right.
 */

import { type Group, readTags } from "../store/rollup-groups.ts";
import { requestColumn as column, requestFlag } from "../store/rows.ts";
import type { RowValue } from "../store/sender.ts";
import { errorType } from "./error-types.ts";

/** What tells one series from another. Empty: none. */
export const seriesLabels = [
  ...(["route", "provider", "model", "alias", "stream", "status", "error", "key_id", "credential"] as const),
  ...(["team", "customer", "fallback", "engine", "rule"] as const),
] as const;
export type SeriesLabel = (typeof seriesLabels)[number];

/** Upper bounds of buckets; each histogram has one more for what lies above. Seconds, bytes, counts. */
export const bounds = {
  duration: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
  overhead: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
  gap: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
  bytes: [256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216],
  retries: [0, 1, 2, 3, 5, 10],
} as const;

export const histogramBounds = {
  latency: bounds.duration,
  ttft: bounds.duration,
  upstream: bounds.duration,
  overhead: bounds.overhead,
  tokenGap: bounds.gap,
  bytesIn: bounds.bytes,
  bytesOut: bounds.bytes,
  retries: bounds.retries,
} as const;
export type HistogramName = keyof typeof histogramBounds;

/** `counts` are not cumulative. */
export type Histogram = { counts: number[]; sum: number };
export type Exemplar = {
  readonly request: string;
  readonly trace: string | null;
  readonly seconds: number;
  readonly at: number;
};

export type Series = {
  /** In the order of `seriesLabels`, then the configured tags. */
  readonly labels: readonly string[];
  readonly sums: number[];
  readonly histograms: Readonly<Record<HistogramName, Histogram>>;
  exemplar: Exemplar | undefined;
};

/** Whether a provider's credential was taken the last time. */
export type CredentialState = { readonly provider: string; readonly credential: string; readonly up: boolean };

/** How often a provider's key was given up for another one. */
export type KeyRotation = {
  readonly provider: string;
  /** As asked. */
  readonly model: string;
  readonly credential: string;
  /** In the Go gateway's vocabulary. */
  readonly reason: string;
  readonly count: number;
};

export type MetricSnapshot = {
  readonly series: readonly Series[];
  readonly credentials: readonly CredentialState[];
  readonly rotations: readonly KeyRotation[];
  /** Requests that were counted under `_OTHER`. */
  readonly overflow: number;
};

export type MetricSettings = { readonly seriesMax: number; readonly tags: readonly string[] };
export type MetricStore = {
  add(groups: readonly Group[]): void;
  snapshot(): MetricSnapshot;
  use(settings: MetricSettings): void;
};

export const other = "_OTHER";
const credentialsMax = 10_000;

export function createMetricStore(first: MetricSettings): MetricStore {
  let settings = first;
  let series = new Map<string, Series>();
  let overflow = 0;
  const credentials = new Map<string, CredentialState>();
  const rotations = new Map<string, KeyRotation>();

  function add(groups: readonly Group[]): void {
    for (const group of groups) {
      const trail = trailOf(group.sample);
      const labels = labelsOf(group, trail, settings.tags);
      const name = labels.join("\u0000");
      let found = series.get(name);
      if (found === undefined) {
        if (series.size >= settings.seriesMax) {
          overflow += group.sums[0]!;
          found = otherSeries(labels);
        } else {
          found = emptySeries(labels);
          series.set(name, found);
        }
      }
      addGroup(found, group, trail.retries);
      noteCredential(group);
      noteRotations(group, trail);
    }
  }

  /** Route and status are few and stay; the rest is given up. */
  function otherSeries(labels: readonly string[]): Series {
    const kept: readonly string[] = ["route", "stream", "status"] satisfies SeriesLabel[];
    const changed = labels.map((value, index) =>
      value === "" || kept.includes(seriesLabels[index] ?? "") ? value : other,
    );
    const name = changed.join("\u0000");
    const found = series.get(name) ?? emptySeries(changed);
    series.set(name, found);
    return found;
  }

  function noteCredential({ sample }: Group): void {
    const [provider, credential] = [sample[column.provider], sample[column.credential]];
    if (typeof provider !== "string" || typeof credential !== "string" || credentials.size >= credentialsMax) return;
    const up = sample[column.error] !== "upstream_credential";
    credentials.set(`${provider}/${credential}`, { provider, credential, up });
  }

  /** An attempt whose next one went to the same target with another key. */
  function noteRotations({ sample, sums }: Group, { attempts }: Trail): void {
    for (const [index, { target, credential, error, status }] of attempts.entries()) {
      const next = attempts[index + 1];
      if (credential === undefined || error === undefined || next?.target !== target) continue;
      if (next.credential === undefined || next.credential === credential) continue;
      const provider = target.slice(0, target.indexOf("/"));
      const reason = errorType(error, String(status ?? ""));
      const labels = { provider, model: String(sample[column.model] ?? ""), credential, reason };
      const name = Object.values(labels).join("\u0000");
      const count = (rotations.get(name)?.count ?? 0) + sums[0]!;
      if (count > sums[0]! || rotations.size < settings.seriesMax) rotations.set(name, { ...labels, count });
    }
  }

  return {
    add,
    snapshot: () => ({
      ...{ series: [...series.values()], credentials: [...credentials.values()], overflow },
      rotations: [...rotations.values()],
    }),
    use(next) {
      if (next.tags.join() !== settings.tags.join()) series = new Map(); // other labels: a counter begins anew
      settings = next;
    },
  };
}

function labelsOf({ sample, keyId }: Group, trail: Trail, tagNames: readonly string[]): string[] {
  const text = (index: number): string => String(sample[index] ?? "");
  const target = text(column.target);
  const provider = text(column.provider);
  const labels: Readonly<Record<SeriesLabel, string>> = {
    route: text(column.route),
    provider,
    model: target === "" ? "" : target.slice(provider.length + 1),
    // A name that led nowhere may be anything, and would be a series each.
    alias: target === "" ? "" : text(column.model),
    stream: sample[column.stream] === 1 ? "true" : "false",
    status: text(column.status),
    error: text(column.error),
    key_id: keyId === 0 ? "" : String(keyId),
    credential: text(column.credential),
    team: text(column.team),
    customer: text(column.customer),
    fallback: (Number(sample[column.flags]) & requestFlag.fallback) === 0 ? "0" : String(trail.retries),
    engine: trail.engine,
    rule: trail.rule,
  };
  const tags = tagNames.length === 0 ? {} : readTags(sample[column.tags]);
  return [...seriesLabels.map((name) => labels[name]), ...tagNames.map((name) => tags[name] ?? "")];
}

type Trail = {
  /** Attempts after the first. */
  readonly retries: number;
  readonly attempts: readonly {
    target: string;
    credential?: string;
    reason: string;
    error?: string;
    status?: number;
  }[];
  /** The routing rule that decided, and what chose among targets: words of the Go gateway. */
  readonly rule: string;
  readonly engine: string;
};
const noTrail: Trail = { retries: 0, attempts: [], rule: "", engine: "" };

/** How a request went, where it took a turn or somebody chose; as `record` writes it. */
function trailOf(sample: readonly RowValue[]): Trail {
  const text = sample[column.attempts];
  if (typeof text !== "string") return noTrail;
  try {
    const stored = JSON.parse(text) as
      | Trail["attempts"]
      | { attempts?: Trail["attempts"]; decision?: { rules?: readonly string[]; strategy?: string } };
    const { attempts = [], decision = {} } = "length" in stored ? { attempts: stored } : stored;
    const rule = decision.rules?.at(-1) ?? "";
    return {
      retries: Math.max(0, attempts.filter(({ reason }) => reason !== "skipped").length - 1),
      ...{ attempts, rule, engine: rule !== "" ? "routing-rule" : decision.strategy ? "loadbalancing" : "" },
    };
  } catch {
    return noTrail;
  }
}

function emptySeries(labels: readonly string[]): Series {
  const histograms = Object.fromEntries(
    Object.entries(histogramBounds).map(([name, limits]) => [
      name,
      { counts: new Array<number>(limits.length + 1).fill(0), sum: 0 },
    ]),
  ) as unknown as Series["histograms"];
  return { labels, sums: [], histograms, exemplar: undefined };
}

function addGroup(series: Series, group: Group, retries: number): void {
  for (let index = 0; index < group.sums.length; index++)
    series.sums[index] = (series.sums[index] ?? 0) + group.sums[index]!;
  const { histograms } = series;
  for (const ms of group.latencies) observe(histograms.latency, bounds.duration, ms / 1_000);
  for (const ms of group.ttfts) observe(histograms.ttft, bounds.duration, ms / 1_000);
  for (const ms of group.upstreams) observe(histograms.upstream, bounds.duration, ms / 1_000);
  for (const ms of group.overheads) observe(histograms.overhead, bounds.overhead, ms / 1_000);
  for (const ms of group.tokenGaps) observe(histograms.tokenGap, bounds.gap, ms / 1_000);
  for (const bytes of group.bytesIn) observe(histograms.bytesIn, bounds.bytes, bytes);
  for (const bytes of group.bytesOut) observe(histograms.bytesOut, bounds.bytes, bytes);
  for (let row = 0; row < group.sums[0]!; row++) observe(histograms.retries, bounds.retries, retries);
  series.exemplar = {
    request: String(group.sample[column.id]),
    trace: group.sample[column.trace] as string | null,
    seconds: (group.latencies[0] ?? 0) / 1_000,
    at: Number(group.sample[column.at]),
  };
}

function observe(histogram: Histogram, limits: readonly number[], value: number): void {
  let bucket = 0;
  while (bucket < limits.length && value > limits[bucket]!) bucket++;
  histogram.counts[bucket]!++;
  histogram.sum += value;
}
