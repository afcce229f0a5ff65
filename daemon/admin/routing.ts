/** Routes about routing: what would be decided, and how rules and targets do. */
import { z } from "zod";
import type { RouteTestRequest } from "./contract/routing.ts";
import { asks, fields, type Route, reads, strict } from "./route.ts";

const tokensMax = 100_000_000;

const test = strict<RouteTestRequest>({
  model: fields.text(512),
  key: fields.text(256).optional(),
  headers: z.record(z.string(), z.string()).optional(),
  body: z.record(z.string(), z.unknown()).optional(),
  stream: z.boolean().optional(),
  tokens: fields.count(0, tokensMax).optional(),
  max_tokens: fields.count(1, tokensMax).optional(),
  request_type: fields.text(64).optional(),
});

export const routingRoutes: readonly Route[] = [
  asks<RouteTestRequest>({
    method: "POST",
    path: "/api/route/test",
    permission: "models:read",
    summary: "Where a request would go now, and why; nothing is sent",
    body: test,
    run: (services, { body }) => services.routing.test(body),
  }),
  reads({
    method: "GET",
    path: "/api/routing/rules",
    permission: "models:read",
    summary: "How often each routing rule held, and how often it could not be evaluated",
    run: (services) => services.routing.rules(),
  }),
];
