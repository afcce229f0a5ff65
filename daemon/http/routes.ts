/**
 * What is served, as data: the calls of every vendor's API, under the vendor's own path and under the prefixes that
 * other gateways have for its SDK. Hides which prefix carries which vendor. Every policy applies to every row alike:
 * they all go through one pipeline, and a test asks each of them with and without the right to.
 */
import type { IncomingHttpHeaders } from "node:http";
import { dialects } from "../../providers/dialects/index.ts";
import type { Route } from "../pipeline/exchange.ts";
import type { Methods } from "../pipeline/families.ts";
import {
  anthropicCalls,
  anthropicObjects,
  bedrockCalls,
  bedrockRerank,
  type Call,
  cohereCalls,
  geminiCalls,
  geminiObjects,
  geminiUpload,
  openaiCalls,
  openaiObjects,
  type PathCall,
} from "./vendor-calls.ts";

const geminiVersions = ["/v1beta", "/v1", "/v1alpha"];

/** Other gateways' prefixes under which all vendors' paths are served as well. */
const gateways = ["/litellm", "/langchain", "/pydanticai", "/cursor"];

const everywhere = (own: readonly string[], shared: string): string[] => [
  ...own,
  ...gateways.map((gateway) => gateway + shared),
];
/** `/api/v1` is OpenRouter's; without any, as behind the Python gateway; Azure's SDK puts `/openai` behind a base URL. */
const openaiPrefixes = [
  ...everywhere(["/v1", "/openai/v1", "/openai", "/openai/openai/v1", "/openai/openai", "/api/v1", ""], "/v1"),
  ...gateways,
];
const anthropicPrefixes = everywhere(["", "/anthropic", "/api"], "/anthropic");
const coherePrefixes = everywhere(["", "/cohere"], "/cohere");
const geminiPrefixes = everywhere(["", "/genai"], "/genai");
const bedrockPrefixes = everywhere(["", "/bedrock"], "/bedrock");
const azurePrefixes = everywhere(["", "/openai"], "");
/** What Azure's path was before deployments, and what the Python gateway still has. */
const engines = "/engines/";

/** Undefined: a dialect that this build does not speak. */
function route(call: Omit<Call, "path"> & Partial<PathCall>): Route | undefined {
  const dialect = dialects[call.dialect];
  if (dialect === undefined) return undefined;
  const { name, operation, stream, framing, foreign, family, form = "json" } = call;
  const failures = dialects[call.failures ?? call.dialect];
  return { name, operation, dialect, failures, form, stream, framing, foreign, family };
}

function expand(routes: Map<string, Route>, prefixes: readonly string[], calls: readonly Call[]): void {
  for (const call of calls) {
    const made = route(call);
    if (made === undefined) continue;
    for (const prefix of prefixes) routes.set(prefix + call.path, made);
  }
}

/** Calls by their whole path. */
export const callRoutes: ReadonlyMap<string, Route> = (() => {
  const routes = new Map<string, Route>();
  expand(routes, openaiPrefixes, openaiCalls);
  expand(routes, anthropicPrefixes, anthropicCalls);
  expand(routes, coherePrefixes, cohereCalls);
  // At the root that path is OpenAI's.
  expand(
    routes,
    bedrockPrefixes.filter((prefix) => prefix !== ""),
    [bedrockRerank],
  );
  // Version 1 asked for rankings in the same words; without a prefix that path is OpenAI's, and the same.
  const first = { path: "/v1/rerank", name: "cohere.rerank", operation: "rerank", dialect: "cohere" } as const;
  expand(
    routes,
    coherePrefixes.filter((prefix) => prefix !== ""),
    [first],
  );
  return routes;
})();

/** Things of a provider's, by the path they stand under. */
export const objectRoutes: ReadonlyMap<string, Route> = (() => {
  const routes = new Map<string, Route>();
  expand(routes, openaiPrefixes, openaiObjects);
  // Without a prefix `/v1/files` is OpenAI's, unless the headers say whose.
  expand(
    routes,
    anthropicPrefixes.filter((prefix) => prefix !== ""),
    anthropicObjects,
  );
  expand(routes, [""], anthropicObjects.slice(0, 1));
  for (const version of geminiVersions) {
    expand(
      routes,
      geminiPrefixes.map((prefix) => `${prefix}/upload${version}`),
      [geminiUpload],
    );
    expand(
      routes,
      geminiPrefixes.map((prefix) => prefix + version).filter((prefix) => prefix !== "/v1"),
      geminiObjects,
    );
  }
  // And of Google's, where it is not OpenAI's as well.
  for (const call of geminiObjects) if (!routes.has(`/v1${call.path}`)) expand(routes, ["/v1"], [call]);
  return routes;
})();
/** Paths that several vendors have: whose are meant only the caller's own headers tell. */
const shared: Readonly<
  Record<string, { readonly anthropic?: Route | undefined; readonly gemini?: Route | undefined }>
> = {
  "/v1/files": { anthropic: route(anthropicObjects[1]!), gemini: route(geminiObjects[0]!) },
  "/v1/batches": { gemini: route(geminiObjects[1]!) },
};

export function objectRouteFor(base: string, found: Route, headers: IncomingHttpHeaders): Route {
  if (!Object.hasOwn(shared, base)) return found;
  if (headers["anthropic-version"] !== undefined) return shared[base]!.anthropic ?? found;
  const isGoogle = headers["x-goog-api-key"] !== undefined || headers["x-goog-api-client"] !== undefined;
  return (isGoogle ? shared[base]!.gemini : undefined) ?? found;
}

/** Of a response that was kept. */
const storedMethods: Methods = [
  [/^\/(?:[\w.~-]|%7E)+$/i, ["GET", "DELETE"]],
  [/^\/(?:[\w.~-]|%7E)+\/input_items$/i, ["GET"]],
  [/^\/(?:[\w.~-]|%7E)+\/cancel$/i, ["POST"]],
];

/** Which methods an object's path takes, by what comes after it; undefined: there is nothing. */
export function methodsAt({ family }: Route, rest: string): readonly string[] | undefined {
  return (family?.methods ?? storedMethods).find(([form]) => form.test(rest))?.[1];
}

/** Where a WebSocket may be opened. */
export type SocketKind = "responses" | "realtime" | "live";
export const socketPaths: ReadonlyMap<string, SocketKind> = new Map([
  ...openaiPrefixes.flatMap((prefix) => [
    [`${prefix}/responses`, "responses"] as const,
    [`${prefix}/realtime`, "realtime"] as const,
  ]),
  ...geminiPrefixes.flatMap((prefix) =>
    // Google's SDK puts a slash of its own behind that of the base URL.
    geminiVersions.flatMap((version) =>
      ["/ws/", "//ws/"].map((ws) => [prefix + ws + liveService(version.slice(1)), "live"] as const),
    ),
  ),
]);

function liveService(version: string): string {
  return `google.ai.generativelanguage.${version}.GenerativeService.BidiGenerateContent`;
}

const realtime = route({ name: "realtime", operation: "realtime", dialect: "openai-chat" })!;
const live = route({ name: "live", operation: "live", dialect: "gemini" })!;

/** What a session writes down of what it hears. */
const speech = route({ name: "realtime.transcription", operation: "transcriptions", dialect: "openai-chat" })!;
const named = { realtime, live, speech };

/** Of what has no path of its own in the table. */
export function routeByName(name: keyof typeof named): Route {
  return named[name];
}

export const passthroughPrefix = "/passthrough";
/** The Go gateway's paths for it, and the provider that each is for. */
export const passthroughAliases: readonly (readonly [prefix: string, provider: string])[] = [
  ["/openai_passthrough", "/openai"],
  ["/anthropic_passthrough", "/anthropic"],
  ["/azure_passthrough", "/azure"],
  ["/genai_passthrough", "/gemini"],
];
const passedMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);

/** What is sent may generate and cost; what is asked for does not. */
export function passthroughRoute(method: string): Route | undefined {
  if (!passedMethods.has(method)) return undefined;
  const operation = method === "POST" ? "chat" : "files";
  return route({ name: "passthrough", operation, dialect: "openai-chat", form: "any" });
}

/** A call whose model stands between the beginning of the path and this end of it. */
export type PathRoute = {
  readonly after: string;
  readonly route: Route;
  /** The same, where the query asks for server-sent events. */
  readonly asEvents?: Route;
};

/** By what stands before the model. */
export const pathRoutes: ReadonlyMap<string, readonly PathRoute[]> = (() => {
  const routes = new Map<string, PathRoute[]>();
  const add = (before: string, call: PathCall): void => {
    const made = route(call);
    if (made === undefined) return;
    const isArray = call.dialect === "gemini" && call.stream === true;
    const row: PathRoute = isArray
      ? { after: call.after, route: { ...made, framing: "json-array" }, asEvents: { ...made, framing: "sse" } }
      : { after: call.after, route: made };
    // The longest end first: of `m/fim/completions` the model is `m`.
    const rows = [...(routes.get(before) ?? []), row].toSorted((one, other) => other.after.length - one.after.length);
    routes.set(before, rows);
  };
  for (const prefix of geminiPrefixes) {
    for (const version of geminiVersions) for (const call of geminiCalls) add(`${prefix}${version}/models/`, call);
    // An SDK that takes a name with a slash in it for a whole resource leaves `models/` out.
    for (const version of geminiVersions) for (const call of geminiCalls) add(`${prefix}${version}/`, call);
  }
  for (const prefix of bedrockPrefixes) for (const call of bedrockCalls) add(`${prefix}/model/`, call);
  for (const prefix of azurePrefixes) {
    for (const { path, ...call } of openaiCalls) add(`${prefix}/openai/deployments/`, { ...call, after: path });
  }
  for (const { path, ...call } of openaiCalls) add(engines, { ...call, after: path });
  return routes;
})();

/** Vertex puts a project and a place before the model, but for callers with a key; who is asked here has neither. Reads as the path without them. */
export function withoutProject(path: string): string {
  return path.replace(
    /^((?:\/[a-z]+){0,2})\/v1(?:beta1)?\/(?:projects\/[\w-]+\/locations\/[\w-]+\/)?publishers\/[\w-]+\/models\//,
    "$1/v1/models/",
  );
}

/** `GET` of these lists the models a key may call; with a name after it, tells of one. `undefined`: the headers say whose. */
export const modelPaths: ReadonlyMap<string, ModelShape | undefined> = new Map<string, ModelShape | undefined>([
  ["/v1/models", undefined],
  ["/models", "openai"],
  ["/model/info", "litellm"],
  ["/v1/model/info", "litellm"],
  ...["/openai/v1/models", "/openai/models", "/openai/openai/v1/models", "/openai/openai/models", "/api/v1/models"].map(
    (path) => [path, "openai"] as const,
  ),
  // Azure's: what may stand in its path as a deployment.
  ...azurePrefixes.flatMap((prefix) => [`${prefix}/openai/deployments`].map((path) => [path, "azure"] as const)),
  ...gateways.flatMap((gateway) => [
    [`${gateway}/v1/models`, undefined] as const,
    [`${gateway}/models`, undefined] as const,
    [`${gateway}/anthropic/v1/models`, "anthropic"] as const,
    [`${gateway}/genai/v1beta/models`, "gemini"] as const,
  ]),
  ["/anthropic/v1/models", "anthropic"],
  ...["/v1beta/models", "/genai/v1beta/models", "/genai/v1/models"].map((path) => [path, "gemini"] as const),
]);

export type ModelShape = "openai" | "azure" | "anthropic" | "gemini" | "litellm";
