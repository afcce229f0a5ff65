/**
 * From the raw request target to a route. Hides how the table is searched; the decision is made on the bytes of the path
 * as they came, compared whole: what is not written exactly like a route is not one, so no spelling of a path can reach
 * a route by another policy. Only a model's name inside a path is decoded, once, and what is decoded is what policy and
 * provider get to see.
 */

import type { IncomingHttpHeaders } from "node:http";
import { dialects } from "../../providers/dialects/index.ts";
import type { Dialect, DialectId } from "../../providers/exchange.ts";
import type { Route } from "../pipeline/exchange.ts";
import type { OpenrouterQuestion } from "../pipeline/openrouter.ts";
import {
  callRoutes,
  type ModelShape,
  methodsAt,
  modelPaths,
  objectRouteFor,
  objectRoutes,
  type PathRoute,
  passthroughAliases,
  passthroughPrefix,
  passthroughRoute,
  pathRoutes,
  withoutProject,
} from "./routes.ts";

export type Match =
  /** `model`: as the path names it. `rest`: what comes after a path that is only a beginning. */
  | { readonly kind: "call"; readonly route: Route; readonly model: string | undefined; readonly rest?: string }
  | { readonly kind: "models"; readonly model: string | undefined; readonly shape: ModelShape | undefined }
  | { readonly kind: "health"; readonly check: "all" | "live" | "ready" }
  | { readonly kind: "root" }
  | { readonly kind: "about"; readonly question: OpenrouterQuestion }
  /** The holder of a key asks about it. */
  | { readonly kind: "own_key" }
  /** Or about a request that it made with it. */
  | { readonly kind: "own_request" }
  /** Or about all of them. */
  | { readonly kind: "own_activity" }
  | { readonly kind: "none"; readonly allow: string | undefined };

/** Made once: the calls that nearly all requests are for. */
const calls: ReadonlyMap<string, Match> = new Map(
  [...callRoutes].map(([path, route]) => [path, { kind: "call", route, model: undefined }]),
);
const healthRoutes: Readonly<Record<string, "all" | "live" | "ready">> = {
  "/health": "all",
  "/health/live": "live",
  "/health/ready": "ready",
  // The Python gateway's words.
  "/health/liveliness": "live",
  "/health/liveness": "live",
  "/health/readiness": "ready",
};
/** Ours, OpenRouter's, and the Go gateway's. */
const ownKeyPaths: ReadonlySet<string> = new Set(["/v1/key", "/api/v1/key", "/api/governance/virtual-keys/quota"]);
/** In OpenRouter's words. */
const ownRequestPaths: ReadonlySet<string> = new Set(["/v1/generation", "/api/v1/generation"]);
const ownActivityPaths: ReadonlySet<string> = new Set(["/v1/activity", "/api/v1/activity"]);
const onlyPost: Match = { kind: "none", allow: "POST" };
const onlyGet: Match = { kind: "none", allow: "GET" };
const nothing: Match = { kind: "none", allow: undefined };
/** Longer than any model's name; nobody needs to be told apart by more. */
const modelCharactersMax = 512;

/** @param headers tell whose path it is where several vendors have the same */
export function match(method: string, target: string, headers: IncomingHttpHeaders = {}): Match {
  const path = pathOf(target);
  const call = calls.get(path);
  if (call !== undefined) return method === "POST" ? call : onlyPost;
  const reading = method === "GET" || method === "HEAD";
  if (Object.hasOwn(healthRoutes, path)) return reading ? { kind: "health", check: healthRoutes[path]! } : onlyGet;
  if (ownKeyPaths.has(path)) return reading ? { kind: "own_key" } : onlyGet;
  if (ownRequestPaths.has(path)) return reading ? { kind: "own_request" } : onlyGet;
  if (ownActivityPaths.has(path)) return reading ? { kind: "own_activity" } : onlyGet;
  if (path === "/") return reading ? { kind: "root" } : onlyGet;
  const named = namedInPath(path, target);
  if (named !== undefined) return method === "POST" ? named : onlyPost;
  const other = objectAt(method, path, headers) ?? passedThrough(method, path);
  if (other !== undefined) return other;
  const question = askedOfOpenrouter(path);
  if (question !== undefined) return reading ? { kind: "about", question } : onlyGet;
  const models = modelsAt(path);
  if (models !== undefined) return reading ? models : onlyGet;
  return nothing;
}

function namedInPath(written: string, target: string): Match | undefined {
  const path = withoutProject(written);
  for (const [before, rows] of pathRoutes) {
    if (!path.startsWith(before)) continue;
    const row = rows.find(({ after }) => path.endsWith(after));
    if (row === undefined) continue;
    const model = decodedModel(path.slice(before.length, path.length - row.after.length));
    if (model !== undefined) return { kind: "call", route: routeFor(row, target), model };
  }
  return undefined;
}

function objectAt(method: string, path: string, headers: IncomingHttpHeaders): Match | undefined {
  for (const [base, found] of objectRoutes) {
    if (!path.startsWith(base)) continue;
    const route = objectRouteFor(base, found, headers);
    const rest = path.slice(base.length);
    const methods = methodsAt(route, rest);
    if (methods === undefined) continue;
    return methods.includes(method)
      ? { kind: "call", route, model: undefined, rest }
      : { kind: "none", allow: methods.join(", ") };
  }
  return undefined;
}

/** The rest of the path is the provider's; whether it stays inside is asked when the provider is known. */
function passedThrough(method: string, path: string): Match | undefined {
  const rest = passedRest(path);
  if (rest === undefined) return undefined;
  if (!/^\/[\w.-]+\/./.test(rest)) return undefined;
  const route = passthroughRoute(method);
  return route === undefined
    ? { kind: "none", allow: "GET, HEAD, POST, PUT, PATCH, DELETE" }
    : { kind: "call", route, model: undefined, rest };
}

function passedRest(path: string): string | undefined {
  if (path.startsWith(`${passthroughPrefix}/`)) return path.slice(passthroughPrefix.length);
  for (const [prefix, provider] of passthroughAliases) {
    if (path.startsWith(`${prefix}/`)) return provider + path.slice(prefix.length);
  }
  return undefined;
}

const openrouterRoot = "/api/v1/";
const aboutModel = /^models?\/(.+?)(\/endpoints)?$/;

function askedOfOpenrouter(path: string): OpenrouterQuestion | undefined {
  if (!path.startsWith(openrouterRoot)) return undefined;
  const asked = path.slice(openrouterRoot.length);
  if (asked === "models/user") return { about: "models" };
  if (asked === "models/count") return { about: "count" };
  if (asked === "providers" || asked === "credits") return { about: asked };
  const [, name, endpoints] = aboutModel.exec(asked) ?? [];
  // A model asked about at `models/…` is OpenAI's question, and answered as such.
  if (name === undefined || (endpoints === undefined && asked.startsWith("models/"))) return undefined;
  const model = decodedModel(name);
  return model === undefined ? undefined : { about: endpoints === undefined ? "model" : "endpoints", model };
}

function routeFor({ route, asEvents }: PathRoute, target: string): Route {
  if (asEvents === undefined) return route;
  return /[?&]alt=sse(?:&|$)/.test(target) ? asEvents : route;
}

function modelsAt(path: string): Match | undefined {
  if (modelPaths.has(path)) return { kind: "models", model: undefined, shape: modelPaths.get(path) };
  for (const [base, shape] of modelPaths) {
    if (!path.startsWith(base) || path.charCodeAt(base.length) !== slash) continue;
    return { kind: "models", model: decoded(path.slice(base.length + 1)), shape };
  }
  return undefined;
}

/** Once, and only to something that can be a name: what is left of a second encoding stays as it is. */
function decodedModel(written: string): string | undefined {
  if (written.length === 0 || written.length > 3 * modelCharactersMax) return undefined;
  let name = written;
  if (written.includes("%")) {
    try {
      name = decodeURIComponent(written);
    } catch {
      return undefined;
    }
  }
  return name.length <= modelCharactersMax && isName(name) ? name : undefined;
}

/** No control characters, and nothing that a path could be walked with. */
function isName(name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index);
    if (code < 0x21 || code === 0x7f || code === backslash || code === semicolon) return false;
  }
  return name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

const slash = 0x2f;
const backslash = 0x5c;
const semicolon = 0x3b;

/** The dialect in which someone who missed every route wants to hear of it, by the beginning of the path. */
const spokenUnder: readonly (readonly [RegExp, DialectId])[] = [
  [/^(?:\/litellm|\/langchain|\/pydanticai|\/cursor)?\/anthropic\/|^(?:\/api)?\/v1\/messages/, "anthropic"],
  [
    /^(?:\/litellm|\/langchain|\/pydanticai|\/cursor)?\/genai\/|^\/v1(?:beta|alpha)\/|^\/(?:\/?ws\/google|upload\/)/,
    "gemini",
  ],
  [/^(?:\/litellm|\/langchain|\/pydanticai|\/cursor)?\/bedrock\/|^\/model\//, "bedrock-converse"],
  [/^(?:\/litellm|\/langchain|\/pydanticai|\/cursor)?\/cohere\/|^\/v2\//, "cohere"],
];

export function dialectOf(target: string, headers: IncomingHttpHeaders): Dialect {
  if (headers["anthropic-version"] !== undefined) return dialects.anthropic;
  const path = pathOf(target);
  for (const [beginning, id] of spokenUnder) if (beginning.test(path)) return dialects[id];
  if (headers["x-goog-api-key"] !== undefined) return dialects.gemini;
  return dialects["openai-chat"];
}

/** Without query and, for the absolute form (RFC 9112 §3.2.2), without scheme and authority. */
function pathOf(target: string): string {
  let path = target;
  if (path.charCodeAt(0) !== slash) {
    const scheme = /^https?:\/\/[^/?#]*/i.exec(path);
    if (scheme !== null) path = path.slice(scheme[0].length);
  }
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
