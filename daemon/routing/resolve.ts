/**
 * From a model name as asked to the places it may go to, in stages: what the name means, then each fallback. Hides
 * aliases, groups, patterns, the `provider/model` convention and bare names. The result for a name is worked out once
 * a generation.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { type HedgeData, type HopData, matchPattern, type StrategyName } from "../config/routing-data.ts";
import type { Generation, Provider, Target } from "./generation.ts";
import type { Plan } from "./plan.ts";
import { timersFor } from "./timers.ts";

/** Distinct model names remembered a generation: callers choose the names, so their number is bounded. */
const rememberedMax = 4096;
const aliasDepthMax = 8;

/** One place of a plan. */
export type Hop = {
  readonly target: Target;
  /** Against the others of its stage; 0: only when they fail. */
  readonly weight: number;
  readonly retries: number;
};

/** Places that stand for each other: one is chosen, the others follow when it fails. */
export type Stage = { readonly hops: readonly Hop[]; readonly strategy: StrategyName };

/** What a name comes to, before anything of the request but its name counts. */
export type NamePlan = {
  /** What was asked for, then the fallbacks. */
  readonly stages: readonly Stage[];
  readonly onContext: readonly Stage[] | undefined;
  readonly onPolicy: readonly Stage[] | undefined;
  readonly hedge: HedgeData | undefined;
  /** The whole plan, where nothing is to be chosen. */
  readonly fixed: Plan | undefined;
  /** There is more than one target, or more than one credential, that it could go to. */
  readonly hasChoice: boolean;
};

/**
 * The plan for `model`, own fallbacks of the request in place of the config's if it brings any. Throws `model_not_found`.
 * @param told what nobody offers, where nobody does
 */
export function resolveName(
  generation: Generation,
  model: string,
  own: readonly string[] | undefined,
  told = (name: string) => name,
): NamePlan {
  const plan = own === undefined ? remembered(generation, model) : planFor(generation, model, own);
  if (plan === undefined) throw notFound(generation, told(model));
  return plan;
}

/** One target for one name, or undefined; of several the first. For the config's own checks and `bifrost models`. */
export function findTarget(generation: Generation, asked: string): Target | undefined {
  return stageFor(generation, asked)?.hops[0]?.target;
}

/** The places that a name stands for; undefined: none. */
export function stageFor(generation: Generation, asked: string, everywhere = false): Stage | undefined {
  const { routing } = generation.data;
  const name = withoutAliases(generation, asked);
  if (name === "") return undefined;
  const group = lookUp(routing.groups, name);
  if (group !== undefined) {
    const { targets, strategy = routing.strategy } = group.value;
    const hops = targets.flatMap((hop) => hopFor(generation, hop, group.rest));
    return hops.length === 0 ? undefined : { hops, strategy };
  }
  const found = everywhere || routing.bareNames === "all" ? targetsFor(generation, name) : targetFor(generation, name);
  if (found.length === 0) return undefined;
  return { hops: found.map((target) => plainHop(generation, target)), strategy: routing.strategy };
}

/** A stage of targets written out, as a rule has them. */
export function stageOf(
  generation: Generation,
  hops: readonly HopData[],
  strategy: StrategyName | undefined,
): Stage | undefined {
  // One that names a group stands for all of it, chosen as the group says.
  if (hops.length === 1) {
    const stage = stageFor(generation, hops[0]!.target);
    return stage === undefined || strategy === undefined ? stage : { ...stage, strategy };
  }
  const found = hops.flatMap((hop) => hopFor(generation, hop, ""));
  return found.length === 0 ? undefined : { hops: found, strategy: strategy ?? generation.data.routing.strategy };
}

export function stagesFor(generation: Generation, names: readonly string[]): readonly Stage[] {
  return names.flatMap((name) => stageFor(generation, name) ?? []);
}

/** The config's fallbacks for a name, as kinds. */
export function fallbacksFor(generation: Generation, model: string) {
  return lookUp(generation.data.fallbacks, model)?.value;
}

/** When another target is asked as well, for a name. */
export function hedgeFor({ data }: Generation, model: string): HedgeData | undefined {
  const { hedging } = data.routing;
  return hedging === undefined ? undefined : lookUp(hedging, model)?.value;
}

export function planOf(
  stages: readonly Stage[],
  onContext?: readonly Stage[] | undefined,
  onPolicy?: readonly Stage[] | undefined,
  hedge?: HedgeData | undefined,
): NamePlan {
  const once = withoutRepeats(stages);
  const isFixed = [...once, ...(onContext ?? []), ...(onPolicy ?? [])].every(
    ({ hops, strategy }) => hops.length === 1 || strategy === "ordered",
  );
  const hops = once.flatMap((stage) => stage.hops);
  return {
    stages: once,
    onContext,
    onPolicy,
    hedge,
    fixed: isFixed
      ? {
          hops,
          ...(hops.length > 1 && { order: JSON.stringify(hops.map(({ target }) => target.name)) }),
          ...(hedge !== undefined && { hedge }),
          ...(onContext !== undefined && { onContext: onContext.flatMap((stage) => stage.hops) }),
          ...(onPolicy !== undefined && { onPolicy: onPolicy.flatMap((stage) => stage.hops) }),
        }
      : undefined,
    hasChoice: hops.length > 1 || hops.some(({ target }) => target.provider.credentials.length > 1),
  };
}

function remembered(generation: Generation, model: string): NamePlan | undefined {
  const known = generation.resolved.get(model);
  if (known !== undefined || generation.resolved.has(model)) return known;
  const plan = planFor(generation, model, undefined);
  if (generation.resolved.size >= rememberedMax) generation.resolved.clear();
  generation.resolved.set(model, plan);
  return plan;
}

function planFor(generation: Generation, model: string, own: readonly string[] | undefined): NamePlan | undefined {
  const first = stageFor(generation, model);
  if (first === undefined) return undefined;
  const hedge = hedgeFor(generation, model);
  if (own !== undefined) return planOf([first, ...stagesFor(generation, own)], undefined, undefined, hedge);
  const lists = fallbacksFor(generation, model);
  const { any, contextWindow, contentPolicy } = lists ?? { any: [] };
  return planOf(
    [first, ...stagesFor(generation, any)],
    contextWindow === undefined ? undefined : stagesFor(generation, contextWindow),
    contentPolicy === undefined ? undefined : stagesFor(generation, contentPolicy),
    hedge,
  );
}

/** Each target once, where it comes first. */
function withoutRepeats(stages: readonly Stage[]): readonly Stage[] {
  const seen = new Set<string>();
  return stages.flatMap(({ hops, strategy }) => {
    const fresh = hops.filter(({ target }) => {
      if (seen.has(target.name)) return false;
      seen.add(target.name);
      return true;
    });
    return fresh.length === 0 ? [] : [{ hops: fresh, strategy }];
  });
}

function withoutAliases(generation: Generation, asked: string): string {
  let name = asked;
  for (let depth = 0; depth < aliasDepthMax; depth++) {
    const alias = lookUp(generation.data.aliases, name);
    if (alias === undefined) return name;
    const next = alias.value.replace("*", () => alias.rest);
    if (next === name) return name;
    name = next;
  }
  return name;
}

/** The entry of that name, else the longest pattern that fits, with what its `*` stands for. */
function lookUp<Value>(
  table: Readonly<Record<string, Value>>,
  name: string,
): { readonly value: Value; readonly rest: string } | undefined {
  if (Object.hasOwn(table, name)) return { value: table[name]!, rest: "" };
  let best: { readonly value: Value; readonly rest: string } | undefined;
  let length = -1;
  for (const pattern in table) {
    if (pattern.length <= length || !pattern.includes("*")) continue;
    const rest = matchPattern(pattern, name);
    if (rest === undefined) continue;
    best = { value: table[pattern]!, rest };
    length = pattern.length;
  }
  return best;
}

function hopFor(generation: Generation, hop: HopData, rest: string): readonly Hop[] {
  const name = withoutAliases(
    generation,
    hop.target.replace("*", () => rest),
  );
  const [target] = targetFor(generation, name);
  if (target === undefined) return [];
  return [{ target, weight: hop.weight, retries: hop.retries ?? generation.data.routing.retries.max }];
}

function plainHop(generation: Generation, target: Target): Hop {
  return { target, weight: 1, retries: generation.data.routing.retries.max };
}

/** At most one. */
function targetFor(generation: Generation, name: string): readonly Target[] {
  return named(generation, name) ?? bare(generation, name).slice(0, 1);
}

/** All that offer a bare name. */
function targetsFor(generation: Generation, name: string): readonly Target[] {
  return named(generation, name) ?? bare(generation, name);
}

function named(generation: Generation, name: string): readonly Target[] | undefined {
  const slash = name.indexOf("/");
  const provider = slash > 0 ? generation.providers.get(name.slice(0, slash)) : undefined;
  if (provider === undefined) return undefined;
  const model = name.slice(slash + 1);
  const isOffered = model !== "" && (provider.data.anyModel || provider.data.models.includes(model));
  return isOffered ? [makeTarget(generation, provider, model)] : [];
}

/** A bare name belongs to the providers that list it, in config order; else to the only one that takes any name. */
function bare(generation: Generation, name: string): readonly Target[] {
  const all = [...generation.providers.values()];
  let offering = all.filter(({ data }) => data.models.includes(name));
  if (offering.length === 0 || generation.data.routing.bareNames === "all") {
    const known = all.filter(
      ({ data, name: provider }) => data.models.length === 0 && generation.catalog.knows(provider, name),
    );
    offering = [...offering, ...known];
  }
  if (offering.length === 0) {
    const open = all.filter(({ data }) => data.anyModel && !data.baseUrl.startsWith("echo:"));
    if (open.length === 1) offering = open;
  }
  return offering.map((provider) => makeTarget(generation, provider, name));
}

function makeTarget(generation: Generation, provider: Provider, model: string): Target {
  const { catalog, targets } = generation;
  const name = `${provider.name}/${model}`;
  const known = targets.get(name);
  if (known !== undefined) return known;
  const target: Target = {
    provider,
    model,
    deployment: Object.hasOwn(provider.data.deployments, model) ? provider.data.deployments[model]! : model,
    name,
    free: provider.data.free,
    contextWindow: catalog.contextWindow(provider.name, model),
    outputMax: catalog.outputMax(provider.name, model),
    timers: timersFor(generation.data, provider.data.timers, name),
    row: -1,
  };
  if (targets.size >= rememberedMax) targets.clear();
  targets.set(name, target);
  return target;
}

function notFound(generation: Generation, model: string): GatewayError {
  const names = [...generation.providers.keys()].join(", ");
  return new GatewayError(
    "model_not_found",
    `no provider offers the model "${model}"; write it as provider/model with one of: ${names}`,
    { source: "client", param: "model" },
  );
}
