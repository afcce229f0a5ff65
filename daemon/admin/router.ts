/**
 * From an admin request to its answer, both values: matching, permission, schema, audit, errors. Hides that the same
 * path serves the socket and a command line that runs without a daemon.
 */
import type { z } from "zod";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Action, AdminServices, AuditEntry } from "./admin-services.ts";
import type { AdminRequest, AdminResponse } from "./contract/calling.ts";
import { renderAdminError } from "./failure.ts";
import type { AdminHandler, AdminHandlerOptions } from "./handler.ts";
import { createRepeats, type Repeats } from "./repeats.ts";
import {
  type Caller,
  EventsAnswer,
  type Route,
  type RouteInput,
  type RouteResult,
  type Tell,
  TextAnswer,
} from "./route.ts";
import { adminRoutes } from "./routes.ts";
import { answerTold, asksForLines } from "./told.ts";

export type RouterOptions = AdminHandlerOptions & { readonly routes?: readonly Route[] };

export function createRouter(options: RouterOptions): AdminHandler {
  const routes = compile(options.routes ?? adminRoutes);
  const repeats = createRepeats(options.now);
  return async (request, caller) => {
    try {
      return await answer(options, routes, repeats, request, caller);
    } catch (error) {
      return renderAdminError(error, options);
    }
  };
}

type CompiledRoute = { readonly route: Route; readonly segments: readonly string[] };

async function answer(
  options: RouterOptions,
  routes: readonly CompiledRoute[],
  repeats: Repeats,
  request: AdminRequest,
  caller: Caller,
): Promise<AdminResponse> {
  const question = request.path.indexOf("?");
  const path = question === -1 ? request.path : request.path.slice(0, question);
  const { route, params } = match(routes, request.method, path);
  if (caller.permissions !== "all" && !caller.permissions.has(route.permission))
    throw new GatewayError("permission_denied", `this needs the permission ${route.permission}`);
  const services = servicesFor(options.services, route, caller);
  const query = readQuery(route, question === -1 ? "" : request.path.slice(question + 1));
  const body = readBody(route, request.body);
  const { accept, ifMatch } = request;
  const work = async (tell?: Tell): Promise<AdminResponse> => {
    const input = { params, query, body, accept, tell };
    if (route.action === undefined) return finished(route.run(services, { ...input, action: undefined }));
    const run = async (): Promise<AdminResponse> =>
      answered(await runRecorded({ ...options, services }, route, route.action!, input, caller, ifMatch));
    return repeats.once(request, caller.actor, run);
  };
  return route.tells && asksForLines(accept) ? answerTold(work, (error) => renderAdminError(error, options)) : work();
}

async function finished(result: RouteResult): Promise<AdminResponse> {
  if (result instanceof TextAnswer) return { status: 200, contentType: result.contentType, text: result.text };
  if (result instanceof EventsAnswer) return { status: 200, events: result.events };
  if (isLines(result)) return { status: 200, lines: result };
  return answered(await result);
}

/** A token that is bound to an owner is refused by default: a new route says that it keeps to the bounds, or is not for it. */
function servicesFor(services: AdminServices, { reachable }: Route, { reach }: Caller): AdminServices {
  if (reach === undefined) return services;
  if (reachable) return { ...services, ...services.within(reach) };
  const message = `this concerns more than ${reach.kind} "${reach.name}", which is all that this token reaches`;
  throw new GatewayError("permission_denied", message);
}

/** What is shown with a version is answered with it as `ETag` too. */
function answered(body: unknown): AdminResponse {
  if (typeof body !== "object" || body === null) return { status: 200, body };
  for (const value of Object.values(body)) {
    const etag = (value as { etag?: unknown } | null)?.etag;
    if (typeof etag === "string") return { status: 200, body, etag };
  }
  return { status: 200, body };
}

/** Runs a change and sees to its one audit record, whether it succeeds or fails. */
async function runRecorded(
  { services, now }: RouterOptions,
  route: Route,
  name: string,
  input: Omit<RouteInput, "action">,
  caller: Caller,
  ifMatch: string | undefined,
): Promise<unknown> {
  let isRecorded = false;
  const atMs = now();
  const entry: Action["entry"] = ({ target, before = null, after = null }) => {
    return { actor: caller.actor, action: name, target, at_ms: atMs, outcome: "ok", before, after };
  };
  const recorded = () => {
    isRecorded = true;
  };
  const target = Object.values(input.params)[0] ?? null;
  const unsaid: AuditEntry = entry({ target, after: input.body });
  try {
    const result = await route.run(services, {
      ...input,
      action: { actor: caller.actor, name, atMs, entry, recorded, ifMatch, caller },
    });
    if (!isRecorded) await services.audit.record(unsaid);
    return result;
  } catch (error) {
    const outcome = error instanceof GatewayError ? error.code : "internal_error";
    // What failed is told even when its record cannot be written: the caller needs the first error, not the second.
    if (!isRecorded) await services.audit.record({ ...unsaid, outcome }).catch(() => {});
    throw error;
  }
}

/** Refuses to start on a table that leaves a door without a lock, or two doors in one frame. */
function compile(routes: readonly Route[]): readonly CompiledRoute[] {
  const seen = new Set<string>();
  return routes.map((route) => {
    const at = `${route.method} ${route.path}`;
    if (!route.permission) throw new Error(`${at} declares no permission`);
    if (route.action === undefined && route.method !== "GET" && route.body === undefined)
      throw new Error(`${at} declares neither an action nor a body that it reads`);
    const frame = `${route.method} ${route.path.replaceAll(/\{[^}]*\}/g, "{}")}`;
    if (seen.has(frame)) throw new Error(`${at} stands twice in the table`);
    seen.add(frame);
    return { route, segments: route.path.split("/") };
  });
}

function match(
  routes: readonly CompiledRoute[],
  method: string,
  path: string,
): { readonly route: Route; readonly params: Readonly<Record<string, string>> } {
  const segments = path.split("/");
  const allowed: string[] = [];
  for (const { route, segments: pattern } of routes) {
    const params = matchSegments(pattern, segments);
    if (params === undefined) continue;
    if (route.method === method) return { route, params };
    allowed.push(route.method);
  }
  if (allowed.length > 0)
    throw new GatewayError("method_not_allowed", `${path} answers ${allowed.join(", ")}, not ${method}`);
  throw new GatewayError("route_not_found", `the admin API has no ${path}`);
}

/** Fixed segments are compared as sent; only a value is decoded, so no other spelling of a path reaches a route. */
function matchSegments(
  pattern: readonly string[],
  segments: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const given = segments[index]!;
    if (!expected.startsWith("{")) {
      if (expected !== given) return undefined;
      continue;
    }
    if (given === "") return undefined;
    params[expected.slice(1, -1)] = decodeSegment(given);
  }
  return params;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new GatewayError("invalid_request", `the path segment ${segment} is not valid percent-encoding`);
  }
}

function readQuery(route: Route, text: string): unknown {
  const values: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of new URLSearchParams(text)) {
    const before = values[name];
    values[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  const [unwanted] = Object.keys(values);
  if (route.query === undefined) {
    if (unwanted === undefined) return undefined;
    throw new GatewayError("invalid_request", `unknown query parameter "${unwanted}"`, { param: unwanted });
  }
  return check(route.query, { ...values }, "query parameter");
}

function readBody(route: Route, body: unknown): unknown {
  if (route.body !== undefined) return check(route.body, body ?? {}, "field");
  if (body === undefined) return undefined;
  const [unwanted] = typeof body === "object" && body !== null ? Object.keys(body) : [];
  if (unwanted === undefined && typeof body === "object" && body !== null && !Array.isArray(body)) return undefined;
  if (unwanted === undefined) throw new GatewayError("invalid_request", "this route takes no body");
  throw new GatewayError("invalid_request", `unknown field "${unwanted}": this route takes no body`, {
    param: unwanted,
  });
}

function check(schema: z.ZodType, value: unknown, noun: string): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  // A word that nobody knows is named first: it is what the caller mistyped, and why something else is missing.
  const { issues } = result.error;
  const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? innermost(issues[0]!, value);
  if (noun === "query parameter" && issue.path.length === 1 && Array.isArray(at(value, issue.path))) {
    const param = String(issue.path[0]);
    if (issue.code !== "too_big")
      throw new GatewayError("invalid_request", `query parameter "${param}" is given twice`, { param });
  }
  if (issue.code === "unrecognized_keys") {
    const param = renderPath([...issue.path, issue.keys[0]!]);
    throw new GatewayError("invalid_request", `unknown ${noun} "${param}"`, { param });
  }
  const param = renderPath(issue.path);
  const empty = issue.code === "too_small" && issue.origin === "string" && issue.minimum === 1;
  const message = empty ? "must not be empty" : issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
  throw new GatewayError("invalid_request", param === "" ? message : `"${param}": ${message}`, { param });
}

/** Of a field that takes one value or a list of them: what is wrong with it as what it is. */
function innermost(issue: z.core.$ZodIssue, value: unknown): z.core.$ZodIssue {
  if (issue.code !== "invalid_union") return issue;
  const isList = Array.isArray(at(value, issue.path));
  const [inner] = (isList ? issue.errors.at(-1) : issue.errors[0]) ?? [];
  return inner === undefined ? issue : { ...inner, path: [...issue.path, ...inner.path] };
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, name) => (inner as Record<PropertyKey, unknown> | undefined)?.[name], value);
}

/** `budgets[0].limit_nano` */
function renderPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`))
    .join("");
}

function isLines(result: Promise<unknown> | AsyncIterable<string>): result is AsyncIterable<string> {
  return Symbol.asyncIterator in result;
}
