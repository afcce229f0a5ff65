/** `/spend/*` and `/global/spend`: LiteLLM's reports out of the request log and its sums. Hides that both have a retention. */
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { AdminServices } from "../admin-services.ts";
import type { Dimension, Ranking } from "../contract/log-statistics.ts";
import type { LogRow } from "../contract/logs.ts";
import { type Route, reads } from "../route.ts";
import { activityRoutes } from "./activity.ts";
import { between } from "./between.ts";
import { timeOf } from "./fields.ts";

type Query = Readonly<Record<string, string | undefined>>;

const query = z.looseObject({ limit: z.string().optional() }) as unknown as z.ZodType<Query>;
const nanoPerDollar = 1e9;
const rowsMax = 1_000;
const pagesMax = 100;

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
    query,
    run: (services, { query: asked }) => logs(services, asked),
  }),
  reads<Query>({
    ...{ method: "GET", path: "/spend/logs/v2", permission: "logs:read", reachable: true, query },
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
    query,
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
      query,
      async run(services, { query: asked }) {
        const limit = Math.min(rowsMax, Math.max(1, Number(asked["limit"] ?? 100) || 100));
        const found = await services.logs.rankings({ by, order: "cost", limit, since_ms: 0, ...between(asked) });
        return found.rankings.map((ranking) => shown(ranking, ranking.sums.cost_nano / nanoPerDollar));
      },
    }),
  ),
];

async function logs(services: AdminServices, asked: Query) {
  const { logs: log } = services;
  const { request_id: request } = asked;
  if (request !== undefined) return shownRows(services, [(await log.show(request)).request]);
  return shownRows(services, (await log.list({ ...(await filterOf(services, asked)), limit: rowsMax })).rows);
}

/** The log is read by keyset: a page far back costs those before it, so there is an end to pages. */
async function pageOfLogs(services: AdminServices, asked: Query) {
  const size = Math.min(rowsMax, Math.max(1, Number(asked["page_size"] ?? 50) || 50));
  const number = Math.max(1, Number(asked["page"] ?? 1) || 1);
  if (number > pagesMax)
    throw new GatewayError("invalid_request", `"page": at most ${pagesMax}; narrow start_date and end_date`, {
      param: "page",
    });
  const filter = await filterOf(services, asked);
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

async function filterOf({ keys, owners }: AdminServices, asked: Query) {
  const { api_key: key, team_id: of, model } = asked;
  const secret = key?.startsWith("sk-") === true;
  if (secret)
    throw new GatewayError("invalid_request", "a secret does not belong into an address: give the key's id", {
      param: "api_key",
    });
  const named = key === undefined ? undefined : (await keys.show(key)).key.id;
  const team = of === undefined ? undefined : (await owners.show("team", of)).owner.id;
  const user = asked["end_user"] ?? asked["user_id"];
  return { key: named, team, model, user, ...between(asked) };
}

/** The log knows teams by id, clients by what they called them. */
async function shownRows({ owners }: AdminServices, rows: readonly LogRow[]) {
  const names = new Map<string, string>();
  for (const id of new Set(rows.flatMap(({ team }) => team ?? [])))
    names.set(id, (await owners.show("team", id).catch(() => undefined))?.owner.name ?? id);
  return rows.map((row) => ({ ...shownRow(row), team_id: row.team === null ? null : (names.get(row.team) ?? null) }));
}

function shownRow(row: LogRow) {
  return {
    request_id: row.id,
    call_type: row.route,
    api_key: row.key,
    key_alias: row.key_name,
    user: null,
    end_user: row.user,
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
