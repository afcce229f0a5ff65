/** LiteLLM's reports by day: `…/daily/activity`, and `/global/spend/report`. Out of the sums of the log; days are UTC. */
import { isDeepStrictEqual } from "node:util";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { AdminServices, Permission } from "../admin-services.ts";
import type { Dimension, HistogramSeries, Sums } from "../contract/log-statistics.ts";
import type { OwnerKind } from "../contract/owners.ts";
import { type Route, reads } from "../route.ts";
import { between } from "./between.ts";
import { dateNames, listOf, pageNames, type Query, query } from "./query.ts";

type Filter = Partial<Readonly<Record<"key" | "team" | "customer" | "user" | "tag", string>>>;

const nanoPerDollar = 1e9;
const topMax = 100;
const keysMax = 100;

/** Whose activity: the parameter that names one, and what it is in the log. */
const activities: readonly (readonly [path: string, param: string, filter: keyof Filter | "owner"])[] = [
  ["/user/daily/activity", "user_id", "owner"],
  ["/user/daily/activity/aggregated", "user_id", "owner"],
  ["/team/daily/activity", "team_ids", "team"],
  ["/organization/daily/activity", "organization_ids", "customer"],
  ["/tag/daily/activity", "tags", "tag"],
  ["/customer/daily/activity", "end_user_ids", "user"],
  ["/end_user/daily/activity", "end_user_ids", "user"],
];

/** Named by id or by name there; the log knows ids. */
const owners: Partial<Record<keyof Filter, OwnerKind>> = { team: "team", customer: "customer" };

/** `group_by` → the dimension of the sums, and how LiteLLM calls the list. */
const groups: Readonly<Record<string, readonly [Dimension, string]>> = {
  team: ["team", "teams"],
  customer: ["user", "customers"],
  api_key: ["key", "api_keys"],
  // What a user spent is what the user's keys did.
  internal_user_id: ["key", "users"],
};
const permission: Permission = "logs:read";

/** Whose calls a report is about: a parameter, and what it is in the log. */
const narrowed: readonly (readonly [param: string, filter: keyof Filter | "owner"])[] = [
  ["team_id", "team"],
  ["customer_id", "user"],
  ["api_key", "key"],
  ["internal_user_id", "owner"],
];

export const activityRoutes: readonly Route[] = [
  ...activities.map(([path, param, filter]) =>
    reads<Query>({
      ...{ method: "GET", path, permission, reachable: true, query: query(param, ...dateNames, ...pageNames) },
      summary: `LiteLLM's ${path}`,
      async run(services, { query: asked }) {
        const filters = await filtersOf(services, filter, listOf(asked[param]));
        return activity(services, filters, asked);
      },
    }),
  ),
  reads<Query>({
    ...{ method: "GET", path: "/global/spend/report", permission, reachable: true },
    query: query("group_by", ...narrowed.map(([param]) => param), ...dateNames),
    summary: "LiteLLM's /global/spend/report",
    run: (services, { query: asked }) => report(services, asked),
  }),
];

/** The log knows keys, teams and end users; what a user spent is what the user's keys did. */
export async function filtersOf(
  { keys, owners: known }: AdminServices,
  kind: keyof Filter | "owner",
  named: readonly string[],
) {
  if (named.length === 0) return [{}];
  if (kind !== "owner") {
    const owner = owners[kind];
    if (owner === undefined) return named.map((value): Filter => ({ [kind]: value }));
    const found = await Promise.all(named.map((each) => known.show(owner, each)));
    return found.map(({ owner: { id } }): Filter => ({ [kind]: id }));
  }
  const found = await Promise.all(named.map((user) => keys.list({ user, all: true, limit: keysMax })));
  if (found.some(({ next }) => next !== null))
    throw new GatewayError("invalid_request", `"user_id": has more than ${keysMax} keys; ask by key`);
  return found.flatMap((page) => page.keys.map(({ id }): Filter => ({ key: id })));
}

async function activity({ logs }: AdminServices, filters: readonly Filter[], asked: Query) {
  const days = new Map<number, Metrics>();
  for (const filter of filters) {
    const { series } = await logs.histogram({ grain: "day", since_ms: 0, ...filter, ...between(asked) });
    for (const { buckets } of series)
      for (const { at_ms: at, sums } of buckets) days.set(at, added(days.get(at) ?? nothing, sums));
  }
  const results = [...days]
    .toSorted(([one], [other]) => other - one)
    .map(([at, metrics]) => ({
      date: dayOf(at),
      metrics: inDollars(metrics),
      breakdown: { models: {}, providers: {}, api_keys: {} },
    }));
  const all = [...days.values()].reduce(plus, nothing);
  const totals = Object.fromEntries(
    Object.entries(inDollars(all)).map(([name, value]) => [`total_${name.replace(/^total_/, "")}`, value]),
  );
  return { results, metadata: { ...totals, page: 1, total_pages: 1, has_more: false } };
}

async function report(services: AdminServices, asked: Query) {
  const { logs } = services;
  const said = narrowed.filter(([param]) => asked[param] !== undefined);
  if (said.length > 1)
    throw new GatewayError(
      "invalid_request",
      `"${said[1]![0]}": give one of ${narrowed.map(([param]) => param).join(", ")}`,
    );
  const [whose] = said;
  const filters = whose === undefined ? [{}] : await filtersOf(services, whose[1], [asked[whose[0]]!]);
  const group = asked["group_by"] ?? "team";
  const [by, list] = (Object.hasOwn(groups, group) ? groups[group] : undefined) ?? [];
  if (by === undefined || list === undefined)
    throw new GatewayError("invalid_request", `"group_by": one of ${Object.keys(groups).join(", ")}`, {
      param: "group_by",
    });
  const days = new Map<number, Entry[]>();
  for (const filter of filters) {
    const { series } = await logs.histogram({
      ...{ grain: "day", by, top: topMax, order: "cost", since_ms: 0 },
      ...filter,
      ...between(asked),
    });
    for (const each of series) {
      const who = group === "internal_user_id" ? await userOf(services, each.value) : whoIs(each, by);
      for (const { at_ms: at, sums } of each.buckets) {
        const entries = days.get(at) ?? [];
        const same = entries.find((entry) => isDeepStrictEqual(entry.who, who));
        if (same === undefined)
          days.set(at, [...entries, { who, nano: sums.cost_nano, tokens: sums.tokens_in + sums.tokens_out }]);
        else {
          same.nano += sums.cost_nano;
          same.tokens += sums.tokens_in + sums.tokens_out;
        }
      }
    }
  }
  return [...days]
    .toSorted(([one], [other]) => one - other)
    .map(([at, entries]) => ({ group_by_day: dayOf(at), [list]: entries.map(shown) }));
}

type Entry = { readonly who: object; nano: number; tokens: number };

/** Whose the key is; of a team's own it is nobody's. */
async function userOf({ keys }: AdminServices, key: string | null): Promise<object> {
  const parent = key === null ? null : (await keys.show(key).catch(() => undefined))?.key.parent;
  return { internal_user_id: parent?.kind === "user" ? parent.name : null };
}

function whoIs({ value, name }: HistogramSeries, by: Dimension): object {
  if (by === "team") return { team_id: name ?? value, team_name: name ?? value };
  return by === "key" ? { api_key: value, key_alias: name } : { customer: value };
}

function shown({ who, nano, tokens }: Entry): object {
  return { ...who, total_spend: nano / nanoPerDollar, total_tokens: tokens };
}

type Metrics = Readonly<Record<keyof typeof nothing, number>>;
const nothing = {
  ...{ spend: 0, prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
  ...{ cache_read_input_tokens: 0, cache_creation_input_tokens: 0 },
  ...{ api_requests: 0, successful_requests: 0, failed_requests: 0 },
};

function added(before: Metrics, sums: Sums): Metrics {
  return plus(before, {
    // Whole nano-dollars until all is summed.
    spend: sums.cost_nano,
    prompt_tokens: sums.tokens_in,
    completion_tokens: sums.tokens_out,
    total_tokens: sums.tokens_in + sums.tokens_out,
    cache_read_input_tokens: sums.tokens_cache_read,
    cache_creation_input_tokens: sums.tokens_cache_write,
    api_requests: sums.requests,
    successful_requests: sums.requests - sums.errors,
    failed_requests: sums.errors,
  });
}

function plus(one: Metrics, other: Metrics): Metrics {
  const names = Object.keys(nothing) as (keyof Metrics)[];
  return Object.fromEntries(names.map((name) => [name, one[name] + other[name]])) as Metrics;
}

function inDollars(metrics: Metrics): Metrics {
  return { ...metrics, spend: metrics.spend / nanoPerDollar };
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
