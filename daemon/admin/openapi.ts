/** OpenAPI 3.1 of the admin API, made of the routes and the very schemas that check requests. */
import { z } from "zod";
import { type Route, reads } from "./route.ts";

export function openapiRoute(routes: () => readonly Route[]): Route {
  return reads({
    method: "GET",
    path: "/api/openapi.json",
    permission: "status:read",
    summary: "This description, as OpenAPI 3.1",
    reachable: true,
    run: async () => describe(routes()),
  });
}

export function describe(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    paths[route.path]![route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: "3.1.0",
    info: { title: "Bifrost admin API", version: "1", description: "Money is nano-dollars, times are milliseconds." },
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    security: [{ token: [] }],
    paths,
  };
}

function operation({ path, method, summary, permission, action, query, body }: Route): object {
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const conditional = action === undefined ? [] : changeHeaders;
  return {
    operationId: `${method.toLowerCase()}${path.replaceAll(/[^A-Za-z0-9]+(\w)?/g, (_, letter = "") => letter.toUpperCase())}`,
    summary,
    tags: [permission.split(":")[0]],
    "x-permission": permission,
    parameters: [...named, ...queryParameters(query), ...conditional],
    ...(body === undefined ? {} : { requestBody: { content: { "application/json": { schema: jsonSchema(body) } } } }),
    responses: {
      200: { description: "Done", content: { "application/json": { schema: { type: "object" } } } },
      default: { description: "An error with its code", content: { "application/json": { schema: errorSchema } } },
    },
  };
}

const changeHeaders = ["If-Match", "Idempotency-Key"].map((name) => ({
  name,
  in: "header",
  schema: { type: "string" },
}));
const errorSchema = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message"],
      properties: { code: { type: "string" }, message: { type: "string" }, param: { type: "string" } },
    },
  },
};

function queryParameters(query: z.ZodType | undefined): object[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(query) as {
    properties?: Record<string, object>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
  }));
}

function jsonSchema(schema: z.ZodType): object {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Record<
    string,
    unknown
  >;
  return rest;
}
