/**
 * What OpenRouter's clients ask beside their calls: how many models, by whom, and what is left. Of everything only what
 * the caller's key may use, and in dollars of its own budgets.
 */
import type { IncomingHttpHeaders } from "node:http";
import { GatewayError } from "../../providers/gateway-error.ts";
import { authenticate } from "./authenticate.ts";
import { type ListedModel, renderModel } from "./model-shapes.ts";
import { listedModel, listedModels } from "./models.ts";
import { describeOwnKey } from "./own-key.ts";
import type { Plane } from "./plane.ts";

/** Words after `/api/v1/`; `{model}` is a name with slashes. */
export type OpenrouterQuestion =
  | { readonly about: "models" | "count" | "providers" | "credits" }
  | { readonly about: "model" | "endpoints"; readonly model: string };

export function answerOpenrouter(
  question: OpenrouterQuestion,
  headers: IncomingHttpHeaders,
  plane: Plane,
  nowMs: number,
): object {
  if (question.about === "credits") return { data: credits(headers, plane, nowMs) };
  const open = plane.generation.data.auth.inference === "open";
  const { keyRow } = authenticate(headers, plane.keys, open, nowMs);
  switch (question.about) {
    case "models":
      return { data: listedModels(plane, keyRow).map((model) => renderModel("openai", model)) };
    case "count":
      return { data: { count: listedModels(plane, keyRow).length } };
    case "providers":
      return { data: providers(listedModels(plane, keyRow)) };
    case "model":
      return { data: renderModel("openai", found(plane, keyRow, question.model)) };
    case "endpoints": {
      const model = found(plane, keyRow, question.model);
      return { data: { ...renderModel("openai", model), name: model.id, endpoints: [endpoint(model)] } };
    }
  }
}

function credits(headers: IncomingHttpHeaders, plane: Plane, nowMs: number) {
  const { data } = describeOwnKey(headers, plane, nowMs) as {
    readonly data: { readonly limit: number | null; readonly usage: number | null };
  };
  return { total_credits: data.limit, total_usage: data.usage };
}

function providers(models: readonly ListedModel[]): readonly object[] {
  return [...new Set(models.map(({ provider }) => provider))].map((name) => ({ name, slug: name }));
}

function endpoint(model: ListedModel): object {
  const { pricing } = renderModel("openai", model) as { readonly pricing?: object };
  return {
    name: `${model.provider} | ${model.id}`,
    model_id: model.id,
    provider_name: model.provider,
    tag: model.provider,
    context_length: model.contextWindow ?? null,
    max_completion_tokens: model.outputMax ?? null,
    ...(pricing === undefined ? {} : { pricing }),
  };
}

function found(plane: Plane, keyRow: number, name: string): ListedModel {
  const model = listedModel(plane, keyRow, name);
  if (model !== undefined) return model;
  throw new GatewayError("model_not_found", `the model "${name}" is not offered to this API key`, {
    source: "client",
    param: "model",
  });
}
