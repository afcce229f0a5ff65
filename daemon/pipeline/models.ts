/** `GET /v1/models` for whoever asks: the models a key may call, in the shape its SDK expects. */
import type { IncomingHttpHeaders } from "node:http";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Generation } from "../routing/generation.ts";
import { findTarget } from "../routing/resolve.ts";
import { authenticate } from "./authenticate.ts";
import type { Plane } from "./plane.ts";

export function listModels(headers: IncomingHttpHeaders, model: string | undefined, plane: Plane): object {
  const { generation } = plane;
  const { keyRow } = authenticate(headers, plane.keys, generation.data.auth.inference === "open", Date.now());
  const shape = headers["anthropic-version"] === undefined ? openaiModel : anthropicModel;
  if (model !== undefined) {
    const target = findTarget(generation, model);
    if (target === undefined || !mayCall(plane, keyRow, target.provider.name, target.model)) {
      throw new GatewayError("model_not_found", `the model "${model}" is not offered to this API key`, {
        source: "client",
        param: "model",
      });
    }
    return shape(model, target.provider.name, target.contextWindow);
  }
  const data = offered(generation)
    .filter(({ provider, name }) => mayCall(plane, keyRow, provider, name))
    .map(({ provider, name }) =>
      shape(`${provider}/${name}`, provider, generation.catalog.contextWindow(provider, name)),
    );
  if (shape === openaiModel) return { object: "list", data };
  const ids = data as { id: string }[];
  return { data, has_more: false, first_id: ids[0]?.id ?? null, last_id: ids.at(-1)?.id ?? null };
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

function openaiModel(id: string, provider: string, contextWindow: number | undefined): object {
  return {
    id,
    object: "model",
    created: 0,
    owned_by: provider,
    ...(contextWindow === undefined ? {} : { context_length: contextWindow }),
  };
}

function anthropicModel(id: string): object {
  return { type: "model", id, display_name: id, created_at: "1970-01-01T00:00:00Z" };
}
