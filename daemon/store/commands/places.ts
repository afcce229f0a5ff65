/** Which slot each budget and limit of a scope stands in. Hides that one that stays keeps its slot, anchor and spend. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import { type Budget, budgetsPerScopeMax, limitsPerScopeMax, type RateLimit } from "../../governance/definitions.ts";
import type { BudgetInput, LimitInput } from "./command.ts";

export const allSlots: ReadonlySet<number> = new Set(Array.from({ length: budgetsPerScopeMax }, (_, slot) => slot));

/** A budget keeps its slot and anchor while its window stays; slots that are new or gone start from zero. Wallets stay. */
export function placeBudgets(
  before: readonly Budget[],
  wanted: readonly BudgetInput[],
  nowMs: number,
): { readonly budgets: readonly Budget[]; readonly fresh: ReadonlySet<number> } {
  const wallets = before.filter(({ wallet }) => wallet);
  if (wanted.length + wallets.length > budgetsPerScopeMax) {
    throw new GatewayError("invalid_request", `at most ${budgetsPerScopeMax} budgets a scope`, { param: "budgets" });
  }
  const others = before.filter(({ wallet }) => !wallet);
  const taken = wallets.map(({ slot }) => slot);
  const kept = place(
    others,
    wanted,
    taken,
    (one, other) => JSON.stringify(one.window) === JSON.stringify(other.window),
    (one, other) => (one.shadow === true) === (other.shadow === true),
  );
  const fresh = new Set(allSlots);
  for (const slot of taken) fresh.delete(slot);
  const budgets = kept.map(({ slot, old, value }) => {
    if (old !== undefined) fresh.delete(slot);
    return {
      slot,
      limitNano: value.limitNano,
      window: value.window,
      anchorMs: old?.anchorMs ?? nowMs,
      ...(value.shadow ? { shadow: true } : {}),
      ...(old?.extraNano === undefined ? {} : { extraNano: old.extraNano, extraUntilMs: old.extraUntilMs }),
    };
  });
  return { budgets: [...wallets, ...budgets], fresh };
}

/** By its beginning the shared tables tell a budget from the one before it. */
export function anew({ anchorMs }: Budget, nowMs: number): number {
  return anchorMs === nowMs ? nowMs + 1 : nowMs;
}

export function placeLimits(before: readonly RateLimit[], wanted: readonly LimitInput[]): readonly RateLimit[] {
  if (wanted.length > limitsPerScopeMax) {
    throw new GatewayError("invalid_request", `at most ${limitsPerScopeMax} limits a scope`, { param: "limits" });
  }
  const same = (one: LimitInput, other: LimitInput) => one.metric === other.metric && one.windowMs === other.windowMs;
  return place(before, wanted, [], same).map(({ slot, value }) => ({
    slot,
    metric: value.metric,
    limit: value.limit,
    windowMs: value.windowMs,
    ...(value.shadow ? { shadow: true } : {}),
  }));
}

function place<Old extends { slot: number }, Wanted>(
  before: readonly Old[],
  wanted: readonly Wanted[],
  taken: readonly number[],
  same: (old: Old, wanted: Wanted) => boolean,
  /** Of several that are the same, this one. */
  rather: (old: Old, wanted: Wanted) => boolean = () => true,
): { slot: number; old: Old | undefined; value: Wanted }[] {
  const left = [...before];
  const take = (fits: (old: Old) => boolean): Old | undefined => {
    const at = left.findIndex(fits);
    return at < 0 ? undefined : left.splice(at, 1)[0];
  };
  const exact = wanted.map((value) => take((old) => same(old, value) && rather(old, value)));
  const matched = wanted.map((value, index) => ({ value, old: exact[index] ?? take((old) => same(old, value)) }));
  const used = new Set([...taken, ...matched.flatMap(({ old }) => old?.slot ?? [])]);
  return matched.map(({ value, old }) => {
    let slot = old?.slot ?? 0;
    if (old === undefined) while (used.has(slot)) slot += 1;
    used.add(slot);
    return { slot, old, value };
  });
}
