/**
 * A batch is many calls in one: each names a model that the key must be allowed, and each costs. Hides that all of them
 * must be one provider's, and that the names in a file are the provider's own. No answer tells a batch's usage before
 * hours have gone by, so it is charged when it is made, by what its requests say.
 */
import { costBound } from "../../providers/catalog/cost.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { anyModel } from "../governance/access.ts";
import { membersAt, valueAt } from "../http/json-members.ts";
import { skipSpace } from "../http/json-skip.ts";
import { findEndpoint, noEndpoint } from "../routing/endpoints.ts";
import type { Generation, Target } from "../routing/generation.ts";
import { findTarget } from "../routing/resolve.ts";
import type { CallSum } from "../store/batch-files.ts";
import { assertAccess, assertBeside } from "./admit.ts";
import { anthropicCalls, geminiCalls, missing, refused, sumCalls, twoModels } from "./batch-calls.ts";
import { type BatchModel, costBatch, halfPrice, unreadBatch } from "./batch-cost.ts";
import type { Exchange } from "./exchange.ts";
import { nameFor } from "./key-bounds.ts";
import type { Plane } from "./plane.ts";
import { readMarks } from "./prompt-marks.ts";
import { replaceBody } from "./read.ts";
import { bothTools } from "./server-tools.ts";

type Fields = Readonly<Record<string, unknown>>;
type Found = {
  readonly sums: readonly CallSum[];
  readonly isUnread: boolean;
  readonly generates: boolean;
  /** The provider whose names the models are. */
  readonly provider?: string;
};

/** The provider that is to run it and, of its models, the one that costs most. */
export function batchTarget(exchange: Exchange, plane: Plane): Target {
  const { view, route } = exchange;
  const { models: kind } = route.family!;
  const found = callsIn(exchange, plane);
  const models = targetsOf(exchange, found, plane);
  const targets = models.map(({ target }) => target);
  if (new Set(targets.map(({ provider }) => provider)).size > 1)
    throw refused("the models of one batch must all be of one provider: make a batch for each", "model");
  const service = kind === "member" ? undefined : halfPrice;
  exchange.batch = found.isUnread ? unreadBatch : costBatch(exchange, models, service, found.generates, plane);
  // Tools are those of each request.
  exchange.marks = { ...readMarks(exchange.body!, view!.sighted), service, tools: undefined };
  exchange.view = { ...view!, model: view!.model ?? found.sums[0]!.model };
  const target = dearest(models, exchange);
  if (found.isUnread) assertAll(exchange, target, plane);
  else assertBeside(exchange, target, exchange.batchFile?.inner ?? [], plane, exchange.at);
  if (kind === "requests") renameModels(exchange, models, plane);
  if (kind === "member") nameTarget(exchange, target, plane);
  return target;
}

/** Lines that nobody has read may name any model. */
function assertAll(exchange: Exchange, target: Target, plane: Plane): void {
  try {
    assertBeside(exchange, target, [anyModel], plane, exchange.at);
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== "model_not_allowed") throw error;
    const message = `what stands in the file of this batch is not known, and this API key may not call every model of ${target.provider.name}: upload the file here in one part, with nothing but requests in its lines, or send the requests themselves`;
    throw new GatewayError(error.code, message, {
      source: "client",
      param: "batch.inputConfig.fileName",
      cause: error,
    });
  }
}

/** What stands in a file of OpenAI's that went up through here; undefined: it is not known. */
export function fileTarget(exchange: Exchange, provider: string | undefined, plane: Plane): Target | undefined {
  const { batchFile } = exchange;
  if (provider === undefined || batchFile === undefined) return undefined;
  const endpoint = valueAt(exchange.body!, topMember(exchange.body!, "endpoint"));
  const isTextless = typeof endpoint === "string" && /\/(?:embeddings|moderations)\/?$/.test(endpoint);
  const generates = batchFile.generates || !isTextless;
  const models = targetsOf(exchange, { sums: batchFile.sums, isUnread: false, generates, provider }, plane);
  exchange.batch = costBatch(exchange, models, halfPrice, generates, plane);
  exchange.view = { ...exchange.view!, model: batchFile.sums[0]!.model };
  const target = dearest(models, exchange);
  assertBeside(exchange, target, batchFile.inner ?? [], plane, exchange.at);
  return target;
}

function callsIn(exchange: Exchange, plane: Plane): Found {
  const { route, body, pathModel } = exchange;
  const { keyId } = exchange.caller!;
  const calls = sumCalls((model) => {
    const name = findTarget(exchange.generation, model === "" ? pathModel! : model)?.name ?? model;
    return plane.estimator.outputEstimate(name, keyId);
  });
  switch (route.family!.models) {
    case "requests":
      anthropicCalls(body!, calls);
      return { sums: calls.sums(), isUnread: false, generates: true };
    case "path": {
      const inFile = geminiCalls(pathModel!, body!, calls);
      const generates = route.operation !== "batch_embed";
      if (inFile === undefined) return { sums: withModel(calls.sums(), pathModel!), isUnread: false, generates };
      const read = inFile.file === undefined ? undefined : exchange.batchFile;
      if (read?.sums.some(({ model }) => model !== "" && model !== pathModel && model !== bareModel(exchange)))
        throw twoModels("batch.inputConfig.fileName");
      const unread = [emptySum(pathModel!)];
      return { sums: withModel(read?.sums ?? unread, pathModel!), isUnread: read === undefined, generates };
    }
    default: {
      const model = valueAt(body!, topMember(body!, "model"));
      if (typeof model !== "string") throw missing("model");
      const sum = { ...emptySum(model.replace(/^models\//, "")), requests: 1 };
      return { sums: [{ ...sum, bytes: body!.length, bytesMax: body!.length }], isUnread: false, generates: false };
    }
  }
}

/** A file's lines know nothing of the provider's name before the model's. */
function bareModel({ caller, generation, pathModel }: Exchange): string | undefined {
  return findTarget(generation, nameFor(caller!, pathModel!))?.deployment;
}

function emptySum(model: string): CallSum {
  return { ...{ model, requests: 0, bytes: 0, bytesMax: 0, loose: 0, dearest: false }, capped: 0, open: 0, usual: 0 };
}

/** One model's: what its requests said of it was the same. */
function withModel(sums: readonly CallSum[], model: string): readonly CallSum[] {
  const all = emptySum(model);
  for (const sum of sums) {
    for (const name of ["requests", "bytes", "loose", "capped", "open", "usual"] as const) all[name] += sum[name];
    all.bytesMax = Math.max(all.bytesMax, sum.bytesMax);
    all.dearest ||= sum.dearest;
    if (sum.tools !== undefined) all.tools = bothTools(all.tools, sum.tools);
  }
  return [all];
}

function targetsOf(exchange: Exchange, { sums, provider }: Found, plane: Plane): readonly BatchModel[] {
  const { generation, route, at } = exchange;
  if (sums.length === 0) throw missing("requests");
  return sums.map((sum) => {
    const target =
      provider === undefined
        ? findTarget(generation, nameFor(exchange.caller!, sum.model))
        : ownTarget(exchange, provider, sum.model, plane);
    if (target === undefined) {
      const message = `no provider offers the model "${sum.model.slice(0, 200)}"`;
      throw new GatewayError("model_not_found", message, { source: "client", param: "model" });
    }
    const endpoint = findEndpoint(target.provider.endpoints, route.operation, route.dialect, target);
    if (endpoint?.dialect.id !== route.dialect.id) throw noEndpoint(target.provider, route.operation);
    assertAccess(exchange, target, plane, at);
    const price = target.free ? undefined : generation.catalog.price(target.provider.name, target.model, at);
    return { target, price, sum };
  });
}

/** The lines of a file name models as the provider does; of several names of ours for one, that which the key may call. */
function ownTarget(exchange: Exchange, provider: string, deployment: string, plane: Plane): Target | undefined {
  const { generation, caller } = exchange;
  const names = namesOf(generation, provider, deployment);
  const offered = names.flatMap((name) => findTarget(generation, `${provider}/${name}`) ?? []);
  const same = offered.filter((target) => target.deployment === deployment && target.provider.name === provider);
  const mayCall = ({ model, name }: Target) =>
    plane.plans.find(caller!.keyRow, provider, model, name).refusal === undefined;
  return same.find(mayCall) ?? same[0];
}

function namesOf({ providers }: Generation, provider: string, deployment: string): readonly string[] {
  const { deployments } = providers.get(provider)!.data;
  return [deployment, ...Object.keys(deployments).filter((name) => deployments[name] === deployment)];
}

function dearest(models: readonly BatchModel[], { bytesIn }: Exchange): Target {
  let found = models[0]!.target;
  let most = -1;
  for (const { target, price } of models) {
    // What has no known price decides: with a budget it is refused.
    const bound = { input: bytesIn, output: bytesIn, dearest: false, service: undefined };
    const cost = target.free ? 0 : (costBound(price, bound) ?? Number.POSITIVE_INFINITY);
    if (cost > most) [found, most] = [target, cost];
  }
  return found;
}

/** The provider is told of its models as it knows them. */
function renameModels(exchange: Exchange, models: readonly BatchModel[], plane: Plane): void {
  if (models.every(({ target, sum }) => sum.model === target.deployment)) return;
  const names = new Map(models.map(({ target, sum }) => [sum.model, target.deployment]));
  const body = JSON.parse(exchange.body!.toString("utf8")) as Fields;
  const requests = (body["requests"] as readonly Fields[]).map((request) => {
    const params = request["params"] as Fields;
    return { ...request, params: { ...params, model: names.get(params["model"] as string)! } };
  });
  const { view } = exchange;
  replaceBody(exchange, plane, Buffer.from(JSON.stringify({ ...body, requests })));
  exchange.view = view;
}

function nameTarget(exchange: Exchange, { deployment }: Target, plane: Plane): void {
  const body = JSON.parse(exchange.body!.toString("utf8")) as Fields;
  if (body["model"] === `models/${deployment}`) return;
  replaceBody(exchange, plane, Buffer.from(JSON.stringify({ ...body, model: `models/${deployment}` })));
}

function topMember(body: Buffer, name: string): number | undefined {
  return membersAt(body, skipSpace(body, 0), { [name]: name }, "")?.at[name];
}
