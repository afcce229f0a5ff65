/** OpenAPI 3.1 of the admin API, made of the routes, the very schemas that check requests, and those of the answers. */
import { z } from "zod";
import type { Described } from "./answers/table.ts";
import { type Route, reads } from "./route.ts";

export function openapiRoute(routes: () => readonly Route[]): Route {
  return reads({
    method: "GET",
    path: "/api/openapi.json",
    permission: "status:read",
    summary: "This description, as OpenAPI 3.1",
    reachable: true,
    run: () => describe(routes()),
  });
}

export async function describe(routes: readonly Route[]): Promise<object> {
  const [{ answerOf, refusal }, { componentSchemas, referenceTo }] = await Promise.all([
    import("./answers/table.ts"),
    import("./answers/named.ts"),
  ]);
  const responses: Responses = ({ method, path, tells }) => ({
    200: {
      description: "Done",
      content: { ...contentOf(answerOf(method, path), referenceTo), ...(tells ? toldContent : {}) },
    },
    default: {
      description: "An error with its code",
      content: { "application/json": { schema: referenceTo(refusal) } },
    },
  });
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    paths[route.path]![route.method.toLowerCase()] = operation(route, responses);
  }
  return {
    openapi: "3.1.0",
    info: { title: "Bifrost admin API", version: "1", description: "Money is nano-dollars, times are milliseconds." },
    components: {
      schemas: componentSchemas(),
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
    security: [{ token: [] }],
    paths,
  };
}

/** Of long work, where `accept` asks for lines: see `told.ts`. */
const toldContent = {
  "application/x-ndjson": {
    schema: {
      type: "object",
      description: "A line: how far the work is; the last one is its answer, or the error that ended it",
      properties: { done: { type: "integer" }, total: { type: "integer" }, answer: {}, error: {} },
    },
  },
};

type Responses = (route: Route) => object;

/** A stream is described by what each of its lines or events holds. */
function contentOf(described: Described | undefined, refer: (schema: z.ZodType) => object): object {
  return Object.fromEntries(
    Object.entries(described?.content ?? {}).map(([type, schema]) => [
      type,
      { schema: schema === null ? { type: "string" } : refer(schema) },
    ]),
  );
}

function operation(route: Route, responses: Responses): object {
  const { path, method, summary, permission, action, query, body } = route;
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
    responses: responses(route),
  };
}

const changeHeaders = ["If-Match", "Idempotency-Key"].map((name) => ({
  name,
  in: "header",
  schema: { type: "string" },
}));
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
