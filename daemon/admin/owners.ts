/** Routes of owners and limits, and what their requests may hold: the same for each kind, but for its parents. */
import { z } from "zod";
import type { Permission } from "./admin-services.ts";
import type {
  BudgetListQuery,
  CreateOwnerRequest,
  OverrideRequest,
  OwnerKind,
  OwnerListQuery,
  TopUpRequest,
  UpdateOwnerRequest,
} from "./contract/owners.ts";
import { createSchema, type KindRow, updateSchema } from "./owner-fields.ts";
import { changes, fields, later, queryFields, type Route, reads, strict } from "./route.ts";
import { budgetNanoMax, listFields } from "./scope-fields.ts";

const kinds: readonly KindRow[] = [
  { kind: "customer", path: "customers", resource: "customers", idPrefix: "cust_", parents: [] },
  { kind: "team", path: "teams", resource: "teams", idPrefix: "team_", parents: ["customer"] },
  { kind: "user", path: "users", resource: "users", idPrefix: "user_", parents: ["team", "customer"] },
  { kind: "end_user", path: "end-users", resource: "limits", idPrefix: "eu_", parents: [] },
  { kind: "tag", path: "tags", resource: "limits", idPrefix: "tag_", parents: [] },
  {
    kind: "model_limit",
    path: "model-configs",
    resource: "limits",
    idPrefix: "mlim_",
    parents: ["customer", "team", "user", "key"],
    match: ["model", "provider"],
  },
  {
    kind: "provider_limit",
    path: "providers",
    resource: "limits",
    idPrefix: "plim_",
    parents: [],
    match: ["provider"],
  },
];

const list = later(() =>
  strict<OwnerListQuery>({
    ...listFields,
    search: queryFields.text(128).optional(),
    customer: queryFields.text(128).optional(),
    team: queryFields.text(128).optional(),
    customer_id: queryFields.text(128).optional(),
    team_id: queryFields.text(128).optional(),
    user: queryFields.text(128).optional(),
    key: queryFields.text(128).optional(),
  }),
);
const page = later(() =>
  strict<BudgetListQuery>({
    limit: queryFields.count(1, 1_000).optional(),
    after: queryFields.text(64).optional(),
    search: queryFields.text(128).optional(),
  }),
);
const override = later(() =>
  strict<OverrideRequest>({
    extra_nano: fields.count(0, budgetNanoMax),
    mode: z.enum(["cycles", "forever", "until"]),
    cycles: fields.count(1, 1_000).optional(),
    until_ms: fields.epochMs().optional(),
  }).refine(({ mode, until_ms: until }) => (mode === "until") === (until !== undefined), {
    path: ["until_ms"],
    message: 'is said with "mode": "until", and with that alone',
  }),
);
const topUp = later(() =>
  strict<TopUpRequest>({
    amount_nano: fields.count(-budgetNanoMax, budgetNanoMax),
    note: z.string().max(512).optional(),
  }),
);

export const ownerRoutes: readonly Route[] = [
  ...kinds.flatMap(routesOf),
  ...kinds.flatMap(({ kind, path, resource }) => moneyRoutes(kind, `/api/governance/${path}`, `${resource}:write`)),
  ...["/api/keys", "/api/governance/virtual-keys"].flatMap((path) => moneyRoutes("key", path, "keys:write")),
  reads<BudgetListQuery>({
    method: "GET",
    path: "/api/governance/budgets",
    permission: "budgets:read",
    summary: "List all budgets with whose they are and what is spent",
    reachable: true,
    query: page,
    run: (services, { query }) => services.owners.budgets(query),
  }),
  reads<BudgetListQuery>({
    method: "GET",
    path: "/api/governance/rate-limits",
    permission: "budgets:read",
    summary: "List all rate limits with whose they are and what is used",
    reachable: true,
    query: page,
    run: (services, { query }) => services.owners.limits(query),
  }),
];

function routesOf(row: KindRow): readonly Route[] {
  const { kind, resource } = row;
  const path = `/api/governance/${row.path}`;
  const one = `${path}/{id}`;
  const [read, write]: [Permission, Permission] = [`${resource}:read`, `${resource}:write`];
  const noun = kind.replace("_", " ");
  const update = later(() => updateSchema(row));
  const change = (method: "PATCH" | "PUT", summary: string): Route =>
    changes<UpdateOwnerRequest>({
      method,
      path: one,
      permission: write,
      action: `${kind}.update`,
      summary,
      reachable: true,
      body: update,
      run: (services, { params, body, action }) => services.owners.update(kind, params["id"]!, body, action),
    });
  return [
    reads<OwnerListQuery>({
      method: "GET",
      path,
      permission: read,
      summary: `List ${noun}s, in the order they were made`,
      reachable: true,
      query: list,
      run: (services, { query }) => services.owners.list(kind, query),
    }),
    changes<CreateOwnerRequest>({
      method: "POST",
      path,
      permission: write,
      action: `${kind}.create`,
      summary: `Make a ${noun}`,
      reachable: true,
      body: () => createSchema(row),
      run: (services, { body, action }) => services.owners.create(kind, body, action),
    }),
    reads({
      method: "GET",
      path: one,
      permission: read,
      summary: `Show a ${noun}, by id or name`,
      reachable: true,
      run: (services, { params }) => services.owners.show(kind, params["id"]!),
    }),
    change("PATCH", `Change a ${noun}; what is absent stays`),
    change("PUT", "The same as PATCH: what is absent stays"),
    changes({
      method: "DELETE",
      path: one,
      permission: write,
      action: `${kind}.delete`,
      summary: `Remove a ${noun} that nothing is below`,
      reachable: true,
      run: (services, { params, action }) => services.owners.remove(kind, params["id"]!, action),
    }),
  ];
}

/** Overrides, resets and the wallet, of whatever has budgets. */
function moneyRoutes(kind: OwnerKind | "key", path: string, write: Permission): readonly Route[] {
  const read = write.replace(":write", ":read") as Permission;
  const param = kind === "key" ? "key" : "id";
  const one = `${path}/{${param}}`;
  const slotOf = (params: Readonly<Record<string, string>>): number => {
    const slot = params["slot"]!;
    return /^\d$/.test(slot) ? Number(slot) : -1;
  };
  return [
    changes<OverrideRequest>({
      method: "PUT",
      path: `${one}/budgets/{slot}/override`,
      permission: write,
      action: "budget.override",
      summary: "Allow more than a budget's limit, for some of its cycles or for good",
      reachable: true,
      body: override,
      run: ({ owners }, { params, body, action }) =>
        owners.override(kind, params[param]!, slotOf(params), body, action),
    }),
    changes({
      method: "DELETE",
      path: `${one}/budgets/{slot}/override`,
      permission: write,
      action: "budget.override",
      summary: "End a budget's override",
      reachable: true,
      run: ({ owners }, { params, action }) => owners.override(kind, params[param]!, slotOf(params), null, action),
    }),
    changes({
      method: "POST",
      path: `${one}/budgets/{slot}/reset`,
      permission: write,
      action: "budget.reset",
      summary: "Begin a budget's window anew with nothing spent",
      reachable: true,
      run: ({ owners }, { params, action }) => owners.reset(kind, params[param]!, slotOf(params), action),
    }),
    reads({
      method: "GET",
      path: `${one}/wallet`,
      permission: read,
      summary: "Show a prepaid wallet and what was put into it",
      reachable: true,
      run: ({ owners }, { params }) => owners.wallet(kind, params[param]!),
    }),
    changes<TopUpRequest>({
      method: "POST",
      path: `${one}/wallet`,
      permission: write,
      action: "wallet.top_up",
      summary: "Put money into a wallet, or with a negative amount take it out; the first makes the wallet",
      reachable: true,
      body: topUp,
      run: ({ owners }, { params, body, action }) => owners.topUp(kind, params[param]!, body, action),
    }),
  ];
}
