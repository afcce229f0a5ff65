/**
 * What happens to customers, teams, users, end users, tags and limits by model and provider: all are scopes in one
 * tree, and one service makes, shows, changes and removes them.
 */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { ScopeDefinition } from "../../governance/definitions.ts";
import { windowAt } from "../../governance/windows.ts";
import type { CommandResult } from "../../store/commands/command.ts";
import type { Action, OwnerServices } from "../admin-services.ts";
import type {
  BudgetListAnswer,
  CreateOwnerRequest,
  LimitListAnswer,
  OverrideRequest,
  OwnerKind,
  OwnerListAnswer,
  OwnerListQuery,
  OwnerView,
  UpdateOwnerRequest,
  WalletAnswer,
} from "../contract/owners.ts";
import { assertMatch, assertOurs, etagOf, type Governance } from "./governance.ts";
import { budgetInputs, mergeLimits } from "./limit-change.ts";
import { readCursor, sliceOf } from "./list-order.ts";
import { checkNames } from "./name-check.ts";
import { changedAttributes, newAttributes, parentOf, referenceTo } from "./owner-change.ts";
import { idPrefixes } from "./owner-rows.ts";
import { assertBelow, parentWithin } from "./reach.ts";
import { unused, viewBudgets, viewLimits } from "./scope-view.ts";

const pageDefault = 100;
/** What a kind may belong to when its parent is not named. */
const ownerParents: Readonly<Record<OwnerKind, readonly string[]>> = {
  ...{ customer: [], team: ["customer"], user: ["team", "customer"], end_user: [], tag: [], provider_limit: [] },
  model_limit: ["customer", "team", "user"],
};
const walletEntriesMax = 100;

export function createOwnerService(governance: Governance): OwnerServices {
  const { rows, memory, inTurn, now, reach } = governance;

  function view(scope: ScopeDefinition): OwnerView {
    const usage = memory.usage(scope);
    const { description, metadata = {}, models, blocked = [], disabled, match } = scope.attributes ?? {};
    return {
      id: rows.publicId(scope),
      kind: scope.kind as OwnerKind,
      name: scope.name,
      source: scope.source ?? "database",
      description: description ?? null,
      metadata,
      parent: referenceTo(rows, scope.parentId),
      models: models ?? null,
      blocked,
      disabled: disabled ?? false,
      match: match ?? null,
      budgets: viewBudgets(scope, usage),
      limits: viewLimits(scope, usage),
      concurrency_max: scope.concurrencyMax ?? null,
      in_flight: usage.inFlight ?? null,
      created_at_ms: scope.createdAtMs ?? 0,
      etag: etagOf(scope.change),
    };
  }

  function find(kind: OwnerKind, reference: string): ScopeDefinition {
    return rows.mustFind(kind, reference, kind);
  }

  /** What may be changed here: not the file's, and not another version than the client's. */
  function findOurs(kind: OwnerKind, reference: string, action: Action): ScopeDefinition {
    const scope = find(kind, reference);
    assertBelow(reach, scope);
    assertOurs(scope.source, `${kind.replace("_", " ")} "${scope.name}"`);
    assertMatch(action, etagOf(scope.change));
    return scope;
  }

  function take(result: CommandResult, action: Action): ScopeDefinition {
    action.recorded();
    memory.apply(result);
    const [scope] = result.scopes;
    if (scope === undefined) throw new Error(`${action.name} left nothing`);
    return scope;
  }

  function assertFree(kind: OwnerKind, name: string): void {
    if (!rows.isTaken(kind, name)) return;
    const what = kind.replace("_", " ");
    throw new GatewayError("conflict", `there is ${what === "end user" ? "an" : "a"} ${what} "${name}" already`, {
      param: "name",
    });
  }

  async function create(kind: OwnerKind, request: CreateOwnerRequest, action: Action) {
    const name = request.name ?? limitName(request);
    const parentId = parentWithin(reach, parentOf(rows, request), ownerParents[kind])?.id;
    assertBelow(reach, { id: 0, kind, parentId });
    assertFree(kind, name);
    assertLimits(kind, request);
    const warned = checkNames(request, await governance.known?.());
    const result = await governance.execute(
      {
        kind: "create_scope",
        scopeKind: kind,
        publicId: governance.publicId(idPrefixes[kind]),
        name,
        parentId,
        attributes: newAttributes(kind, request),
        budgets: budgetInputs(request.budgets ?? []),
        limits: mergeLimits([], request.limits ?? []),
        concurrencyMax: request.concurrency_max,
        spentNano: request.spent_nano,
      },
      action.actor,
    );
    return { owner: view(take(result, action)), ...warned };
  }

  async function update(kind: OwnerKind, reference: string, request: UpdateOwnerRequest, action: Action) {
    const scope = findOurs(kind, reference, action);
    const { name, budgets, limits } = request;
    if (name !== undefined && name !== scope.name) assertFree(kind, name);
    const parent = parentOf(rows, request);
    if (parent === null) parentWithin(reach, parent, []);
    const warned = checkNames(request, await governance.known?.());
    const result = await governance.execute(
      {
        kind: "update_scope",
        scopeId: scope.id,
        name,
        parentId: parent === undefined ? undefined : (parent?.id ?? null),
        attributes: changedAttributes(scope.attributes, request),
        budgets: budgets === undefined ? undefined : budgetInputs(budgets ?? []),
        limits: limits === null ? [] : limits && mergeLimits(scope.limits, limits),
        concurrencyMax: request.concurrency_max,
        resetsBudgets: request.reset_budget_usage,
        ...(scope.source === "runtime" ? { source: "database" } : {}),
      },
      action.actor,
    );
    return { owner: view(take(result, action)), ...warned };
  }

  async function remove(kind: OwnerKind, reference: string, action: Action) {
    const scope = findOurs(kind, reference, action);
    const result = await governance.execute({ kind: "delete_scope", scopeId: scope.id }, action.actor);
    action.recorded();
    memory.apply(result);
    return { owner: view(scope) };
  }

  function list(kind: OwnerKind, query: OwnerListQuery): OwnerListAnswer {
    const { customer = query.customer_id, team = query.team_id, user, key, search } = query;
    const slice = sliceOf(query);
    const { limit, offset, hasCursor } = slice;
    const parentId = parentOf(rows, { customer, team, user, key })?.id;
    const filter = { kinds: [kind], search, parentId };
    const found = rows.page({ ...filter, ...slice, limit: limit + 1 });
    const page = found.slice(0, limit);
    return {
      owners: page.map(view),
      count: page.length,
      total_count: rows.count(filter),
      ...{ limit, offset },
      next: hasCursor && found.length > limit ? `${page.at(-1)!.id}` : null,
    };
  }

  async function override(scope: ScopeDefinition, slot: number, request: OverrideRequest | null, action: Action) {
    const budget = scope.budgets.find((each) => each.slot === slot);
    if (budget === undefined)
      throw new GatewayError("not_found", `${scope.kind} "${scope.name}" has no budget ${slot}`);
    const extraUntilMs =
      request?.mode === "cycles"
        ? endOfCycles(budget.window, budget.anchorMs, request.cycles ?? 1, now())
        : request?.until_ms;
    if (extraUntilMs !== undefined && extraUntilMs <= now())
      throw new GatewayError("invalid_request", '"until_ms": is over already', { param: "until_ms" });
    const extraNano = request?.extra_nano ?? null;
    const command = { kind: "set_override", scopeId: scope.id, slot, extraNano, extraUntilMs } as const;
    return budgetView(take(await governance.execute(command, action.actor), action), slot);
  }

  async function reset(scope: ScopeDefinition, slot: number, action: Action) {
    const command = { kind: "reset_budget", scopeId: scope.id, slot } as const;
    return budgetView(take(await governance.execute(command, action.actor), action), slot);
  }

  function budgetView(scope: ScopeDefinition, slot: number) {
    return { budget: viewBudgets(scope, memory.usage(scope)).find((each) => each.slot === slot)! };
  }

  function wallet(scope: ScopeDefinition): WalletAnswer {
    const budget = scope.budgets.find((each) => each.wallet);
    const usage = budget === undefined ? unused : memory.usage(scope);
    const spent = usage.budgets.find(({ slot }) => slot === budget?.slot)?.spentNano;
    const held = budget === undefined ? 0 : usage.heldNano;
    return {
      owner: referenceTo(rows, scope.id)!,
      left_nano: budget === undefined ? 0 : spent === undefined ? null : budget.limitNano - spent - (held ?? 0),
      put_in_nano: budget?.limitNano ?? 0,
      spent_nano: budget === undefined ? 0 : (spent ?? null),
      held_nano: held ?? null,
      entries: rows.walletEntries(scope.id, walletEntriesMax),
    };
  }

  const scopeOf = (kind: OwnerKind | "key", reference: string) => rows.mustFind(kind, reference, kind);
  const changeable = (kind: OwnerKind | "key", reference: string, action: Action) => {
    const scope = scopeOf(kind, reference);
    assertBelow(reach, scope);
    assertMatch(action, etagOf(rows.change(scope)));
    return scope;
  };
  return {
    create: (kind, request, action) => inTurn(() => create(kind, request, action)),
    update: (kind, id, request, action) => inTurn(() => update(kind, id, request, action)),
    remove: (kind, id, action) => inTurn(() => remove(kind, id, action)),
    show: async (kind, id) => ({ owner: view(find(kind, id)) }),
    list: async (kind, query) => list(kind, query),
    override: (kind, id, slot, request, action) =>
      inTurn(async () => override(changeable(kind, id, action), slot, request, action)),
    reset: (kind, id, slot, action) => inTurn(async () => reset(changeable(kind, id, action), slot, action)),
    wallet: async (kind, id) => wallet(scopeOf(kind, id)),
    topUp: (kind, id, { amount_nano: amountNano, note = "" }, action) =>
      inTurn(async () => {
        const scopeId = changeable(kind, id, action).id;
        return wallet(
          take(await governance.execute({ kind: "top_up", scopeId, amountNano, note }, action.actor), action),
        );
      }),
    async budgets({ after, limit = pageDefault, search }): Promise<BudgetListAnswer> {
      const found = rows.withNumbers("budgets", readCursor(after), limit, search);
      const budgets = found.flatMap((scope) => {
        const owner = referenceTo(rows, scope.id)!;
        return viewBudgets(scope, memory.usage(scope)).map((budget) => ({ ...budget, owner }));
      });
      return { budgets, next: found.length === limit ? `${found.at(-1)!.id}` : null };
    },
    async limits({ after, limit = pageDefault, search }): Promise<LimitListAnswer> {
      const found = rows.withNumbers("limits", readCursor(after), limit, search);
      const limits = found.flatMap((scope) => {
        const owner = referenceTo(rows, scope.id)!;
        return viewLimits(scope, memory.usage(scope)).map((each) => ({ ...each, owner }));
      });
      return { limits, next: found.length === limit ? `${found.at(-1)!.id}` : null };
    },
  };
}

/** `openai/gpt-4o for team research`; what it counts is what it is called. */
/** It counts calls and bounds them; without a number it would do neither, and look as if it did. */
function assertLimits(kind: OwnerKind, { budgets = [], limits = [], concurrency_max: most }: CreateOwnerRequest): void {
  if (kind !== "model_limit" && kind !== "provider_limit") return;
  if (budgets.length + limits.length > 0 || most != null) return;
  const message = "a limit needs a number: give budgets, limits or concurrency_max (--budget, --limit, --concurrency)";
  throw new GatewayError("invalid_request", message, { param: "limits" });
}

function limitName({ provider = "*", model = "*", ...owner }: CreateOwnerRequest): string {
  const whose = (["customer", "team", "user", "key"] as const).find((kind) => owner[kind] !== undefined);
  return `${provider}/${model}${whose === undefined ? "" : ` for ${whose} ${owner[whose]}`}`;
}

/** The first cycle is the one under way. */
function endOfCycles(
  window: ScopeDefinition["budgets"][number]["window"],
  anchorMs: number,
  cycles: number,
  nowMs: number,
): number | undefined {
  let end = nowMs;
  for (let cycle = 0; cycle < cycles; cycle++) end = windowAt(window, anchorMs, end).nextMs;
  return Number.isFinite(end) ? end : undefined;
}
