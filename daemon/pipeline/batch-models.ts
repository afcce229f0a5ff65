/**
 * A batch is many calls in one: each names a model that the key must be allowed, and each costs. Hides where each vendor
 * writes its models, that all must be one provider's, and what a batch is held and charged for. No answer tells its
 * usage before hours have gone by, so it is charged when it is made, by what its requests say.
 */

import { costBound } from "../../providers/catalog/cost.ts";
import type { Usage } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { findEndpoint, noEndpoint } from "../routing/endpoints.ts";
import type { Target } from "../routing/generation.ts";
import { findTarget } from "../routing/resolve.ts";
import { assertAccess, type Lease } from "./admit.ts";
import type { Exchange } from "./exchange.ts";
import { nameFor } from "./key-bounds.ts";
import type { Plane } from "./plane.ts";
import { readMarks } from "./prompt-marks.ts";
import { replaceBody } from "./read.ts";

/** What is known of a batch before it is made. */
export type Batch = {
  /** At most, of all its requests together. */
  readonly outputTokens: number;
  /** As much as such requests usually take. */
  readonly usualTokens: number;
  /** Its requests stand in a file, which is not read here. */
  readonly isUnread: boolean;
};

type Fields = Readonly<Record<string, unknown>>;
type Call = { readonly model: string; readonly most: number | undefined };

const bytesPerToken = 4;
const halfPrice = "batch";

/** The provider that is to run it and, of its models, the one that costs most. */
export function batchTarget(exchange: Exchange, plane: Plane): Target {
  const { generation, route, view } = exchange;
  const body = JSON.parse(exchange.body!.toString("utf8")) as Fields;
  const calls = callsIn(exchange, body);
  const targets = new Map<string, Target>();
  for (const { model } of calls) {
    if (targets.has(model)) continue;
    const target = findTarget(generation, nameFor(exchange.caller!, model));
    if (target === undefined) throw refused("model_not_found", `no provider offers the model "${model.slice(0, 200)}"`);
    const endpoint = findEndpoint(target.provider.endpoints, route.operation, route.dialect, target);
    if (endpoint?.dialect.id !== route.dialect.id) throw noEndpoint(target.provider.name, route.operation);
    assertAccess(exchange, target, plane, exchange.at);
    targets.set(model, target);
  }
  const providers = new Set([...targets.values()].map(({ provider }) => provider));
  if (providers.size > 1)
    throw refused("invalid_request", "the models of one batch must all be of one provider: make a batch for each");
  const target = dearest([...targets.values()], exchange);
  exchange.batch = bounds(exchange, calls, target, plane, route.family!.models === "path" && !isInline(body));
  exchange.marks = {
    ...readMarks(exchange.body!, view!.sighted),
    service: route.family!.models === "member" ? undefined : halfPrice,
  };
  exchange.view = { ...view!, model: view!.model ?? calls[0]!.model };
  if (route.family!.models === "requests") renameModels(exchange, body, targets, plane);
  if (route.family!.models === "member") {
    const named = Buffer.from(JSON.stringify({ ...body, model: `models/${target.deployment}` }));
    if (body["model"] !== `models/${target.deployment}`) replaceBody(exchange, plane, named);
  }
  return target;
}

/** Read from a file: nothing is known of it but that there is one. */
export const unreadBatch: Batch = { outputTokens: 0, usualTokens: 0, isUnread: true };

/** What a batch that was made is charged for. */
export function batchUsage(exchange: Exchange, { inputTokens }: Lease): Usage {
  const { batch, bytesIn } = exchange;
  const input = Math.min(inputTokens, Math.ceil(bytesIn / bytesPerToken));
  return { input, output: batch!.usualTokens, serviceTier: exchange.marks?.service };
}

function callsIn(exchange: Exchange, body: Fields): Call[] {
  switch (exchange.route.family!.models) {
    case "requests":
      return anthropicCalls(body);
    case "path":
      return geminiCalls(exchange.pathModel!, body);
    default: {
      const { model } = body;
      if (typeof model !== "string") throw missing("model");
      return [{ model: model.replace(/^models\//, ""), most: 0 }];
    }
  }
}

function anthropicCalls({ requests }: Fields): Call[] {
  if (!Array.isArray(requests) || requests.length === 0) throw missing("requests");
  return requests.map((request: Fields | null, index) => {
    const params = fields(request?.["params"]);
    const { model, max_tokens: most } = params;
    if (typeof model !== "string") throw missing(`requests.${index}.params.model`);
    return { model, most: whole(most) };
  });
}

function geminiCalls(model: string, { batch }: Fields): Call[] {
  const config = fields(fields(batch)["inputConfig"] ?? fields(batch)["input_config"]);
  const inline = fields(config["requests"])["requests"];
  if (!Array.isArray(inline) || inline.length === 0) return [{ model, most: undefined }];
  return inline.map((each: Fields | null, index) => {
    const request = fields(each?.["request"]);
    const said = request["model"];
    if (said !== undefined && String(said).replace(/^models\//, "") !== model)
      throw refused(
        "invalid_request",
        "the path and a request of the batch name different models",
        `requests.${index}`,
      );
    const generation = fields(request["generationConfig"] ?? request["generation_config"]);
    return { model, most: whole(generation["maxOutputTokens"] ?? generation["max_output_tokens"]) };
  });
}

/** All of its requests stand in the one place that is read here; elsewhere the word says nothing. */
function isInline({ batch }: Fields): boolean {
  const configs = [fields(batch)["inputConfig"], fields(batch)["input_config"]].filter((each) => each !== undefined);
  const config = fields(configs[0]);
  const isFile = config["fileName"] !== undefined || config["file_name"] !== undefined;
  return configs.length === 1 && !isFile && Array.isArray(fields(config["requests"])["requests"]);
}

function bounds(
  exchange: Exchange,
  calls: readonly Call[],
  target: Target,
  { estimator }: Plane,
  isUnread: boolean,
): Batch {
  const usual = estimator.outputEstimate(target.name, exchange.caller!.keyId);
  let outputTokens = 0;
  let usualTokens = 0;
  for (const { most = target.outputMax ?? usual } of calls) {
    outputTokens += most;
    usualTokens += Math.min(most, usual);
  }
  return { outputTokens, usualTokens, isUnread };
}

function dearest(targets: readonly Target[], { generation, at, bytesIn }: Exchange): Target {
  let found = targets[0]!;
  let most = -1;
  for (const target of targets) {
    const price = generation.catalog.price(target.provider.name, target.model, at);
    // What has no known price decides: with a budget it is refused.
    const cost = costBound(price, { input: bytesIn, output: bytesIn, dearest: false, service: undefined }) ?? Infinity;
    if (cost > most) [found, most] = [target, cost];
  }
  return found;
}

/** The provider is told of its models as it knows them. */
function renameModels(exchange: Exchange, body: Fields, targets: ReadonlyMap<string, Target>, plane: Plane): void {
  if ([...targets].every(([model, { deployment }]) => model === deployment)) return;
  const requests = (body["requests"] as readonly Fields[]).map((request) => {
    const params = request["params"] as Fields;
    return { ...request, params: { ...params, model: targets.get(params["model"] as string)!.deployment } };
  });
  const { view } = exchange;
  replaceBody(exchange, plane, Buffer.from(JSON.stringify({ ...body, requests })));
  exchange.view = view;
}

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function whole(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}

function missing(param: string): GatewayError {
  return refused("invalid_request", `${param} is required`, param);
}

function refused(code: "invalid_request" | "model_not_found", message: string, param = "model"): GatewayError {
  return new GatewayError(code, message, { source: "client", param });
}
