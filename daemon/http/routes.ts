/**
 * What is served, as data: the calls of every vendor's API, under the vendor's own path and under the prefixes that
 * other gateways have for its SDK. Hides which prefix carries which vendor. Every policy applies to every row alike:
 * they all go through one pipeline, and a test asks each of them with and without the right to.
 */
import { dialects } from "../../providers/dialects/index.ts";
import type { DialectId, Framing, Operation } from "../../providers/exchange.ts";
import type { Route } from "../pipeline/exchange.ts";

type Call = {
  readonly path: string;
  readonly name: string;
  readonly operation: Operation;
  readonly dialect: DialectId;
  readonly form?: Route["form"];
};

/** What `rest` of the path may be, each with the methods that it takes. */
type ObjectCall = Call & { readonly form: "object" | "stored" };

/** Under `/v1`; an SDK's base URL ends with it. */
const openaiCalls: readonly Call[] = [
  { path: "/chat/completions", name: "chat.completions", operation: "chat", dialect: "openai-chat" },
  { path: "/responses", name: "responses", operation: "chat", dialect: "openai-responses" },
  {
    path: "/responses/input_tokens",
    name: "responses.input_tokens",
    operation: "count_tokens",
    dialect: "openai-responses",
  },
  // As the Go gateway had it first.
  { path: "/count_tokens", name: "responses.input_tokens", operation: "count_tokens", dialect: "openai-responses" },
  { path: "/embeddings", name: "embeddings", operation: "embeddings", dialect: "openai-chat" },
  { path: "/completions", name: "completions", operation: "completions", dialect: "openai-chat" },
  { path: "/moderations", name: "moderations", operation: "moderations", dialect: "openai-chat" },
  { path: "/rerank", name: "rerank", operation: "rerank", dialect: "cohere" },
  { path: "/responses/compact", name: "responses.compact", operation: "compact", dialect: "openai-responses" },
  { path: "/images/generations", name: "images.generations", operation: "image_generations", dialect: "openai-chat" },
  { path: "/images/edits", name: "images.edits", operation: "image_edits", dialect: "openai-chat", form: "form" },
  {
    path: "/images/variations",
    name: "images.variations",
    operation: "image_variations",
    dialect: "openai-chat",
    form: "form",
  },
  { path: "/audio/speech", name: "audio.speech", operation: "speech", dialect: "openai-chat" },
  {
    path: "/audio/transcriptions",
    name: "audio.transcriptions",
    operation: "transcriptions",
    dialect: "openai-chat",
    form: "form",
  },
  {
    path: "/audio/translations",
    name: "audio.translations",
    operation: "translations",
    dialect: "openai-chat",
    form: "form",
  },
];
/** Things of a provider's, with their ids and verbs after the path. */
const openaiObjects: readonly ObjectCall[] = [
  { path: "/files", name: "files", operation: "files", dialect: "openai-chat", form: "object" },
  { path: "/batches", name: "batches", operation: "batches", dialect: "openai-chat", form: "object" },
  { path: "/responses", name: "responses.stored", operation: "files", dialect: "openai-responses", form: "stored" },
];
const anthropicCalls: readonly Call[] = [
  { path: "/v1/messages", name: "messages", operation: "chat", dialect: "anthropic" },
  { path: "/v1/messages/count_tokens", name: "messages.count_tokens", operation: "count_tokens", dialect: "anthropic" },
];
const cohereCalls: readonly Call[] = [
  { path: "/v2/chat", name: "cohere.chat", operation: "chat", dialect: "cohere" },
  { path: "/v2/embed", name: "cohere.embed", operation: "embeddings", dialect: "cohere" },
  { path: "/v2/rerank", name: "cohere.rerank", operation: "rerank", dialect: "cohere" },
];

/** Calls whose path names the model: what comes after it. `stream` is what the path says of streaming. */
type PathCall = {
  readonly after: string;
  readonly name: string;
  readonly operation: Operation;
  readonly dialect: DialectId;
  readonly stream?: boolean;
  readonly framing?: Framing;
  readonly foreign?: Route["foreign"];
};

const geminiCalls: readonly PathCall[] = [
  { after: ":generateContent", name: "gemini.generate", operation: "chat", dialect: "gemini", stream: false },
  { after: ":streamGenerateContent", name: "gemini.stream", operation: "chat", dialect: "gemini", stream: true },
  { after: ":embedContent", name: "gemini.embed", operation: "embeddings", dialect: "gemini", stream: false },
  { after: ":batchEmbedContents", name: "gemini.embed", operation: "embeddings", dialect: "gemini", stream: false },
  { after: ":countTokens", name: "gemini.count_tokens", operation: "count_tokens", dialect: "gemini", stream: false },
];
/** What InvokeModel asks for in Claude's body; Anthropic itself has both in headers. */
const invokeMembers = { omit: ["anthropic_version"], headers: { anthropic_beta: "anthropic-beta" } } as const;
const bedrockCalls: readonly PathCall[] = [
  { after: "/converse", name: "bedrock.converse", operation: "chat", dialect: "bedrock-converse", stream: false },
  {
    after: "/converse-stream",
    name: "bedrock.converse_stream",
    operation: "chat",
    dialect: "bedrock-converse",
    stream: true,
  },
  {
    after: "/count-tokens",
    name: "bedrock.count_tokens",
    operation: "count_tokens",
    dialect: "bedrock-converse",
    stream: false,
  },
  // The bodies are Anthropic's; only their frame is Amazon's.
  {
    after: "/invoke",
    name: "bedrock.invoke",
    operation: "chat",
    dialect: "anthropic",
    stream: false,
    foreign: invokeMembers,
  },
  {
    after: "/invoke-with-response-stream",
    name: "bedrock.invoke_stream",
    operation: "chat",
    dialect: "anthropic",
    stream: true,
    framing: "aws-event-chunks",
    foreign: invokeMembers,
  },
];

const geminiVersions = ["/v1beta", "/v1", "/v1alpha"];

/** Other gateways' prefixes under which all vendors' paths are served as well. */
const gateways = ["/litellm", "/langchain", "/pydanticai"];

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
  const { name, operation, stream, framing, foreign, form = "json" } = call;
  return { name, operation, dialect, form, stream, framing, foreign };
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
  return routes;
})();
/** Which methods an object's path takes, by what comes after it. */
export const objectMethods: readonly (readonly [rest: RegExp, methods: readonly string[]])[] = [
  [/^$/, ["GET", "POST"]],
  [/^\/(?:[\w.~-]|%7E)+$/i, ["GET", "DELETE"]],
  [/^\/(?:[\w.~-]|%7E)+\/(?:content|input_items)$/, ["GET"]],
  [/^\/(?:[\w.~-]|%7E)+\/cancel$/, ["POST"]],
];

/** Where a WebSocket may be opened. */
export const socketPaths: ReadonlyMap<string, "responses" | "realtime"> = new Map(
  openaiPrefixes.flatMap((prefix) => [
    [`${prefix}/responses`, "responses"] as const,
    [`${prefix}/realtime`, "realtime"] as const,
  ]),
);

const realtime = route({ name: "realtime", operation: "realtime", dialect: "openai-chat" })!;

/** Of what has no path of its own in the table. */
export function routeByName(name: "realtime"): Route {
  return { realtime }[name];
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
    routes.set(before, [...(routes.get(before) ?? []), row]);
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

/** Vertex puts a project and a place before the model; who is asked here has neither. Reads as the path without them. */
export function withoutProject(path: string): string {
  return path.replace(
    /^((?:\/[a-z]+){0,2})\/v1(?:beta1)?\/projects\/[\w-]+\/locations\/[\w-]+\/publishers\/[\w-]+\/models\//,
    "$1/v1/models/",
  );
}

/** `GET` of these lists the models a key may call; with a name after it, tells of one. `undefined`: the headers say whose. */
export const modelPaths: ReadonlyMap<string, ModelShape | undefined> = new Map<string, ModelShape | undefined>([
  ["/v1/models", undefined],
  ["/models", "openai"],
  ["/model/info", "litellm"],
  ["/v1/model/info", "litellm"],
  ...["/openai/v1/models", "/openai/models", "/api/v1/models"].map((path) => [path, "openai"] as const),
  ...gateways.flatMap((gateway) => [
    [`${gateway}/v1/models`, undefined] as const,
    [`${gateway}/models`, undefined] as const,
    [`${gateway}/anthropic/v1/models`, "anthropic"] as const,
    [`${gateway}/genai/v1beta/models`, "gemini"] as const,
  ]),
  ["/anthropic/v1/models", "anthropic"],
  ...["/v1beta/models", "/genai/v1beta/models", "/genai/v1/models"].map((path) => [path, "gemini"] as const),
]);

export type ModelShape = "openai" | "anthropic" | "gemini" | "litellm";
