/**
 * What must change in a request's own bytes on the way to a provider of the same dialect, and nothing else. Hides which
 * fields only we or only some hosts understand, and where each dialect has its model and its output cap.
 */
import { refusesMaxTokens } from "../../providers/dialects/effort.ts";
import type { DialectId } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { MaxTokensField, Member, RequestView } from "../http/scan.ts";
import type { CapPlace, RequestEdits } from "../http/splice.ts";
import type { ReadyEndpoint } from "../routing/endpoints.ts";
import type { Target } from "../routing/generation.ts";
import { generates } from "./admit.ts";
import type { Exchange } from "./exchange.ts";
import { tells } from "./translate.ts";

/** Fields that we act on, or that say nothing to anybody else: never reported as dropped. */
export const ours: ReadonlySet<string> = new Set([
  "fallbacks",
  "models",
  "provider",
  "route",
  "usage",
  "session_id",
  "anthropic_version",
]);

/** OpenRouter's fields, which only it understands; `fallbacks` and `models` would be obeyed twice. */
const openrouterFields: ReadonlySet<string> = new Set([
  "provider",
  "route",
  "plugins",
  "transforms",
  "usage",
  "session_id",
  "reasoning",
]);

export function requestEdits(
  exchange: Exchange,
  target: Target,
  endpoint: ReadyEndpoint,
  injectCap: number | undefined,
): RequestEdits {
  const view = exchange.view!;
  const { deployment } = target;
  const { dialect, encoding, path } = endpoint;
  const asksUsage = generates(exchange.route) && view.stream && dialect.id === "openai-chat";
  const model = modelToWrite(view, deployment, path.after !== undefined);
  const cut = view.noted === undefined ? undefined : membersToCut(exchange, view.noted, endpoint);
  const add = membersToAdd(exchange, endpoint, cut);
  return {
    ...(model === undefined ? {} : { model }),
    ...(cut === undefined ? {} : { cut }),
    ...(add === undefined ? {} : { add }),
    ...(asksUsage && !view.includeUsage && encoding.usageUnasked !== true ? { includeUsage: true } : {}),
    ...(injectCap === undefined ? {} : { injectMaxTokens: injectCap, injectMaxTokensAs: capPlace(dialect.id, target) }),
  };
}

function capPlace(dialect: DialectId, { deployment, model }: Target): MaxTokensField | CapPlace {
  const knownAs = tells(deployment, model) ? deployment : model;
  const refused = dialect === "openai-chat" && refusesMaxTokens({ model: deployment, knownAs });
  return refused ? "max_completion_tokens" : capPlaces[dialect];
}

const capPlaces: Readonly<Record<DialectId, MaxTokensField | CapPlace>> = {
  "openai-chat": "max_tokens",
  "openai-responses": "max_output_tokens",
  anthropic: "max_tokens",
  cohere: "max_tokens",
  gemini: { object: "generationConfig", name: "maxOutputTokens" },
  "bedrock-converse": { object: "inferenceConfig", name: "maxTokens" },
};

/** The name to put into the body, or undefined where what stands there is right. */
function modelToWrite(view: RequestView, deployment: string, inPath: boolean): string | undefined {
  // Where the path tells the provider its model, the body need not; if it does, it says the same.
  if (view.modelStart < 0) return inPath ? undefined : deployment;
  const told = view.bodyModel ?? view.model!;
  const wanted = told.startsWith(geminiFolder) && inPath ? geminiFolder + deployment : deployment;
  return wanted === told ? undefined : wanted;
}

/** Gemini's bodies name a model by its place, its paths without. */
const geminiFolder = "models/";

function membersToCut(
  { body, pathModel, route }: Exchange,
  noted: readonly Member[],
  { dialect, encoding, path }: ReadyEndpoint,
): readonly Member[] {
  return noted.filter((member) => {
    if (member.name === "fallbacks" || member.name === "models") return true;
    // Bedrock's InvokeModel has it in the body where Anthropic has a header.
    if (member.name === "anthropic_version") return pathModel !== undefined && path.after === undefined;
    if (dialect.id === "openai-responses" && member.name === "reasoning") return false;
    if (encoding.extensions === true || !openrouterFields.has(member.name)) return false;
    if (member.name === "plugins") assertNoPlugins(body!, member);
    return member.name !== "session_id" || route.operation === "chat";
  });
}

function assertNoPlugins(body: Buffer, { valueStart, end }: Member): void {
  const value: unknown = JSON.parse(body.toString("utf8", valueStart, end));
  if (value === null || (Array.isArray(value) && value.length === 0)) return;
  const first: unknown = Array.isArray(value) ? value[0] : value;
  const id = typeof first === "object" && first !== null && "id" in first ? String(first.id).slice(0, 64) : "?";
  throw new GatewayError("unsupported_parameter", `the plugin "${id}" is not offered here`, {
    source: "client",
    param: "plugins",
  });
}

function membersToAdd(
  { view, route, pathModel, body }: Exchange,
  { dialect, path, streamPath }: ReadyEndpoint,
  cut: readonly Member[] | undefined,
): readonly string[] | undefined {
  // A path that meant streaming, towards one that does not say.
  const saysNothing = path.before === streamPath.before && path.after === undefined;
  if (route.stream === true && pathModel !== undefined && saysNothing && view!.bodyStream !== true)
    return ['"stream":true'];
  const reasoning = dialect.id === "openai-chat" ? cut?.find(({ name }) => name === "reasoning") : undefined;
  if (reasoning === undefined || view!.noted?.some(({ name }) => name === "reasoning_effort")) return undefined;
  const effort = effortOf(JSON.parse(body!.toString("utf8", reasoning.valueStart, reasoning.end)));
  return effort === undefined ? undefined : [`"reasoning_effort":${JSON.stringify(effort)}`];
}

/** OpenRouter's object, as the one word that OpenAI has for it. */
function effortOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { effort, enabled } = value as { effort?: unknown; enabled?: unknown };
  if (typeof effort === "string") return effort;
  return enabled === false ? "none" : undefined;
}
