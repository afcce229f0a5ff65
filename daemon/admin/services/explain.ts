/**
 * A request's way as `explain` tells it: what was decided, what became of each target, and each attempt. Hides how a row
 * keeps it: an order that leaves nothing to choose is kept as names, and a single target not at all, since it is the
 * one that the row names.
 */
import type { Decision } from "../../routing/plan.ts";
import type { RequestRow } from "../../store/request-log.ts";
import type { AttemptView, ExplainAnswer, LogRow } from "../contract/logs.ts";
import type { DecisionView } from "../contract/routing.ts";

type StoredAttempt = {
  target: string;
  credential?: string;
  reason: string;
  error?: string;
  status?: number;
  costNano?: number;
  heldNano?: number;
  ms?: number;
  startMs?: number;
  waitedMs?: number;
};

/** As `record` writes it. */
type StoredTrail = {
  readonly attempts?: readonly StoredAttempt[];
  readonly decision?: Decision;
  readonly order?: readonly string[];
};

export function explained({ attempts: text }: RequestRow, request: LogRow): Omit<ExplainAnswer, "request"> {
  const stored = typeof text === "string" ? (JSON.parse(text) as StoredTrail | readonly StoredAttempt[]) : undefined;
  const trail: StoredTrail = Array.isArray(stored) ? { attempts: stored } : ((stored ?? {}) as StoredTrail);
  const attempts = readAttempts(trail.attempts, request);
  return { attempts, decision: viewDecision(trail, attempts, request) };
}

function viewDecision(trail: StoredTrail, attempts: readonly AttemptView[], request: LogRow): DecisionView | null {
  const decision = trail.decision ?? orderOf(trail, attempts);
  if (decision.considered.length === 0) return null;
  const known = new Set(decision.considered.map(({ target }) => target));
  // Those that only a failure of their kind leads to stand in no order.
  const others = [...new Set(attempts.map(({ target }) => target))].filter((target) => !known.has(target));
  return {
    rules: decision.rules ?? [],
    strategy: decision.strategy ?? null,
    affinity: decision.affinity ?? null,
    considered: [
      ...decision.considered,
      ...others.map((target) => ({ target, note: "for a failure of its kind" })),
    ].map(({ target, note }, index) => ({
      target,
      note: note ?? null,
      outcome: outcomeOf(target, index < (decision.ordered ?? 0), attempts, request),
    })),
  };
}

/** Of a request whose target was not chosen. */
function orderOf({ order }: StoredTrail, attempts: readonly AttemptView[]): Decision {
  if (order !== undefined)
    return { strategy: "ordered", considered: order.map((target) => ({ target })), ordered: order.length };
  const target = attempts[0]?.target;
  return { considered: target === undefined ? [] : [{ target }] };
}

/** null: not known; rows of older versions do not tell what stood in the order from what was left out. */
function outcomeOf(
  target: string,
  isOrdered: boolean,
  attempts: readonly AttemptView[],
  { error }: LogRow,
): string | null {
  const own = attempts.filter((attempt) => attempt.target === target);
  const last = own.findLast(({ reason }) => reason !== "skipped") ?? own.at(-1);
  if (last !== undefined) {
    if (last.reason === "skipped") return `not asked: ${last.outcome}`;
    return last.outcome === "ok" ? "answered" : last.outcome;
  }
  if (!isOrdered) return null;
  if (attempts.some(({ outcome }) => outcome === "ok")) return "not asked: another answered";
  return error === null ? null : `not asked: ${error} ended the request`;
}

function readAttempts(stored: readonly StoredAttempt[] | undefined, request: LogRow): readonly AttemptView[] {
  if (stored === undefined) {
    if (request.target === null) return [];
    return [
      {
        target: request.target,
        credential: request.credential,
        outcome: request.error ?? "ok",
        reason: "requested",
        status: request.status,
        latency_ms: request.upstream_ms,
        cost_nano: request.cost_nano,
        held_nano: request.held_nano,
        waited_ms: null,
        started_ms: null,
      },
    ];
  }
  return stored.map((attempt) => ({
    target: attempt.target,
    credential: attempt.credential ?? null,
    outcome: attempt.error ?? "ok",
    reason: attempt.reason,
    status: attempt.status ?? null,
    latency_ms: attempt.ms ?? null,
    cost_nano: attempt.costNano ?? null,
    held_nano: attempt.heldNano || null,
    waited_ms: attempt.waitedMs ?? null,
    started_ms: attempt.startMs ?? null,
  }));
}
