/** Routes of the request log. Fixed names stand before `{id}`: the first match answers. */
import { z } from "zod";
import type {
  DashboardQuery,
  Dimension,
  FacetsQuery,
  HistogramQuery,
  RankingOrder,
  RankingsQuery,
  StatsQuery,
} from "./contract/log-statistics.ts";
import type { LogDeleteRequest, LogExportQuery, LogQuery, OpenRequestsQuery } from "./contract/logs.ts";
import { changes, queryFields, type Route, reads, strict, TextAnswer } from "./route.ts";

const cursorCharactersMax = 256;
const idsMax = 1_000;
const nameCharactersMax = 256;
const rowsMax = 1_000_000_000;

const dimension = (): z.ZodType<Dimension> =>
  z.enum([
    ...(["key", "team", "customer", "user", "model", "provider", "target", "credential", "route"] as const),
    ...(["tag", "status", "error", "stop", "tool"] as const),
  ]);
const order = (): z.ZodType<RankingOrder> => z.enum(["requests", "errors", "tokens", "cost", "latency"]);
const grain = () => z.enum(["minute", "hour", "day"]);
const cursor = () => queryFields.text(cursorCharactersMax).optional();
const name = () => queryFields.text(nameCharactersMax).optional();
const number = () => queryFields.count(0, Number.MAX_SAFE_INTEGER).optional();
const time = () => ({ since_ms: queryFields.epochMs().optional(), until_ms: queryFields.epochMs().optional() });

const several = () => queryFields.oneOrMore(queryFields.text(nameCharactersMax)).optional();

/** Conditions that a single row can be judged by. */
export const rowFilterFields = () => ({
  id: several(),
  parent: several(),
  key: several(),
  team: several(),
  customer: several(),
  user: several(),
  session: several(),
  tag: queryFields.oneOrMore(z.string().regex(/^[^=]/, "is a name, or name=value").max(512)).optional(),
  model: several(),
  provider: several(),
  target: several(),
  credential: several(),
  route: several(),
  status: queryFields
    .oneOrMore(
      z
        .string()
        .regex(/^([1-5](\d\d|xx)|success|error)$/, "is a status such as 429, a class such as 5xx, success or error"),
    )
    .optional(),
  error: several(),
  rule: several(),
  engine: z.enum(["rule", "strategy"]).optional(),
  stop: several(),
  tool: several(),
  flag: z.enum(["estimated", "unpriced", "recovered", "unheld", "truncated", "fallback"]).optional(),
  stream: queryFields.flag().optional(),
  latency_min_ms: number(),
  latency_max_ms: number(),
  tokens_min: number(),
  tokens_max: number(),
  cost_min_nano: number(),
  cost_max_nano: number(),
  trace: name(),
});
const filter = () => ({ ...rowFilterFields(), text: queryFields.text(1_024).optional(), ...time() });

const list = (): z.ZodType<LogQuery> =>
  strict<LogQuery>({
    ...filter(),
    limit: queryFields.count(1, 1_000).optional(),
    before: cursor(),
    after: cursor(),
    sort: z.enum(["time", "latency", "tokens", "cost"]).optional(),
    order: z.enum(["desc", "asc"]).optional(),
  })
    .refine((asked) => asked.before === undefined || asked.after === undefined, {
      path: ["after"],
      message: "give before or after, not both",
    })
    .refine(({ sort = "time", after }) => sort === "time" || after === undefined, {
      path: ["sort"],
      message: "what comes after is in the order in which it was written: leave sort or after out",
    })
    .refine(({ sort = "time", order, before }) => sort !== "time" || order !== "asc" || before === undefined, {
      path: ["before"],
      message: "oldest first goes on with after: the tail of the answer before",
    });

export const logRoutes: readonly Route[] = [
  reads<LogQuery>({
    method: "GET",
    path: "/api/logs",
    permission: "logs:read",
    summary: "Requests, newest first; with `after`, what was written since",
    reachable: true,
    query: list,
    run: (services, input) => services.logs.list(input.query),
  }),
  changes<LogDeleteRequest>({
    method: "DELETE",
    path: "/api/logs",
    permission: "logs:write",
    action: "logs.delete",
    summary: "Takes requests out of the log, with what was said in them",
    body: () => strict<LogDeleteRequest>({ ids: z.array(z.string().min(1).max(64)).min(1).max(idsMax) }),
    run: (services, input) => services.logs.remove(input.body),
  }),
  reads<OpenRequestsQuery>({
    method: "GET",
    path: "/api/logs/open",
    permission: "logs:read",
    summary: "Requests in flight that hold money or a place, oldest first",
    query: () => strict<OpenRequestsQuery>({ limit: queryFields.count(1, 1_000).optional() }),
    run: (services, input) => services.logs.open(input.query),
  }),
  reads<StatsQuery>({
    method: "GET",
    path: "/api/logs/stats",
    permission: "logs:read",
    summary: "Sums of all requests that pass the filter",
    reachable: true,
    query: () => strict<StatsQuery>({ ...filter(), before: cursor(), compare: queryFields.flag().optional() }),
    run: (services, input) => services.logs.stats(input.query),
  }),
  reads<HistogramQuery>({
    method: "GET",
    path: "/api/logs/histogram",
    permission: "logs:read",
    summary: "Sums by minute, hour or day, also apart by one dimension",
    reachable: true,
    query: () =>
      strict<HistogramQuery>({
        ...filter(),
        before: cursor(),
        grain: grain().optional(),
        by: dimension().optional(),
        top: queryFields.count(1, 100).optional(),
        order: order().optional(),
      }),
    run: (services, input) => services.logs.histogram(input.query),
  }),
  reads<RankingsQuery>({
    method: "GET",
    path: "/api/logs/rankings",
    permission: "logs:read",
    summary: "The largest values of one dimension",
    reachable: true,
    query: () =>
      strict<RankingsQuery>({
        ...filter(),
        by: dimension().optional(),
        order: order().optional(),
        limit: queryFields.count(1, 1_000).optional(),
      }),
    run: (services, input) => services.logs.rankings(input.query),
  }),
  reads<FacetsQuery>({
    method: "GET",
    path: "/api/logs/facets",
    permission: "logs:read",
    summary: "Values that can be filtered by, last seen first",
    query: () =>
      strict<FacetsQuery>({
        dimension: dimension().optional(),
        match: name(),
        limit: queryFields.count(1, 1_000).optional(),
      }),
    run: (services, input) => services.logs.facets(input.query),
  }),
  reads<DashboardQuery>({
    method: "GET",
    path: "/api/logs/dashboard",
    permission: "logs:read",
    summary: "What a first screen shows, in one answer",
    reachable: true,
    query: () => strict<DashboardQuery>(filter()),
    run: (services, input) => services.logs.dashboard(input.query),
  }),
  reads({
    method: "GET",
    path: "/api/logs/dropped",
    permission: "logs:read",
    summary: "What was not kept, and why",
    run: (services) => services.logs.dropped(),
  }),
  reads<LogExportQuery>({
    method: "GET",
    path: "/api/logs/export",
    permission: "logs:read",
    summary: "The log as lines of JSON or CSV",
    reachable: true,
    query: () =>
      strict<LogExportQuery>({
        ...filter(),
        format: z.enum(["jsonl", "csv"]).optional(),
        limit: queryFields.count(1, rowsMax).optional(),
      }),
    run: (services, input) => {
      const lines = services.logs.export(input.query);
      return input.query.format === "csv" ? new TextAnswer("text/csv; charset=utf-8", terminated(lines)) : lines;
    },
  }),
  reads({
    method: "GET",
    path: "/api/logs/sessions/{session}",
    permission: "logs:read",
    summary: "The requests of one session, oldest first, and their sums",
    reachable: true,
    run: (services, { params }) => services.logs.session(params["session"]!),
  }),
  reads({
    method: "GET",
    path: "/api/logs/{id}",
    permission: "logs:read",
    summary: "One request, with what was said as far as it is kept",
    reachable: true,
    run: (services, { params }) => services.logs.show(params["id"]!),
  }),
  reads({
    method: "GET",
    path: "/api/logs/{id}/explain",
    permission: "logs:read",
    summary: "One request: which targets were tried, which were refused, and why",
    reachable: true,
    run: (services, { params }) => services.logs.explain(params["id"]!),
  }),
];

async function* terminated(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\r\n`;
}
