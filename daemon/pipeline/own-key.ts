/** `GET /v1/key`: what the holder of a key may spend and use, and when it resets; for its owners too. Never a secret. */
import type { IncomingHttpHeaders } from "node:http";
import type { OwnerRules } from "../governance/directory.ts";
import type { BudgetState, LimitState, ScopeState } from "../governance/peek.ts";
import { authenticate } from "./authenticate.ts";
import type { Plane } from "./plane.ts";

const nanoPerDollar = 1e9;

export function describeOwnKey(headers: IncomingHttpHeaders, plane: Plane, nowMs: number): object {
  const { keys, plans } = plane;
  const open = plane.generation.data.auth.inference === "open";
  const { keyRow, scopes: chain, models } = authenticate(headers, keys, open, nowMs);
  const policy = keyRow < 0 ? undefined : keys.policy(keyRow);
  const shown = (scope: number) => {
    const state = plane.peek(scope, nowMs);
    if (state === undefined) return [];
    return [{ scope: state.label, ...listsOf(plans.rulesOf(scope)), ...numbersOf(state, nowMs) }];
  };
  // Limits for everybody are not shown: what others use is no holder's business.
  const scopes = [...chain, ...chain.flatMap(plans.limitsOf)].flatMap(shown);
  const tightest = scopes
    .flatMap(({ budgets }) => budgets.filter(({ enforced }) => enforced))
    .toSorted((one, other) => one.remaining - other.remaining)[0];
  const providers = policy?.providers?.map(({ provider, scope, ...lists }) => {
    const state = scope === undefined ? undefined : plane.peek(scope, nowMs);
    return { provider, ...listsOf(lists), ...(state === undefined ? {} : numbersOf(state, nowMs)) };
  });
  return {
    data: {
      label: scopes[0]?.scope ?? null,
      models,
      blocked: policy?.blocked ?? [],
      providers: providers ?? null,
      operations: policy?.operations ?? null,
      aliases: policy?.aliases ?? {},
      required: policy?.required ?? [],
      expires_at: timeText(keyRow < 0 ? undefined : keys.endsAt(keyRow)),
      limit: tightest?.limit ?? null,
      usage: tightest?.usage ?? null,
      limit_remaining: tightest?.remaining ?? null,
      limit_reset: tightest?.resets_at ?? null,
    },
    scopes,
  };
}

/** `models`: null is all. */
function listsOf(rules: Pick<OwnerRules, "models" | "blocked"> | undefined) {
  return { models: rules?.models ?? null, blocked: rules?.blocked ?? [] };
}

function timeText(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

function numbersOf({ budgets, limits, heldNano, inFlight, concurrencyMax }: ScopeState, nowMs: number) {
  return {
    budgets: budgets.map((budget) => dollarsOf(budget, heldNano)),
    limits: limits.map((limit) => countsOf(limit, nowMs)),
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
    resets_at: timeText(resetsAtMs),
    enforced: wouldRefuse === undefined,
  };
}

/** Windows slide: it is whole again then, if nobody else comes. */
function countsOf({ metric, limit, used, windowMs, wholeInMs, wouldRefuse }: LimitState, nowMs: number) {
  const per = metric === "spend" ? nanoPerDollar : 1;
  return {
    metric,
    limit: limit / per,
    used: used / per,
    remaining: Math.max(0, limit - used) / per,
    window_seconds: windowMs / 1_000,
    resets_at: used === 0 ? null : timeText(nowMs + wholeInMs),
    enforced: wouldRefuse === undefined,
  };
}
