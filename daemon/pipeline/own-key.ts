/** `GET /v1/key`: what the holder of a key may spend and use, and when it resets; for its owners too. Never a secret. */
import type { IncomingHttpHeaders } from "node:http";
import type { BudgetState, LimitState, ScopeState } from "../governance/peek.ts";
import { authenticate } from "./authenticate.ts";
import type { Plane } from "./plane.ts";

const nanoPerDollar = 1e9;

export function describeOwnKey(headers: IncomingHttpHeaders, plane: Plane, nowMs: number): object {
  const open = plane.generation.data.auth.inference === "open";
  const caller = authenticate(headers, plane.keys, open, nowMs);
  const scopes = caller.scopes.flatMap((scope) => {
    const state = plane.peek(scope, nowMs);
    return state === undefined ? [] : [{ scope: state.label, ...numbersOf(state) }];
  });
  const tightest = scopes
    .flatMap(({ budgets }) => budgets.filter(({ enforced }) => enforced))
    .toSorted((one, other) => one.remaining - other.remaining)[0];
  return {
    data: {
      label: scopes[0]?.scope ?? null,
      models: caller.models,
      limit: tightest?.limit ?? null,
      usage: tightest?.usage ?? null,
      limit_remaining: tightest?.remaining ?? null,
      limit_reset: tightest?.resets_at ?? null,
    },
    scopes,
  };
}

function numbersOf({ budgets, limits, heldNano, inFlight, concurrencyMax }: ScopeState) {
  return {
    budgets: budgets.map((budget) => dollarsOf(budget, heldNano)),
    limits: limits.map(countsOf),
    concurrency: { limit: concurrencyMax ?? null, in_flight: inFlight },
  };
}

/** Dollars, as such answers are read elsewhere; a shadow budget bounds nothing and is told apart. */
function dollarsOf({ limitNano, extraNano = 0, spentNano, resetsAtMs, wouldRefuse }: BudgetState, heldNano: number) {
  const limit = limitNano + extraNano;
  return {
    limit: limit / nanoPerDollar,
    usage: spentNano / nanoPerDollar,
    held: heldNano / nanoPerDollar,
    remaining: Math.max(0, limit - spentNano - heldNano) / nanoPerDollar,
    resets_at: resetsAtMs === undefined ? null : new Date(resetsAtMs).toISOString(),
    enforced: wouldRefuse === undefined,
  };
}

function countsOf({ metric, limit, used, windowMs, wouldRefuse }: LimitState) {
  const per = metric === "spend" ? nanoPerDollar : 1;
  return {
    metric,
    limit: limit / per,
    used: used / per,
    remaining: Math.max(0, limit - used) / per,
    window_seconds: windowMs / 1_000,
    enforced: wouldRefuse === undefined,
  };
}
