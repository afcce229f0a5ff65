/** What rules are judged by, from wherever it is kept. Hides which sums, scopes and words of memory stand behind a name. */
import { viewSums } from "../../admin/services/log-statistics.ts";
import type { Names } from "../../admin/services/log-view.ts";
import type { AlertRuleData } from "../../config/telemetry-data.ts";
import type { Peek } from "../../governance/peek.ts";
import type { Database } from "../../store/database.ts";
import type { QueryClient } from "../../store/requests.ts";
import { emptySums, type RawSums } from "../../store/rollups.ts";
import type { CredentialState } from "../metric-store.ts";
import type { Facts } from "./conditions.ts";
import type { Judged } from "./engine.ts";

export type FactSources = {
  readonly queries: Pick<QueryClient, "query">;
  readonly names: Names;
  database(): Database;
  readonly peek: Peek;
  credentials(): Promise<readonly CredentialState[]>;
  daemon(): Facts;
};

/** Values of a dimension, and budgets, that are judged in one round. */
const subjectsMax = 1_000;
const budgetsMax = 20_000;
const dollars = 1e-9;

export async function readFacts(sources: FactSources, rule: AlertRuleData, nowMs: number): Promise<readonly Judged[]> {
  switch (rule.on) {
    case "traffic":
      return traffic(sources, rule, nowMs);
    case "credential":
      return credentials(sources, rule, nowMs);
    case "budget":
      return budgets(sources, nowMs);
    case "daemon":
      return [{ subject: "daemon", name: null, facts: { subject: "daemon", ...sources.daemon() } }];
  }
}

async function sums(sources: FactSources, rule: AlertRuleData, nowMs: number, by: "credential" | typeof rule.by) {
  const question = {
    ...{ filter: {}, sinceMs: nowMs - rule.windowMs, untilMs: nowMs, top: subjectsMax, order: "requests" as const },
    ...(by === "all" ? {} : { by }),
  };
  return (await sources.queries.query({ kind: "log_sums", question })).series;
}

async function traffic(sources: FactSources, rule: AlertRuleData, nowMs: number): Promise<readonly Judged[]> {
  const series = await sums(sources, rule, nowMs, rule.by);
  return series.map(({ value, total }) => {
    const key = rule.by === "key" ? sources.names.key(Number(value)) : undefined;
    const subject = key?.publicId ?? value ?? "all";
    return { subject, name: key?.name ?? null, facts: { subject, ...trafficFacts(total) } };
  });
}

function trafficFacts(total: RawSums): Facts {
  const view = viewSums(total);
  const { requests, errors } = view;
  return {
    ...{ requests, errors, error_rate: requests === 0 ? 0 : errors / requests },
    ...{ tokens: view.tokens_in + view.tokens_out, cost: view.cost_nano * dollars },
    ...{ latency_mean: view.latency_mean_ms ?? 0, latency_p50: view.latency_p50_ms ?? 0 },
    ...{ latency_p95: view.latency_p95_ms ?? 0, latency_p99: view.latency_p99_ms ?? 0 },
    ...{ ttft_p50: view.ttft_p50_ms ?? 0, ttft_p99: view.ttft_p99_ms ?? 0, overhead_mean: view.overhead_mean_ms ?? 0 },
  };
}

async function credentials(sources: FactSources, rule: AlertRuleData, nowMs: number): Promise<readonly Judged[]> {
  const [series, states] = await Promise.all([sums(sources, rule, nowMs, "credential"), sources.credentials()]);
  const byName = new Map(series.map(({ value, total }) => [value, total]));
  return states.map(({ provider, credential, up }) => {
    const subject = `${provider}/${credential}`;
    const { requests, errors } = viewSums(byName.get(subject) ?? emptySums());
    const error_rate = requests === 0 ? 0 : errors / requests;
    return { subject, name: null, facts: { subject, provider, up, requests, errors, error_rate } };
  });
}

type BudgetRow = { scope: number; slot: number; kind: string; name: string; public_id: string | null };

async function budgets({ database, peek }: FactSources, nowMs: number): Promise<readonly Judged[]> {
  const rows = database()
    .prepare(
      `SELECT scopes.id AS scope, slot, kind, name, public_id FROM budgets JOIN scopes ON scopes.id = scope_id WHERE deleted_at IS NULL LIMIT ${budgetsMax}`,
    )
    .all() as BudgetRow[];
  return rows.flatMap(({ scope, slot, kind, name, public_id }) => {
    const state = peek(scope, nowMs);
    const budget = state?.budgets.find((each) => each.slot === slot);
    if (state === undefined || budget === undefined) return [];
    const limit = (budget.limitNano + (budget.extraNano ?? 0)) * dollars;
    const [spent, held] = [budget.spentNano * dollars, state.heldNano * dollars];
    const used = limit === 0 ? 1 : (spent + held) / limit;
    const resets = budget.resetsAtMs === undefined ? -1 : (budget.resetsAtMs - nowMs) / 3_600_000;
    const subject = `${kind}:${public_id ?? name}:${slot}`;
    const facts = { subject, kind, used, spent, held, limit, remaining: limit - spent - held, resets_in_hours: resets };
    return [{ subject, name: `${kind} "${name}"`, facts }];
  });
}
