/** Routes of the request log. */
import { z } from "zod";
import type { LogQuery } from "./contract/logs.ts";
import { queryFields, type Route, reads, strict } from "./route.ts";

const cursorCharactersMax = 256;

const query: z.ZodType<LogQuery> = strict<LogQuery>({
  limit: queryFields.count(1, 1_000).optional(),
  before: queryFields.text(cursorCharactersMax).optional(),
  after: queryFields.text(cursorCharactersMax).optional(),
  key: queryFields.text(128).optional(),
  model: queryFields.text(256).optional(),
  provider: queryFields.text(128).optional(),
  status: z
    .string()
    .regex(/^[1-5](\d\d|xx)$/, "is a status such as 429, or a class such as 5xx")
    .optional(),
  error: queryFields.text(64).optional(),
  since_ms: queryFields.epochMs().optional(),
  until_ms: queryFields.epochMs().optional(),
}).refine((asked) => asked.before === undefined || asked.after === undefined, {
  path: ["after"],
  message: "give before or after, not both",
});

export const logRoutes: readonly Route[] = [
  reads<LogQuery>({
    method: "GET",
    path: "/api/logs",
    permission: "logs:read",
    summary: "Requests, newest first; with `after`, what was written since",
    query,
    run: (services, input) => services.logs.list(input.query),
  }),
  reads({
    method: "GET",
    path: "/api/logs/{id}/explain",
    permission: "logs:read",
    summary: "One request: which targets were tried, which were refused, and why",
    run: (services, { params }) => services.logs.explain(params["id"]!),
  }),
];
