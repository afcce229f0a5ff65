/** How providers are, from the health table that the workers fill. Hides rows and words. */

import { lastFailure } from "../../routing/failures.ts";
import { healthWord } from "../../routing/health-table.ts";
import type { Remaining, TimeKind } from "../../routing/outcomes.ts";
import { concurrencyRow } from "../../routing/places.ts";
import type { Routing } from "../../routing/routing.ts";
import { rulePrefix } from "../../routing/rules.ts";
import type { BreakerView, ProviderHealth, TargetHealth } from "../contract/routing.ts";

const recentMs = 30_000;

export type HealthReport = {
  provider(name: string): ProviderHealth;
  readonly rules: readonly { readonly name: string; readonly held: number; readonly errors: number }[];
  /** Of targets that were ever left alone: names that clients make up never come so far. */
  /** What providers said last is left of their own limits. */
  readonly remaining: readonly ({ readonly target: string } & Partial<Remaining>)[];
  readonly breakers: readonly { readonly target: string; readonly open: boolean; readonly openings: number }[];
};

export function reportHealth(routing: Routing, nowMs: number): HealthReport {
  const { table } = routing;
  const rows = table.rows();
  const targets = rows.filter(({ name }) => !name.startsWith(rulePrefix) && !name.endsWith("/") && name.includes("/"));
  const recent = targets.map(({ row }) => routing.outcomes.recent(row, nowMs, recentMs).requests);
  const ever = targets.map(({ row }) => table.words[row + healthWord.requests]!);
  const counts = sum(recent) > 0 ? recent : ever;
  const total = sum(counts);

  function provider(name: string): ProviderHealth {
    const own = targets.flatMap((target, index) =>
      target.name.startsWith(`${name}/`) ? [{ ...target, count: counts[index]! }] : [],
    );
    const views = own.map(({ row, name: target }) => targetHealth(routing, row, target, nowMs));
    const ownRows = own.map(({ row }) => row);
    const percentile = (share: number) => routing.outcomes.percentileMs(ownRows, nowMs, share, "all") ?? null;
    return {
      breaker: worst(views.map(({ breaker }) => breaker)),
      in_flight: sum(views.map(({ in_flight }) => in_flight)),
      requests: sum(views.map(({ requests }) => requests)),
      failures: sum(views.map(({ failures }) => failures)),
      p50_ms: percentile(0.5),
      p99_ms: percentile(0.99),
      share: total === 0 ? 0 : sum(own.map(({ count }) => count)) / total,
      waiting: waitingAt(routing, name),
      targets: views,
    };
  }

  return {
    provider,
    remaining: targets
      .map(({ row, name }) => ({ target: name, ...routing.outcomes.remaining(row, nowMs) }))
      .filter(({ requests, tokens }) => requests !== undefined || tokens !== undefined),
    breakers: targets
      .map(({ row, name }) => ({ target: name, row, state: routing.breaker.state(row, nowMs) }))
      .filter(({ row, state }) => state !== "closed" || table.words[row + healthWord.closedAt] !== 0)
      .map(({ target, row, state }) => ({
        target,
        open: state === "open",
        openings: table.words[row + healthWord.openings]!,
      })),
    rules: rows
      .filter(({ name }) => name.startsWith(rulePrefix))
      .map(({ row, name }) => ({
        name: name.slice(rulePrefix.length),
        held: table.words[row + healthWord.requests]!,
        errors: table.words[row + healthWord.failures]!,
      })),
  };
}

function targetHealth(routing: Routing, row: number, target: string, nowMs: number): TargetHealth {
  const { table, breaker, outcomes } = routing;
  const { requests, failures } = outcomes.recent(row, nowMs, recentMs);
  const failure = lastFailure(table.words, row, nowMs);
  const percentile = (kind: TimeKind, share: number) => outcomes.percentileMs([row], nowMs, share, kind) ?? null;
  return {
    target,
    breaker: breaker.state(row, nowMs),
    waits_ms: breaker.waitMs(row, nowMs) || null,
    in_flight: table.inFlight(row),
    requests: table.words[row + healthWord.requests]!,
    failures: table.words[row + healthWord.failures]!,
    recent_requests: requests,
    recent_failures: failures,
    p50_ms: percentile("all", 0.5),
    p99_ms: percentile("all", 0.99),
    streamed_p50_ms: percentile("streamed", 0.5),
    streamed_p99_ms: percentile("streamed", 0.99),
    whole_p50_ms: percentile("whole", 0.5),
    whole_p99_ms: percentile("whole", 0.99),
    refused_credentials: table.words[row + healthWord.refusedCredentials]!,
    last_failure: failure?.code ?? null,
    last_failure_ms_ago: failure?.agoMs ?? null,
  };
}

function waitingAt({ table }: Routing, provider: string): number {
  const row = table.peek(concurrencyRow(provider));
  return row === 0 ? 0 : table.lines.waiting(row);
}

const order: readonly BreakerView[] = ["closed", "probing", "open"];

function worst(states: readonly BreakerView[]): BreakerView {
  return states.toSorted((a, b) => order.indexOf(b) - order.indexOf(a))[0] ?? "closed";
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
