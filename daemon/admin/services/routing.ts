/**
 * What routing would decide for a request that is not made. Hides that it is the data plane's own code over a copy of
 * what the workers have: the same config, the same table of health, the caller's own scopes.
 */
import { openCatalog } from "../../../providers/catalog/catalog.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { hostFor } from "../../../providers/hosts.ts";
import type { GenerationData } from "../../config/generation.ts";
import { followPrices } from "../../config/price-table.ts";
import { mayCall } from "../../governance/access.ts";
import { type CallerFacts, createCallerFacts } from "../../governance/caller-facts.ts";
import type { KeyDefinition } from "../../governance/definitions.ts";
import { loadPatterns, mentionsPattern } from "../../governance/model-patterns.ts";
import { openTables, type SharedTables } from "../../governance/tables.ts";
import { scanRequest } from "../../http/scan.ts";
import { nameFor } from "../../pipeline/key-bounds.ts";
import { firstMessages } from "../../pipeline/members.ts";
import { readPreferences } from "../../pipeline/preferences.ts";
import { rawOperations } from "../../pipeline/relay-attempt.ts";
import { bytesPerToken, outputTokensUsual } from "../../pipeline/route.ts";
import { loadCompiler } from "../../routing/compiler.ts";
import { buildGeneration, type Generation } from "../../routing/generation.ts";
import { findIssuer } from "../../routing/issuers.ts";
import type { Plan } from "../../routing/plan.ts";
import { plan, type RouteRequest } from "../../routing/planner.ts";
import { openRouting, type Routing, type SharedRouting } from "../../routing/routing.ts";
import type { AdminServices } from "../admin-services.ts";
import type { RouteTestAnswer, RouteTestRequest, RouteTestTarget } from "../contract/routing.ts";
import { hedgeView } from "./hedge-view.ts";

export type RoutingServiceOptions = {
  readonly current: () => GenerationData;
  readonly shared: SharedRouting;
  readonly tables: SharedTables;
  readonly findKey: (nameOrId: string) => Promise<KeyDefinition | undefined>;
  readonly now: () => number;
};

/** What the shares are taken of. */
const drawsMax = 1_000;

export function createRoutingService(options: RoutingServiceOptions): AdminServices["routing"] {
  const callers = createCallerFacts(openTables(options.tables, 0));
  let built: { readonly number: number; readonly generation: Generation; readonly routing: Routing } | undefined;

  async function build() {
    const data = options.current();
    if (built?.number === data.number) return built;
    const hosts = data.providers.map(({ name, host, dialect }) => [name, hostFor(host, dialect).catalog ?? host]);
    followPrices(data.importedPrices);
    const catalog = openCatalog(data.prices, Object.fromEntries(hosts), data.facts);
    const generation = buildGeneration(
      data,
      catalog,
      () => nowhere,
      () => undefined,
      await loadCompiler(data),
    );
    const routing = openRouting({ shared: options.shared, worker: 0, settings: data.routing });
    built = { number: data.number, generation, routing };
    return built;
  }

  return {
    async test(asked) {
      const { generation, routing } = await build();
      const key = asked.key === undefined ? undefined : await options.findKey(asked.key);
      if (asked.key !== undefined && key === undefined)
        throw new GatewayError("not_found", `there is no key "${asked.key}"`, { param: "key" });
      if (mentionsPattern(key?.policy)) await loadPatterns();
      const request = requestOf(asked, key, callers, routing, options.now());
      try {
        // Rules are counted where requests are made, not where they are only thought of.
        const quiet: Routing = { ...routing, counts: false, table: { ...routing.table, find: routing.table.peek } };
        // A row may have been made since.
        for (const target of generation.targets.values()) target.row = -1;
        const plans = Array.from({ length: drawsMax }, () => plan(generation, request, quiet));
        return answer(request, plans, key, routing, options.now());
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        return refusal(asked, error);
      }
    },
  };
}

const nowhere = { dispatch: () => false, close: () => undefined };

function requestOf(
  asked: RouteTestRequest,
  key: KeyDefinition | undefined,
  callers: CallerFacts,
  { issuers }: Pick<Routing, "issuers">,
  nowMs: number,
): RouteRequest {
  const { body = {}, headers = {} } = asked;
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const text = Buffer.from(JSON.stringify(body));
  const whole = Buffer.from(JSON.stringify({ ...body, model: asked.model }));
  const isChat = (asked.request_type ?? "chat") === "chat";
  const noted = Object.entries(body).map(([name, value], index) => {
    // As the scan would tell it, over a body of this one member.
    const member = Buffer.from(JSON.stringify(value));
    return { name, index, start: 0, valueStart: 0, end: member.length, commaBefore: -1, commaAfter: -1, bytes: member };
  });
  const said = noted.map((member) => readPreferences(member.bytes, [member], []));
  const spoken = [...said, readPreferences(text, undefined, Object.entries(lower).flat())].filter(
    (each) => each !== undefined,
  );
  const preferences = spoken.length === 0 ? undefined : (Object.assign({}, ...spoken) as RouteRequest["preferences"]);
  const view = scanRequest(whole);
  const maxTokens = asked.max_tokens ?? view.maxTokens;
  const names = key === undefined ? {} : callers.names(key.scopes);
  return {
    model: nameFor(key ?? {}, asked.model),
    requestType: asked.request_type ?? "chat",
    stream: asked.stream ?? view.stream,
    inputTokens: asked.tokens ?? (asked.body === undefined ? 0 : whole.length / bytesPerToken),
    outputTokens: maxTokens ?? outputTokensUsual,
    maxTokens,
    hasTools: Array.isArray(body["tools"]) && body["tools"].length > 0,
    nowMs,
    fallbacks: Array.isArray(body["fallbacks"]) ? body["fallbacks"].map(String) : undefined,
    preferences,
    keyProviders: key?.policy.providers,
    callerId: key?.id ?? 0,
    headers: () => lower,
    params: () => body,
    promptKey: () => firstMessages(whole, view),
    issuer: () => (isChat ? findIssuer(issuers, whole, nowMs) : undefined),
    caller: () => ({
      key: key?.name ?? "",
      keyId: key?.publicId ?? "",
      user: names["user"] ?? "",
      team: names["team"] ?? "",
      customer: names["customer"] ?? "",
    }),
    usage: () => (key === undefined ? { budget: 0, tokens: 0, requests: 0 } : callers.usage(key.scopes, nowMs)),
  };
}

function answer(
  { model, stream, requestType }: RouteRequest,
  plans: readonly Plan[],
  key: KeyDefinition | undefined,
  routing: Routing,
  nowMs: number,
): RouteTestAnswer {
  const isAllowed = ({ provider, model: each }: Plan["hops"][number]["target"]): boolean =>
    key === undefined || mayCall(key.policy, provider.name, each);
  const hasCredential = (target: Plan["hops"][number]["target"]): boolean =>
    credentialsFor(target, plans[0]!).length > 0 &&
    routing.credentials.restingMs(target.provider, peekRow(target.name, routing), nowMs) === 0;
  const askable = ({ target }: Plan["hops"][number]): boolean =>
    isAllowed(target) && hasCredential(target) && routing.breaker.waitMs(peekRow(target.name, routing), nowMs) === 0;
  // What is drawn may be what the key may not call: one that goes through says more.
  const first = plans.find(({ hops }) => hops.some(askable)) ?? plans[0]!;
  const decision = first.decision?.();
  const notes = new Map(decision?.considered.map(({ target, note }) => [target, note]));
  const firsts = plans.map(({ hops }) => hops.find(askable)?.target.name);
  // Where fallbacks are off a plan has but the one that was drawn: another draw has another.
  const all = new Map(plans.flatMap(({ hops }) => hops.map(({ target }) => [target.name, target])));
  const targets = [...all.values()].map((target): RouteTestTarget => {
    const row = peekRow(target.name, routing);
    const waitMs = routing.breaker.waitMs(row, nowMs);
    const resting = routing.credentials.restingMs(target.provider, row, nowMs);
    const note = !isAllowed(target)
      ? "the key may not call it"
      : credentialsFor(target, first).length === 0
        ? "has no credential that may be used for this"
        : waitMs > 0
          ? `breaker open, for ${waitMs} ms`
          : resting > 0
            ? `its credentials were told to wait, for ${resting} ms`
            : (notes.get(target.name) ?? null);
    return {
      target: target.name,
      share: firsts.filter((name) => name === target.name).length / plans.length,
      breaker: routing.breaker.state(row, nowMs),
      note,
    };
  });
  const chosen = first.hops.find(askable)?.target;
  const inPlan = new Set(all.keys());
  return {
    model,
    chosen: chosen?.name ?? null,
    credential: chosen === undefined ? null : certainCredential(chosen, first, peekRow(chosen.name, routing)),
    error: chosen === undefined ? unavailable(first, isAllowed, routing, nowMs) : null,
    rules: decision?.rules ?? [],
    strategy: decision?.strategy ?? (first.order === undefined ? null : "ordered"),
    affinity: decision?.affinity ?? null,
    targets,
    left_out: (decision?.considered ?? [])
      .filter(({ target }) => !inPlan.has(target))
      .map(({ target, note }) => ({ target, note: note ?? "" })),
    on_context_window: (first.onContext ?? []).map(({ target }) => target.name),
    on_content_policy: (first.onPolicy ?? []).map(({ target }) => target.name),
    hedge: hedgeView({
      ...{ plan: first, routing, nowMs, streamed: stream, isAllowed, hasCredential },
      isRead: !rawOperations.has(requestType),
    }),
  };
}

/** As `Trip` picks them: the one that the caller names, or those that its key may use. */
function credentialsFor({ provider }: Plan["hops"][number]["target"], { credential, allowed }: Plan) {
  const barred = allowed?.get(provider.name);
  return provider.credentials.filter(
    ({ id, weight }) =>
      (credential === undefined ? weight > 0 : id === credential) && (barred === undefined || barred.includes(id)),
  );
}

/** Where it is not drawn. */
function certainCredential(target: Plan["hops"][number]["target"], plan: Plan, row: number): string | null {
  const usable = credentialsFor(target, plan);
  if (plan.credential === undefined && plan.binding !== undefined && plan.binding.row === row) {
    const bound = target.provider.hashes.indexOf(plan.binding.credential);
    const kept = target.provider.credentials[bound];
    if (kept !== undefined && usable.includes(kept)) return kept.id;
  }
  return usable.length === 1 ? usable[0]!.id : null;
}

/** As `Trip` tells it: what only rests at its provider is a rate limit, anything else an outage. */
function unavailable(
  { hops }: Plan,
  isAllowed: (target: Plan["hops"][number]["target"]) => boolean,
  { breaker, credentials, table }: Routing,
  nowMs: number,
): NonNullable<RouteTestAnswer["error"]> {
  const rests = ({ target }: Plan["hops"][number]): boolean => {
    const row = table.peek(target.name);
    return (
      isAllowed(target) && breaker.waitMs(row, nowMs) === 0 && credentials.restingMs(target.provider, row, nowMs) > 0
    );
  };
  if (hops.every(rests))
    return {
      code: "rate_limit_exceeded",
      message: "the provider's rate limit is used up, and it told the gateway to wait",
    };
  return { code: "targets_unavailable", message: "no target of the request can be asked now" };
}

function refusal({ model }: RouteTestRequest, { code, message }: GatewayError): RouteTestAnswer {
  const nothing = { rules: [], targets: [], left_out: [], on_context_window: [], on_content_policy: [] };
  return {
    model,
    chosen: null,
    credential: null,
    error: { code, message },
    strategy: null,
    affinity: null,
    hedge: null,
    ...nothing,
  };
}

/** A target that nobody has asked has no row, and a test makes none. */
function peekRow(name: string, { table }: Routing): number {
  return table.peek(name);
}
