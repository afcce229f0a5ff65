/**
 * From a request to its plan: rules, the caller's preferences, strategies and affinity, in this order. A name that
 * means one thing costs one look-up. Pure but for what it reads of the health table: `route test` asks the same.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { affinityKey } from "./affinity.ts";
import { type FactSource, Facts } from "./facts.ts";
import { filterHops } from "./filters.ts";
import type { Generation } from "./generation.ts";
import type { Issuer } from "./issuers.ts";
import type { Decision, Plan } from "./plan.ts";
import type { RoutePreferences } from "./preferences.ts";
import {
  fallbacksFor,
  type Hop,
  hedgeFor,
  type NamePlan,
  planOf,
  resolveName,
  type Stage,
  stageFor,
  stagesFor,
} from "./resolve.ts";
import { type Routing, rowOf } from "./routing.ts";
import { applyRules, type Verdict } from "./rules.ts";
import { type Choice, orderHops, sortHops } from "./strategies.ts";
import { bareName, type Suffix, withoutSuffix } from "./suffixes.ts";

export type RouteRequest = FactSource & {
  /** `fallbacks[]` of the request. */
  readonly fallbacks: readonly string[] | undefined;
  readonly preferences: RoutePreferences | undefined;
  /** Conversations of different callers are never the same. */
  readonly callerId: number;
  readonly outputTokens: number;
  /** The providers that the caller's key may use, by weight; undefined: all, as the config has them. */
  readonly keyProviders: readonly KeyProvider[] | undefined;
  /** Hash of the first messages, where affinity goes by them. */
  promptKey(): string | undefined;
  /** Who made the newest proof of thinking in it, where that is known. */
  issuer(): Issuer | undefined;
};

/** Of a key: one of its providers. */
export type KeyProvider = {
  readonly provider: string;
  readonly weight?: number | undefined;
  readonly credentials?: readonly string[] | undefined;
};

/** A caller may not ask for more. */
const retriesMax = 10;

/** What is tried for a request, or throws `model_not_found`. */
export function plan(generation: Generation, request: RouteRequest, routing: Routing): Plan {
  const verdict = generation.rules === undefined ? undefined : judged(generation, request, routing);
  const found = findName(generation, request, verdict);
  const { fixed } = found.plan;
  const isPlain =
    request.keyProviders === undefined &&
    fixed !== undefined &&
    found.suffix === undefined &&
    !bends(request.preferences) &&
    !hasSpoken(verdict);
  const issuer = found.plan.hasChoice ? request.issuer() : undefined;
  const isBound = issuer !== undefined || (found.plan.hasChoice && conversation(generation, request) !== undefined);
  if (isPlain && !isBound) return fixed;
  return decide(generation, request, routing, found, verdict, issuer);
}

/** The plan of a request that says nothing of its way, where its name leaves nothing to choose; undefined: ask `plan`. */
export function plainPlan(generation: Generation, model: string, own: readonly string[] | undefined): Plan | undefined {
  if (generation.rules !== undefined || own !== undefined) return undefined;
  const known = generation.resolved.get(model);
  return known === undefined || known.hasChoice ? undefined : known.fixed;
}

type Found = { readonly plan: NamePlan; readonly suffix: Suffix | undefined };

function bends(preferences: RoutePreferences | undefined): boolean {
  if (preferences === undefined) return false;
  const { provider, credential, fallbacks, retries } = preferences;
  return provider !== undefined || credential !== undefined || fallbacks === false || retries !== undefined;
}

function hasSpoken(verdict: Verdict | undefined): boolean {
  return verdict !== undefined && verdict.rules.length + verdict.errors.length > 0;
}

function judged(generation: Generation, request: RouteRequest, routing: Routing): Verdict {
  const providerOf = (): string => stageFor(generation, request.model)?.hops[0]?.target.provider.name ?? "";
  return applyRules(generation.rules!, new Facts(request, providerOf), routing.counts ? routing.table : undefined);
}

/** The name's own plan, with what rules and `models[]` put into it. */
function findName(generation: Generation, request: RouteRequest, verdict: Verdict | undefined): Found {
  const { preferences, fallbacks: own } = request;
  const { model, suffix } = withoutSuffix(generation, request.model);
  const everywhere = suffix !== undefined || preferences?.provider !== undefined || request.keyProviders !== undefined;
  const isRuled = verdict?.stage !== undefined || verdict?.fallbacks !== undefined;
  if (!isRuled && !everywhere && preferences?.models === undefined)
    return { plan: resolveName(generation, model, own, bareName), suffix };
  const first = verdict?.stage ?? sharedByKey(stageFor(generation, model, everywhere), model, request, generation);
  if (first === undefined) return { plan: resolveName(generation, model, own, bareName), suffix };
  const lists = fallbacksFor(generation, model);
  const after =
    own !== undefined ? stagesFor(generation, own) : (verdict?.fallbacks ?? stagesFor(generation, lists?.any ?? []));
  const listed = (names: readonly string[] | undefined) =>
    own !== undefined || names === undefined ? undefined : stagesFor(generation, names);
  return {
    plan: planOf(
      [first, ...stagesFor(generation, preferences?.models ?? []), ...after],
      listed(lists?.contextWindow),
      listed(lists?.contentPolicy),
      hedgeFor(generation, model),
    ),
    suffix,
  };
}

/** A model that names no provider is shared by the key's own weights, where the key has some. */
function sharedByKey(
  stage: Stage | undefined,
  model: string,
  { keyProviders }: RouteRequest,
  generation: Generation,
): Stage | undefined {
  if (stage === undefined || keyProviders === undefined) return stage;
  const slash = model.indexOf("/");
  if (slash > 0 && generation.providers.has(model.slice(0, slash))) return stage;
  const hops = stage.hops.flatMap((hop) => {
    const own = keyProviders.find(({ provider }) => provider === hop.target.provider.name);
    return own === undefined ? [] : [{ ...hop, weight: own.weight ?? 0 }];
  });
  if (hops.length === 0) return stage; // none is allowed, and access will say so
  return hops.every(({ weight }) => weight === 0) ? { ...stage, hops: stage.hops } : { hops, strategy: "weighted" };
}

/** `:free` is a price that nothing may be over. */
function withFree(preferences: RoutePreferences | undefined): RoutePreferences {
  const maxPrice = { prompt: 0, completion: 0, request: 0, image: 0 };
  return { ...preferences, provider: { ...preferences?.provider, maxPrice } };
}

function decide(
  generation: Generation,
  request: RouteRequest,
  routing: Routing,
  { plan: names, suffix }: Found,
  verdict: Verdict | undefined,
  issuer: Issuer | undefined,
): Plan {
  const preferences = suffix?.free === true ? withFree(request.preferences) : request.preferences;
  const wishes = preferences?.provider;
  const choice: Choice = {
    generation,
    routing,
    nowMs: request.nowMs,
    streamed: request.stream,
    inputTokens: request.inputTokens,
    outputTokens: request.outputTokens,
  };
  const notes: { target: string; note: string }[] = [];
  const sort = wishes?.sort ?? suffix?.sort;
  const orderStage = (stage: Stage): readonly Hop[] => {
    const left = filterHops(stage.hops, preferences, choice, notes);
    if (left.length === 0) return left;
    if (wishes?.order !== undefined) return inOrder(left, wishes.order, stage, choice);
    if (sort !== undefined) return sortHops(left, sort, choice);
    return orderHops(left === stage.hops ? stage : { ...stage, hops: left }, choice);
  };
  const [stage, ...after] = names.stages;
  let hops = after.length === 0 ? orderStage(stage!) : names.stages.flatMap(orderStage);
  if (wishes?.allowFallbacks === false) hops = onlyListed(hops, wishes.order);
  if (preferences?.fallbacks === false) hops = hops.slice(0, 1);
  if (hops.length === 0) throw nothingLeft(request.model, notes);
  const stay = wishes?.order === undefined && names.hasChoice ? conversation(generation, request) : undefined;
  // What only its issuer can read goes there, whatever the conversation is called.
  const kept = issuer ?? (stay === undefined ? undefined : routing.affinity.find(stay.key, request.nowMs));
  const before = hops[0]!;
  if (kept !== undefined) hops = moved(hops, kept.row, routing, request.nowMs);
  const isKept = kept !== undefined && rowOf(hops[0]!.target, routing) === kept.row;
  const decision = (): Decision => ({
    ...(verdict === undefined || verdict.rules.length === 0 ? {} : { rules: verdict.rules.map(({ name }) => name) }),
    strategy:
      wishes?.order !== undefined ? "order" : sort !== undefined ? `sort by ${sort}` : names.stages[0]!.strategy,
    ...(isKept ? { affinity: issuer === undefined ? stay!.by : "issuer" } : {}),
    considered: [
      ...hops.map(({ target, weight }) => ({
        target: target.name,
        note: noteOf(weight, isKept && target === hops[0]!.target && target !== before.target),
      })),
      ...notes,
      ...(verdict?.errors ?? []).map(({ rule, failure }) => ({
        target: `rule ${rule}`,
        note: `passed over: ${failure.message.split("\n")[0]}`,
      })),
    ],
    ordered: hops.length,
  });
  const ordered = (stages: readonly Stage[] | undefined) => stages?.flatMap(orderStage);
  // Written out: a dozen spreads of what is mostly absent cost more than the decision.
  return {
    hops,
    onContext: ordered(names.onContext),
    onPolicy: ordered(names.onPolicy),
    credential: preferences?.credential,
    allowed: request.keyProviders && allowedCredentials(request.keyProviders),
    binding: isKept ? kept : undefined,
    issuer,
    bind: stay && { key: stay.key, ttlMs: stay.ttlMs },
    retries: preferences?.retries === undefined ? undefined : Math.min(preferences.retries, retriesMax),
    hedge: names.hedge,
    strict: wishes?.requireParameters,
    unhonoured: suffix?.unhonoured,
    order: undefined,
    decision,
  };
}

export function allowedCredentials(providers: readonly KeyProvider[]): ReadonlyMap<string, readonly string[]> {
  return new Map(
    providers.flatMap(({ provider, credentials }) =>
      credentials === undefined || credentials.includes("*") ? [] : [[provider, credentials] as const],
    ),
  );
}

function noteOf(weight: number, isMoved: boolean): string | undefined {
  if (isMoved) return "answered this conversation before";
  return weight === 1 ? undefined : `weight ${weight}`;
}

/** What the caller lists, in its order; the rest follows as the stage says, unless the caller forbids it. */
function inOrder(hops: readonly Hop[], order: readonly string[], stage: Stage, choice: Choice): readonly Hop[] {
  const listed = order.flatMap((provider) => hops.filter(({ target }) => target.provider.name === provider));
  const rest = hops.filter((hop) => !listed.includes(hop));
  return rest.length === 0 ? listed : [...listed, ...orderHops({ ...stage, hops: rest }, choice)];
}

function onlyListed(hops: readonly Hop[], order: readonly string[] | undefined): readonly Hop[] {
  return order === undefined ? hops.slice(0, 1) : hops.filter(({ target }) => order.includes(target.provider.name));
}

/** To the front, while it is healthy. */
function moved(hops: readonly Hop[], row: number, routing: Routing, nowMs: number): readonly Hop[] {
  const at = hops.findIndex(({ target }) => rowOf(target, routing) === row);
  if (at <= 0 || routing.breaker.waitMs(row, nowMs) > 0) return hops;
  const hop = hops[at]!;
  return [hop, ...hops.slice(0, at), ...hops.slice(at + 1)];
}

function conversation(generation: Generation, request: RouteRequest) {
  const { by, ttlMs } = generation.data.routing.affinity;
  const { preferences, callerId, model } = request;
  if (by.length === 0 || preferences?.affinity === false) return undefined;
  for (const kind of by) {
    const name =
      kind === "session" ? preferences?.session : kind === "cache_key" ? preferences?.cacheKey : request.promptKey();
    if (name === undefined) continue;
    const key = affinityKey(kind, callerId, model, name);
    return { by: kind, key, ttlMs: preferences?.sessionTtlMs ?? ttlMs };
  }
  return undefined;
}

function nothingLeft(
  model: string,
  notes: readonly { readonly target: string; readonly note: string }[],
): GatewayError {
  const why = notes.map(({ target, note }) => `${target}: ${note}`).join("; ");
  return new GatewayError("model_not_found", `no target for "${model}" meets what the request asks of it (${why})`, {
    source: "client",
    param: "provider",
  });
}
