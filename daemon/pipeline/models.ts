/** The models a key may call, for whoever asks in whichever vendor's words. Hides who may see what. */

import type { IncomingHttpHeaders } from "node:http";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { ModelShape } from "../http/routes.ts";
import type { Generation } from "../routing/generation.ts";
import { findTarget } from "../routing/resolve.ts";
import { authenticate } from "./authenticate.ts";
import { nameFor } from "./key-bounds.ts";
import { type ListedModel, renderModel, renderModels } from "./model-shapes.ts";
import type { Plane } from "./plane.ts";

export function listModels(
  headers: IncomingHttpHeaders,
  target: string,
  model: string | undefined,
  asked: ModelShape | undefined,
  plane: Plane,
): object {
  const { generation } = plane;
  const open = generation.data.auth.inference === "open";
  const { keyRow } = authenticate(headers, plane.keys, open, Date.now(), undefined, target);
  const query = target.includes("?") ? new URLSearchParams(target.slice(target.indexOf("?") + 1)) : undefined;
  const shape = asked ?? shapeFor(headers, query);
  if (model !== undefined) {
    const found = listedModel(plane, keyRow, model);
    if (found === undefined) {
      throw new GatewayError("model_not_found", `the model "${model}" is not offered to this API key`, {
        source: "client",
        param: "model",
      });
    }
    return renderModel(shape, found);
  }
  const only = query?.get("provider") ?? undefined;
  const models = listedModels(plane, keyRow).filter(({ provider }) => only === undefined || provider === only);
  return renderModels(shape, models);
}

/** Of what is offered, what this key may call. */
export function listedModels(plane: Plane, keyRow: number): readonly ListedModel[] {
  const { generation } = plane;
  const own = keyRow < 0 ? undefined : plane.keys.policy(keyRow).aliases;
  const named = own === undefined ? [] : Object.keys(own).flatMap((name) => listedModel(plane, keyRow, name) ?? []);
  const all = offered(generation)
    .filter(({ provider, name }) => mayCall(plane, keyRow, provider, name))
    .map(({ provider, name }) => listed(generation, `${provider}/${name}`, provider, name));
  return named.length === 0 ? all : [...named, ...all];
}

/** Undefined: there is none of that name, or the key may not call it. */
export function listedModel(plane: Plane, keyRow: number, name: string): ListedModel | undefined {
  const asked = keyRow < 0 ? name : nameFor({ policy: plane.keys.policy(keyRow) }, name);
  const found = findTarget(plane.generation, asked);
  if (found === undefined || !mayCall(plane, keyRow, found.provider.name, found.model)) return undefined;
  return listed(plane.generation, name, found.provider.name, found.model);
}

/** One path serves three vendors' SDKs, which are told apart by the headers that only they send. */
function shapeFor(headers: IncomingHttpHeaders, query: URLSearchParams | undefined): ModelShape {
  if (headers["anthropic-version"] !== undefined) return "anthropic";
  if (headers["x-goog-api-key"] !== undefined || query?.has("key") === true) return "gemini";
  return "openai";
}

function mayCall({ plans }: Plane, keyRow: number, provider: string, model: string): boolean {
  return plans.find(keyRow, provider, model, `${provider}/${model}`).refusal === undefined;
}

/** What the config lists, or where it lists nothing, what the catalog knows of the host. */
export function offered(generation: Generation): { readonly provider: string; readonly name: string }[] {
  return [...generation.providers.values()].flatMap(({ name: provider, data }) =>
    (data.models.length > 0 ? data.models : generation.catalog.models(provider)).map((name) => ({ provider, name })),
  );
}

function listed({ catalog, providers }: Generation, id: string, provider: string, name: string): ListedModel {
  const served = providers.get(provider);
  return {
    id,
    provider,
    contextWindow: catalog.contextWindow(provider, name),
    outputMax: catalog.outputMax(provider, name),
    capabilities: catalog.capabilities(provider, name),
    price: catalog.price(provider, name, Date.now()),
    operations: served === undefined ? [] : Object.keys(served.endpoints),
  };
}
