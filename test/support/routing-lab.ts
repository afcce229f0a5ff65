/**
 * Routing without sockets: the real planner, trips, breakers and tables over a config, under a clock and dice of the
 * test's own. Hides how a plan is driven to its end.
 */
import { loadConfig } from "../../daemon/config/load.ts";
import { loadCompiler } from "../../daemon/routing/compiler.ts";
import { buildGeneration, type Generation, type Target } from "../../daemon/routing/generation.ts";
import { plan, type RouteRequest } from "../../daemon/routing/planner.ts";
import { createSharedRouting, openRouting, type Routing, type SharedRouting } from "../../daemon/routing/routing.ts";
import { Trip } from "../../daemon/routing/trip.ts";
import { openCatalog } from "../../providers/catalog/catalog.ts";
import { type ErrorCode, type ErrorDetails, GatewayError } from "../../providers/gateway-error.ts";

export type Asked = Partial<RouteRequest> & { readonly model: string };

/** What an upstream of the test does with one call. */
export type Reply = { readonly ms: number; readonly error?: GatewayError };
export type Upstreams = (target: Target, credential: string, nowMs: number) => Reply;

export type Outcome = {
  readonly error: GatewayError | undefined;
  /** `target#credential` of every attempt, in order. */
  readonly attempts: readonly string[];
  readonly reasons: readonly string[];
  readonly waitedMs: number;
  readonly trip: Trip;
};

export type RoutingLab = {
  readonly generation: Generation;
  readonly routing: Routing;
  nowMs: number;
  request(asked: Asked): RouteRequest;
  plan(asked: Asked): ReturnType<typeof plan>;
  /** Takes a request the whole way; time passes as replies and waits say. */
  go(asked: Asked, upstreams: Upstreams): Outcome;
  row(target: string): number;
};

export const provider = (more: object = {}) => ({ base_url: "http://127.0.0.1:1/v1", dialect: "openai-chat", ...more });
export const key = { api_key: "env.SECRET" };

export async function routingLab(config: object, seed = 1, shared?: SharedRouting): Promise<RoutingLab> {
  const loaded = await loadConfig({
    text: JSON.stringify(config),
    path: "/lab.yaml",
    environment: { SECRET: "s" },
    number: 1,
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const generation = buildGeneration(
    loaded.data,
    openCatalog(loaded.data.prices),
    () => nowhere,
    () => undefined,
    await loadCompiler(loaded.data),
  );
  const routing = openRouting({
    shared: shared ?? createSharedRouting(2),
    worker: 1,
    settings: loaded.data.routing,
    random: dice(seed),
  });
  const lab: RoutingLab = {
    generation,
    routing,
    nowMs: 1_790_000_000_000,
    request: (asked) => ({ ...quiet, nowMs: lab.nowMs, ...asked }),
    plan: (asked) => plan(generation, lab.request(asked), routing),
    go: (asked, upstreams) => drive(lab, asked, upstreams),
    row: (name) => routing.table.find(name),
  };
  return lab;
}

const nowhere = { dispatch: () => false, close: () => undefined };

const quiet: Omit<RouteRequest, "model" | "nowMs"> = {
  fallbacks: undefined,
  preferences: undefined,
  keyProviders: undefined,
  callerId: 1,
  requestType: "chat",
  stream: false,
  inputTokens: 100,
  outputTokens: 100,
  maxTokens: undefined,
  hasTools: false,
  headers: () => ({}),
  params: () => ({}),
  promptKey: () => undefined,
  issuer: () => undefined,
  caller: () => ({ key: "", keyId: "", user: "", team: "", customer: "" }),
  usage: () => ({ budget: 0, tokens: 0, requests: 0 }),
};

function drive(lab: RoutingLab, asked: Asked, upstreams: Upstreams): Outcome {
  const attempts: string[] = [];
  const reasons: string[] = [];
  let waitedMs = 0;
  const trip = new Trip(lab.plan(asked), lab.routing);
  const end = (error: GatewayError | undefined): Outcome => ({ error, attempts, reasons, waitedMs, trip });
  try {
    trip.begin(lab.nowMs);
    for (;;) {
      const credential = trip.target.provider.credentials[trip.credential]!.id;
      attempts.push(`${trip.target.name}#${credential}`);
      reasons.push(trip.reason);
      trip.enter(lab.nowMs);
      const reply = upstreams(trip.target, credential, lab.nowMs);
      lab.nowMs += reply.ms;
      trip.leave();
      if (reply.error === undefined) {
        trip.succeeded(lab.nowMs, asked.stream ?? false, reply.ms, reply.ms / 10);
        return end(undefined);
      }
      trip.failed(reply.error, lab.nowMs);
      const wait = trip.next(reply.error, lab.nowMs);
      waitedMs += wait;
      lab.nowMs += wait;
      if (wait > 0) trip.resume(lab.nowMs);
    }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return end(error);
  }
}

export function failure(code: ErrorCode, details: ErrorDetails = {}): GatewayError {
  return new GatewayError(code, "told", { source: "provider", ...details });
}

/** What the breaker says to a request, a probe told by that alone. */
export function entering({ breaker }: Pick<Routing, "breaker">, row: number, nowMs: number): "go" | "probe" | "open" {
  const entered = breaker.enter(row, nowMs);
  return typeof entered === "object" ? "probe" : entered;
}

export const well: Upstreams = () => ({ ms: 10 });

/** Mulberry32: the same numbers for the same seed, everywhere. */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
