/**
 * From a model name as asked to the ordered targets it may go to. Hides aliases, the `provider/model` convention,
 * bare names and fallbacks; the result for a name is worked out once a generation.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Generation, Provider, Target } from "./generation.ts";

/** Distinct model names remembered a generation: callers choose the names, so their number is bounded. */
const rememberedMax = 4096;
const aliasDepthMax = 8;

/** The plan for `model`, own fallbacks of the request first if it brings any. Throws `model_not_found`. */
export function resolve(
  generation: Generation,
  model: string,
  fallbacks: readonly string[] | undefined,
): readonly Target[] {
  const plan = fallbacks === undefined ? remembered(generation, model) : withFallbacks(generation, model, fallbacks);
  if (plan === undefined) throw notFound(generation, model);
  return plan;
}

/** One target for one name, or undefined. Exported for the config's own checks and `bifrost models`. */
export function findTarget(generation: Generation, asked: string): Target | undefined {
  let name = asked;
  for (let depth = 0; depth < aliasDepthMax; depth++) {
    const alias = Object.hasOwn(generation.data.aliases, name) ? generation.data.aliases[name] : undefined;
    if (alias === undefined) break;
    name = alias;
  }
  if (name === "") return undefined;
  const slash = name.indexOf("/");
  if (slash > 0) {
    const provider = generation.providers.get(name.slice(0, slash));
    if (provider !== undefined) return offered(generation, provider, name.slice(slash + 1));
  }
  return bare(generation, name);
}

function remembered(generation: Generation, model: string): readonly Target[] | undefined {
  const known = generation.resolved.get(model);
  if (known !== undefined || generation.resolved.has(model)) return known;
  const { fallbacks } = generation.data;
  const configured = Object.hasOwn(fallbacks, model) ? fallbacks[model] : fallbacks["*"];
  const plan = withFallbacks(generation, model, configured ?? []);
  if (generation.resolved.size >= rememberedMax) generation.resolved.clear();
  generation.resolved.set(model, plan);
  return plan;
}

function withFallbacks(generation: Generation, model: string, names: readonly string[]): readonly Target[] | undefined {
  const first = findTarget(generation, model);
  if (first === undefined) return undefined;
  const plan = [first];
  for (const name of names) {
    const target = findTarget(generation, name);
    if (target !== undefined && !plan.some((known) => known.name === target.name)) plan.push(target);
  }
  return plan;
}

/** A bare name belongs to the first provider, in config order, that lists it; else to the only one that takes any name. */
function bare(generation: Generation, name: string): Target | undefined {
  for (const provider of generation.providers.values()) {
    if (provider.data.models.includes(name)) return makeTarget(generation, provider, name);
  }
  for (const provider of generation.providers.values()) {
    if (provider.data.models.length === 0 && generation.catalog.knows(provider.name, name)) {
      return makeTarget(generation, provider, name);
    }
  }
  const open = [...generation.providers.values()].filter(
    ({ data }) => data.anyModel && !data.baseUrl.startsWith("echo:"),
  );
  return open.length === 1 ? makeTarget(generation, open[0]!, name) : undefined;
}

function offered(generation: Generation, provider: Provider, model: string): Target | undefined {
  if (model === "") return undefined;
  if (!provider.data.anyModel && !provider.data.models.includes(model)) return undefined;
  return makeTarget(generation, provider, model);
}

function makeTarget(generation: Generation, provider: Provider, model: string): Target {
  const { catalog } = generation;
  return {
    provider,
    model,
    deployment: Object.hasOwn(provider.data.deployments, model) ? provider.data.deployments[model]! : model,
    name: `${provider.name}/${model}`,
    free: provider.data.free,
    contextWindow: catalog.contextWindow(provider.name, model),
    outputMax: catalog.outputMax(provider.name, model),
  };
}

function notFound(generation: Generation, model: string): GatewayError {
  const names = [...generation.providers.keys()].join(", ");
  return new GatewayError(
    "model_not_found",
    `no provider offers the model "${model}"; write it as provider/model with one of: ${names}`,
    { source: "client", param: "model" },
  );
}
