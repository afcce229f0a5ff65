/** `/key/spend/report` and its like: what keys spent, by model. A holder of a key asks it of that key alone. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { AdminServices } from "../admin-services.ts";
import { type Route, reads } from "../route.ts";
import { filtersOf } from "./activity.ts";
import { between } from "./between.ts";
import { named } from "./key-shape.ts";
import { dateNames, type Query, query } from "./query.ts";

type Row = { readonly total_cost: number; readonly total_input_tokens: number; readonly total_output_tokens: number };

const nanoPerDollar = 1e9;
const keysMax = 100;
const modelsMax = 1_000;

/** Whose report, and the parameter that names one. */
const reports = [
  ["/key/spend/report", "api_key", "key"],
  ["/user/spend/report", "internal_user_id", "owner"],
  ["/team/spend/report", "team_id", "team"],
  ["/organization/spend/report", "organization_id", "customer"],
] as const;

export const spendReportRoutes: readonly Route[] = reports.map(([path, param, kind]) =>
  reads<Query>({
    ...{ method: "GET", path, permission: "logs:read", reachable: true, query: query(param, ...dateNames) },
    summary: `LiteLLM's ${path}`,
    async run(services, { query: asked }) {
      const said = asked[param];
      if (said === undefined) throw new GatewayError("invalid_request", `"${param}": which one?`, { param });
      const who = kind === "key" ? await named(services, said) : said;
      return report(services, await filtersOf(services, kind, [who]), asked);
    },
  }),
);

/** The same, for who holds the key. */
export async function keyReport(services: AdminServices, id: string, asked: Query): Promise<readonly object[]> {
  const unknown = Object.keys(asked).find((name) => name !== "api_key" && !dateNames.includes(name as "end_date"));
  if (unknown !== undefined)
    throw new GatewayError("invalid_request", `"${unknown}": is not known here`, { param: unknown });
  return report(services, [{ key: id }], asked);
}

async function report({ logs }: AdminServices, filters: readonly object[], asked: Query) {
  const rows: object[] = [];
  for (const filter of filters) {
    const time = { since_ms: 0, ...between(asked) };
    const { rankings: keys } = await logs.rankings({ by: "key", order: "cost", limit: keysMax, ...filter, ...time });
    for (const { value: key, name, sums } of keys) {
      if (key === null) continue;
      const ofKey = { ...filter, key, ...time };
      const { rankings: models } = await logs.rankings({ by: "target", order: "cost", limit: modelsMax, ...ofKey });
      rows.push({
        api_key: key,
        key_alias: name,
        ...sumsOf(sums),
        model_details: models.map((each) => ({ model: each.value, ...sumsOf(each.sums) })),
      });
    }
  }
  return rows;
}

function sumsOf(sums: { readonly cost_nano: number; readonly tokens_in: number; readonly tokens_out: number }): Row {
  return {
    total_cost: sums.cost_nano / nanoPerDollar,
    total_input_tokens: sums.tokens_in,
    total_output_tokens: sums.tokens_out,
  };
}
