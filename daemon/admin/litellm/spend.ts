/** `/spend/*` and `/global/spend`: LiteLLM's reports out of the request log and its sums. Hides that both have a retention. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { AdminServices } from "../admin-services.ts";
import type { Dimension, Ranking } from "../contract/log-statistics.ts";
import type { LogRow } from "../contract/logs.ts";
import { type Route, reads } from "../route.ts";
import { activityRoutes } from "./activity.ts";
import { between } from "./between.ts";
import { timeOf } from "./fields.ts";
import { assertOnly, countOf, dateNames, pageNames, type Query, query, sortNames } from "./query.ts";

const narrow = ["request_id", "api_key", "team_id", "model", "end_user", "user_id", ...dateNames];
const logNames = query(...narrow, "summarize");
const pageOfLogNames = query(...narrow, ...pageNames, ...sortNames, "status_filter", "min_spend", "max_spend");
const rankingNames = query("limit", ...dateNames);
const nanoPerDollar = 1e9;
const rowsMax = 1_000;
const pagesMax = 100;
const keysMax = 50;

const rankings: readonly (readonly [string, Dimension, (ranking: Ranking, spend: number) => object])[] = [
  ["/spend/keys", "key", ({ value, name }, spend) => ({ token: value, key_alias: name, spend })],
  ["/spend/users", "user", ({ value }, spend) => ({ user_id: value, spend })],
  [
    "/spend/tags",
    "tag",
    ({ value, sums }, spend) => ({ individual_request_tag: value, log_count: sums.requests, total_spend: spend }),
  ],
  ["/global/spend/keys", "key", ({ value, name }, spend) => ({ api_key: value, key_alias: name, total_spend: spend })],
  [
    "/global/spend/teams",
    "team",
    ({ value, name }, spend) => ({ team_id: name ?? value, team_alias: name, total_spend: spend }),
  ],
  ["/global/spend/models", "model", ({ value }, spend) => ({ model: value, total_spend: spend })],
  ["/global/spend/tags", "tag", ({ value, sums }, spend) => ({ name: value, log_count: sums.requests, spend })],
  ["/global/spend/provider", "provider", ({ value }, spend) => ({ provider: value, spend })],
];

export const spendRoutes: readonly Route[] = [
  reads<Query>({
    method: "GET",
    path: "/spend/logs",
    permission: "logs:read",
    summary: "LiteLLM's /spend/logs",
    reachable: true,
    query: logNames,
    run: (services, { query: asked }) => logs(services, asked),
  }),
  reads<Query>({
    ...{ method: "GET", path: "/spend/logs/v2", permission: "logs:read", reachable: true, query: pageOfLogNames },
    summary: "LiteLLM's /spend/logs/v2",
    run: (services, { query: asked }) => pageOfLogs(services, asked),
  }),
  ...activityRoutes,
  reads<Query>({
    method: "GET",
    path: "/global/spend",
    permission: "logs:read",
    summary: "LiteLLM's /global/spend",
    reachable: true,
    query: query(...dateNames),
    async run(services, { query: asked }) {
      const { sums } = await services.logs.stats({ since_ms: 0, ...between(asked) });
      return { spend: sums.cost_nano / nanoPerDollar, max_budget: null };
    },
  }),
  ...rankings.map(([path, by, shown]) =>
    reads<Query>({
      method: "GET",
      path,
      permission: "logs:read",
      summary: `LiteLLM's ${path}`,
      reachable: true,
      query: rankingNames,
      async run(services, { query: asked }) {
        const limit = countOf(asked, "limit", 100, rowsMax);
        const found = await services.logs.rankings({ by, order: "cost", limit, since_ms: 0, ...between(asked) });
        return found.rankings.map((ranking) => shown(ranking, ranking.sums.cost_nano / nanoPerDollar));
      },
    }),
  ),
];

async function logs(services: AdminServices, asked: Query) {
  const { logs: log } = services;
  assertOnly(
    asked,
    "summarize",
    ["false", "False"],
    "rows are told one by one here; sums by day are /user/daily/activity",
  );
  const { request_id: request } = asked;
  if (request !== undefined) return shownRows(services, [(await log.show(request)).request]);
  return shownRows(services, (await log.list({ ...(await filterOf(services, asked)), limit: rowsMax })).rows);
}

/** The log is read by keyset: a page far back costs those before it, so there is an end to pages. */
async function pageOfLogs(services: AdminServices, asked: Query) {
  const { request_id: request } = asked;
  const size = countOf(asked, "page_size", 50, rowsMax);
  const number = countOf(asked, "page", 1, Number.MAX_SAFE_INTEGER);
  if (number > pagesMax)
    throw new GatewayError("invalid_request", `"page": at most ${pagesMax}; narrow start_date and end_date`, {
      param: "page",
    });
  assertOnly(asked, "sort_by", ["startTime"], "rows come by startTime");
  assertOnly(asked, "sort_order", ["desc"], "the newest row comes first");
  const filter = { ...(await filterOf(services, asked)), ...outcomeOf(asked), id: request };
  const { sums } = await services.logs.stats({ since_ms: 0, ...filter });
  let page = await services.logs.list({ ...filter, limit: size });
  for (let at = 1; at < number && page.older !== null; at += 1)
    page = await services.logs.list({ ...filter, limit: size, before: page.older });
  const pages = Math.ceil(sums.requests / size);
  return {
    data: number > pages ? [] : await shownRows(services, page.rows),
    ...{ total: sums.requests, page: number, page_size: size, total_pages: pages },
    total_is_capped: pages > pagesMax,
  };
}

function outcomeOf({ status_filter: status, min_spend: least, max_spend: most }: Query) {
  if (status !== undefined && status !== "success" && status !== "failure")
    throw new GatewayError("invalid_request", '"status_filter": success or failure', { param: "status_filter" });
  const nano = (name: string, text: string | undefined): number | undefined => {
    if (text === undefined) return undefined;
    if (/^\d+(?:\.\d+)?$/.test(text)) return Math.round(Number(text) * nanoPerDollar);
    throw new GatewayError("invalid_request", `"${name}": an amount in dollars`, { param: name });
  };
  return {
    status: status === "failure" ? "error" : status,
    cost_min_nano: nano("min_spend", least),
    cost_max_nano: nano("max_spend", most),
  };
}

async function filterOf({ keys, owners }: AdminServices, asked: Query) {
  const { api_key: key, team_id: of, user_id: user, end_user: endUser, model } = asked;
  const secret = key?.startsWith("sk-") === true;
  if (secret)
    throw new GatewayError("invalid_request", "a secret does not belong into an address: give the key's id", {
      param: "api_key",
    });
  if (key !== undefined && user !== undefined)
    throw new GatewayError("invalid_request", '"user_id": give it or api_key', { param: "user_id" });
  const named = key === undefined ? undefined : (await keys.show(key)).key.id;
  const theirs = user === undefined ? undefined : await keysOfUser(keys, user);
  const team = of === undefined ? undefined : (await owners.show("team", of)).owner.id;
  return { key: named ?? theirs, team, model, user: endUser, ...between(asked) };
}

/** What a user spent is what the user's keys did, also those that are revoked. */
async function keysOfUser(keys: AdminServices["keys"], user: string): Promise<readonly string[]> {
  const page = await keys.list({ user, all: true, limit: keysMax });
  if (page.next !== null)
    throw new GatewayError("invalid_request", `"user_id": has more than ${keysMax} keys; ask by api_key`, {
      param: "user_id",
    });
  // No key has this id: somebody without keys has no calls.
  return page.keys.length === 0 ? ["none"] : page.keys.map(({ id }) => id);
}

/** The log knows teams and users by id, clients by what they called them. Where a call named nobody it has the key's user. */
async function shownRows({ owners }: AdminServices, rows: readonly LogRow[]) {
  const names = new Map<string, string | undefined>();
  const learn = async (kind: "team" | "user", id: string) =>
    names.set(id, (await owners.show(kind, id).catch(() => undefined))?.owner.name);
  for (const id of new Set(rows.flatMap(({ team }) => team ?? []))) await learn("team", id);
  for (const id of new Set(rows.flatMap(({ user }) => (user?.startsWith("user_") ? user : []))))
    await learn("user", id);
  return rows.map((row) => {
    const user = row.user === null ? undefined : names.get(row.user);
    return {
      ...shownRow(row),
      team_id: row.team === null ? null : (names.get(row.team) ?? row.team),
      ...(user === undefined ? { user: null, end_user: row.user } : { user, end_user: null }),
    };
  });
}

function shownRow(row: LogRow) {
  return {
    request_id: row.id,
    call_type: row.route,
    api_key: row.key,
    key_alias: row.key_name,
    model: row.target,
    model_group: row.model,
    custom_llm_provider: row.provider,
    // Unknown is not zero.
    spend: row.cost_nano === null ? null : row.cost_nano / nanoPerDollar,
    prompt_tokens: row.tokens_in,
    completion_tokens: row.tokens_out,
    total_tokens: row.tokens_in === null || row.tokens_out === null ? null : row.tokens_in + row.tokens_out,
    startTime: timeOf(row.at),
    endTime: timeOf(row.latency_ms === null ? null : row.at + Math.round(row.latency_ms)),
    session_id: row.session,
    request_tags: Object.entries(row.tags).map(([name, value]) => (value === "" ? name : `${name}=${value}`)),
    status: row.status < 400 ? "success" : "failure",
  };
}
