/**
 * Stage 2 for what is no plain JSON call: forms, files, and whatever is passed through raw. Hides which of them are read
 * and which go on as they come; and, of a call that names no model to choose by, where it goes.
 */
import { rerankModel } from "../../providers/dialects/bedrock-converse/rerank.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { anyModel, noModel } from "../governance/access.ts";
import { emptyView, type RequestView } from "../http/request-view.ts";
import type { Generation, Provider, Target } from "../routing/generation.ts";
import { findTarget } from "../routing/resolve.ts";
import { timersFor } from "../routing/timers.ts";
import { unreadBatch } from "./batch-cost.ts";
import { batchTarget, fileTarget } from "./batch-models.ts";
import type { Exchange, Route } from "./exchange.ts";
import { beginsFilm, readFilm } from "./films.ts";
import { nameFor } from "./key-bounds.ts";
import { batchFileOf, namedProvider } from "./objects.ts";
import { isOwned } from "./owned.ts";
import { modelInPath, splitRest } from "./passthrough.ts";
import type { Plane } from "./plane.ts";
import { noBody, readPreferences } from "./preferences.ts";
import { beginsRawBatch } from "./raw-rules.ts";
import { read } from "./read.ts";
import { isForm, readAnything, readForm } from "./read-form.ts";
import { findStored } from "./responses.ts";
import { continuesUpload } from "./uploads.ts";

export async function readOther(exchange: Exchange, plane: Plane): Promise<RequestView> {
  const view = await readView(exchange, plane);
  // Of a JSON body they were read with it.
  const said = view.preferences ?? readPreferences(noBody, undefined, exchange.request.rawHeaders);
  if (said === view.preferences) return view;
  const { raw: _raw, ...preferences } = said!; // what is not kept cannot be given back
  return keep(exchange, { ...view, preferences });
}

async function readView(exchange: Exchange, plane: Plane): Promise<RequestView> {
  const { route } = exchange;
  if (route.form === "secret") return read(exchange, plane);
  if (route.form === "stored") await findStored(exchange, plane);
  if (route.form === "nested") return readNested(exchange, plane);
  if (beginsFilm(exchange)) return readFilm(exchange, plane);
  if (route.form === "form") return isForm(exchange) ? readForm(exchange, plane) : read(exchange, plane);
  if (!hasBody(exchange) && route.operation !== "video_fetch") return withPathModel(exchange, emptyView());
  if (isJson(exchange) && !continuesUpload(exchange))
    return withFile(exchange, withPathModel(exchange, await read(exchange, plane)), plane);
  return withPathModel(exchange, readAnything(exchange));
}

/** What names others' things in its body is looked into, whatever the body is said to be. */
function isJson({ request, rest, route }: Exchange): boolean {
  if (route.form === "object" && inJson.has(route.operation) && !rest.endsWith("/cancel")) return true;
  return /\bjson\b/i.test(request.headers["content-type"] ?? "");
}

const inJson: ReadonlySet<string> = new Set([
  ...["batches", "batch_generate", "batch_embed", "caches", "vector_stores", "conversations", "video_fetch"],
]);

/** Bedrock's rankings name their model deep inside. */
async function readNested(exchange: Exchange, plane: Plane): Promise<RequestView> {
  const view = await read(exchange, plane);
  const model = rerankModel(JSON.parse(exchange.body!.toString("utf8")));
  return keep(exchange, { ...view, model });
}

function hasBody({ request }: Exchange): boolean {
  const { headers } = request;
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0" || isSecond(request);
}

/** HTTP/2 has no header that announces a body. */
function isSecond(request: Exchange["request"]): boolean {
  const { method } = request;
  return (
    request.wholeBody === undefined &&
    request.httpVersionMajor > 1 &&
    (method === "POST" || method === "PUT" || method === "PATCH")
  );
}

function withPathModel(exchange: Exchange, view: RequestView): RequestView {
  const { generation, rest, route } = exchange;
  if (route.form !== "any") return keep(exchange, view);
  const { provider: name, path } = splitRest(rest);
  const provider = generation.providers.get(name);
  const says = provider === undefined ? undefined : modelInPath(path, provider);
  const told = view.model?.replace(/^models\//, "");
  if (typeof says === "object" && told !== undefined && told !== says.model) {
    throw new GatewayError("invalid_request", "the path and the body name different models", {
      source: "client",
      param: "model",
    });
  }
  if (typeof says === "object") return keep(exchange, { ...view, model: says.model });
  // What says of itself that it is something else may be read as JSON all the same.
  if (says !== undefined && exchange.upload !== undefined && exchange.caller!.keyRow >= 0 && !isForm(exchange))
    throw new GatewayError("invalid_request", "this call's body is JSON, or a form: say so in content-type", {
      source: "client",
      param: "content-type",
    });
  // A list of others would be obeyed where the first is not to be had.
  const isAlone = view.noted?.some((member) => member.name === "models" || member.name === "fallbacks") !== true;
  return keep(exchange, { ...view, model: says !== undefined && isAlone ? view.model : undefined });
}

function keep(exchange: Exchange, view: RequestView): RequestView {
  exchange.view = view;
  return view;
}

/** Where a call goes that is for a provider and not for a model. */
export function providerTarget(exchange: Exchange, plane: Plane): Target {
  const { generation, pathModel, route, view } = exchange;
  if (makesBatch(exchange)) {
    if (route.family!.models !== undefined) return batchTarget(exchange, plane);
    const read = fileTarget(exchange, ownerOfCall(exchange)?.name, plane);
    if (read !== undefined) return read;
    exchange.batch = unreadBatch;
  }
  if (exchange.stored?.provider !== undefined) return storedTarget(generation, exchange.stored.provider);
  const provider = ownerOfCall(exchange);
  if (provider === undefined) throw noProvider(generation, nameOfCall(exchange), route.operation);
  if (beginsRawBatch(exchange, provider)) exchange.batch = unreadBatch;
  // Of what a provider keeps a body may name any model, which nobody reads.
  const isRead = route.family === undefined || pathModel !== undefined || exchange.film !== undefined;
  const told = isRead ? view?.model : undefined;
  return targetAt(generation, provider, told ?? ownModel(exchange, provider, plane), mayCost(exchange));
}

function nameOfCall(exchange: Exchange): string | undefined {
  return exchange.route.form === "any" ? splitRest(exchange.rest).provider : namedProvider(exchange);
}

function ownerOfCall(exchange: Exchange): Provider | undefined {
  const { generation, route } = exchange;
  const named = nameOfCall(exchange);
  return named === undefined ? usualProvider(generation, route) : generation.providers.get(named);
}

/** What the lines of its file are known to be, where a batch is made of one. */
async function withFile(exchange: Exchange, view: RequestView, { responses }: Plane): Promise<RequestView> {
  if (!makesBatch(exchange)) return view;
  const file = batchFileOf(exchange);
  const provider = exchange.route.family!.models === "path" ? pathProvider(exchange) : ownerOfCall(exchange)?.name;
  if (file !== undefined && provider !== undefined)
    exchange.batchFile = await responses.findNote("batch_file", provider, file);
  return view;
}

/** Whose model it is. */
function pathProvider({ caller, generation, pathModel }: Exchange): string | undefined {
  return findTarget(generation, nameFor(caller!, pathModel!))?.provider.name;
}

/**
 * What is a key's own it may ask about, whatever models it may call: it made it with one of those, and nobody else's is
 * found. Undefined: it may call them all, or none here, or asks about more than its own.
 */
function ownModel(exchange: Exchange, { name }: Provider, { plans }: Plane): string | undefined {
  const { caller, rest, route } = exchange;
  if (route.family === undefined || rest === "" || !isOwned(exchange)) return undefined;
  const mayCall = (model: string): boolean =>
    plans.find(caller!.keyRow, name, model, `${name}/${model}`).refusal === undefined;
  if (mayCall(anyModel)) return undefined;
  return caller!.models.map((model) => model.replace(`${name}/`, "")).find(mayCall);
}

/** What is sent raw may; of what a provider keeps, only what computes. Keeping a file is billed by nobody. */
function mayCost(exchange: Exchange): boolean {
  const { request, rest, route } = exchange;
  if (request.method !== "POST") return false;
  if (route.operation === "videos") return beginsFilm(exchange);
  return route.family === undefined || (rest === "" && !keepsFree.has(route.operation));
}

/** To keep these is billed by nobody, nor is a question about a film. */
const keepsFree: ReadonlySet<string> = new Set(["files", "uploads", "conversations", "video_fetch"]);

/** Or a cache, which is made of a prompt. */
function makesBatch({ body, rest, request, route }: Exchange): boolean {
  const isMaking = request.method === "POST" && rest === "" && body !== undefined && route.family !== undefined;
  return isMaking && (route.operation === "batches" || route.family?.models !== undefined);
}

function storedTarget(generation: Generation, name: string): Target {
  const slash = name.indexOf("/");
  const provider = generation.providers.get(name.slice(0, slash));
  if (provider === undefined) throw noProvider(generation, name.slice(0, slash), "responses");
  return targetAt(generation, provider, name.slice(slash + 1), false);
}

/** Nothing says which: the first in the config's order that has such things. */
function usualProvider(generation: Generation, { operation, dialect, form }: Route): Provider | undefined {
  for (const provider of generation.providers.values()) {
    const endpoints = provider.endpoints[operation];
    if (endpoints?.some((endpoint) => form !== "object" || endpoint.dialect.id === dialect.id)) return provider;
  }
  return undefined;
}

/** @param costs false: asking, listing and deleting are free wherever they are offered */
function targetAt(
  { catalog, data }: Generation,
  provider: Provider,
  model: string | undefined,
  costs: boolean,
): Target {
  const name = model ?? (costs ? anyModel : noModel);
  return {
    provider,
    model: name,
    deployment: name,
    name: `${provider.name}/${name === noModel ? anyModel : name}`,
    free: provider.data.free || !costs,
    contextWindow: catalog.contextWindow(provider.name, name),
    outputMax: catalog.outputMax(provider.name, name),
    timers: timersFor(data, provider.data.timers, `${provider.name}/${name}`),
    row: -1,
  };
}

function noProvider(generation: Generation, named: string | undefined, operation: string): GatewayError {
  const names = [...generation.providers.keys()].join(", ");
  const message =
    named === undefined
      ? `no provider offers ${operation}; say which with ?provider=`
      : `there is no provider "${named.slice(0, 64)}"; one of: ${names}`;
  return new GatewayError("not_found", message, { source: "client", param: "provider" });
}
