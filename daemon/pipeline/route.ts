/**
 * Stage: Request view, Caller → Trip. Where may this go, in which order, and which of it is asked first. Hides what of
 * a request routing looks at, and that most requests are routed by one look-up of their model's name.
 */
import type { CallerNames, UsageShares } from "../routing/facts.ts";
import { findIssuer, type Issuer } from "../routing/issuers.ts";
import type { Plan } from "../routing/plan.ts";
import { allowedCredentials, type KeyProvider, plainPlan, plan, type RouteRequest } from "../routing/planner.ts";
import type { RoutePreferences } from "../routing/preferences.ts";
import { Trip } from "../routing/trip.ts";
import { assertAccess } from "./admit.ts";
import type { Exchange } from "./exchange.ts";
import { isFilmOfModel } from "./films.ts";
import { nameFor } from "./key-bounds.ts";
import { firstMessages, smallMembers } from "./members.ts";
import type { Plane } from "./plane.ts";
import { providerTarget } from "./read-other.ts";

/** Only for comparing prices and for rules, where the catalog has not learned better. */
export const bytesPerToken = 4;
export const outputTokensUsual = 500;

/** What the config, or the key, has asked instead of what the request asks. */
export type Instead = { readonly model: string; readonly fallbacks: readonly string[] | undefined };

export function route(exchange: Exchange, plane: Plane, instead: Instead | undefined = byOwnName(exchange)): Trip {
  const trip = new Trip(planFor(exchange, plane, instead), plane.routing);
  exchange.trip = trip;
  try {
    trip.begin(exchange.at);
  } catch (error) {
    // Who may call none of them hears that, and not how they are.
    throw refusalOf(exchange, trip, plane) ?? error;
  }
  return trip;
}

function planFor(exchange: Exchange, plane: Plane, instead: Instead | undefined): Plan {
  const { generation, route: asked } = exchange;
  const isKept = asked.form === "object" && !isFilmOfModel(exchange);
  const { preferences } = exchange.view!;
  if (isKept || asked.form === "stored" || asked.form === "any") {
    const { providers } = exchange.caller!;
    return {
      hops: [{ target: providerTarget(exchange, plane), weight: 1, retries: 0 }],
      credential: preferences?.credential,
      allowed: providers && allowedCredentials(providers),
    };
  }
  const { model, fallbacks } = instead ?? exchange.view!;
  const isPlain = preferences === undefined && exchange.caller!.providers === undefined;
  const known = isPlain ? plainPlan(generation, model!, fallbacks) : undefined;
  return known ?? plan(generation, new Asked(exchange, plane, instead), plane.routing);
}

/** A name that only the key knows. */
function byOwnName({ caller, view }: Exchange): Instead | undefined {
  if (caller!.policy?.aliases === undefined || view?.model === undefined) return undefined;
  const model = nameFor(caller!, view.model);
  return model === view.model ? undefined : { model, fallbacks: view.fallbacks };
}

function refusalOf(exchange: Exchange, { plan: { hops } }: Trip, plane: Plane): unknown {
  let refusal: unknown;
  for (const { target } of hops) {
    try {
      assertAccess(exchange, target, plane, exchange.at);
      return undefined;
    } catch (error) {
      refusal ??= error;
    }
  }
  return refusal;
}

/** The exchange as routing sees it. Nothing is worked out before it is asked for. */
class Asked implements RouteRequest {
  readonly #exchange: Exchange;
  readonly #plane: Plane;
  readonly #instead: Instead | undefined;

  constructor(exchange: Exchange, plane: Plane, instead: Instead | undefined) {
    this.#exchange = exchange;
    this.#plane = plane;
    this.#instead = instead;
  }

  get model(): string {
    return this.#instead?.model ?? this.#exchange.view!.model!;
  }
  get fallbacks(): readonly string[] | undefined {
    return this.#instead?.fallbacks ?? this.#exchange.view!.fallbacks;
  }
  get preferences(): RoutePreferences | undefined {
    return this.#exchange.view!.preferences;
  }
  get requestType(): string {
    return this.#exchange.route.operation;
  }
  get stream(): boolean {
    return this.#exchange.view!.stream;
  }
  get inputTokens(): number {
    return this.#exchange.bytesIn / bytesPerToken;
  }
  get outputTokens(): number {
    return this.#exchange.view!.maxTokens ?? outputTokensUsual;
  }
  get maxTokens(): number | undefined {
    return this.#exchange.view!.maxTokens;
  }
  get hasTools(): boolean {
    return this.#exchange.view!.toolsPresent;
  }
  get nowMs(): number {
    return this.#exchange.at;
  }
  get keyProviders(): readonly KeyProvider[] | undefined {
    return this.#exchange.caller!.providers;
  }
  get callerId(): number {
    return this.#exchange.caller!.keyId;
  }
  headers(): Readonly<Record<string, string>> {
    return this.#exchange.request.headers as Readonly<Record<string, string>>;
  }
  params(): Readonly<Record<string, unknown>> {
    const { body } = this.#exchange;
    return body === undefined ? {} : smallMembers(body); // of a form, which is passed on as it comes
  }
  promptKey(): string | undefined {
    const { body, view } = this.#exchange;
    return body === undefined ? undefined : firstMessages(body, view!);
  }
  issuer(): Issuer | undefined {
    const { body, route: asked } = this.#exchange;
    if (body === undefined || asked.operation !== "chat") return undefined;
    return findIssuer(this.#plane.routing.issuers, body, this.nowMs);
  }
  caller(): CallerNames {
    const { keyRow, scopes } = this.#exchange.caller!;
    const names = this.#plane.callers.names(scopes);
    return {
      key: names["key"] ?? "",
      keyId: keyRow < 0 ? "" : this.#plane.keys.publicId(keyRow),
      user: names["user"] ?? "",
      team: names["team"] ?? "",
      customer: names["customer"] ?? "",
    };
  }
  usage(): UsageShares {
    return this.#plane.callers.usage(this.#exchange.caller!.scopes, this.nowMs);
  }
}
