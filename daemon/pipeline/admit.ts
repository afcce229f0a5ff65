/**
 * Stage: Target → Lease. May this caller call this target now, and is there money for the worst case? Holds it in
 * every scope at once, or refuses naming the one. Hides estimates, prices and what a refusal says.
 */
import { costBound, type Units } from "../../providers/catalog/cost.ts";
import type { Price } from "../../providers/catalog/price.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { anyModel } from "../governance/access.ts";
import type { Ledger } from "../governance/ledger.ts";
import { formatDollars } from "../governance/money.ts";
import type { Plan, PlanRefusal } from "../governance/plans.ts";
import { sighting } from "../http/json-skip.ts";
import type { Target } from "../routing/generation.ts";
import { assertUsable } from "./authenticate.ts";
import type { Batch } from "./batch-cost.ts";
import type { Exchange, Route } from "./exchange.ts";
import { innerModels } from "./inner-models.ts";
import { limitHeaders } from "./limit-headers.ts";
import type { Plane } from "./plane.ts";
import { readMarks } from "./prompt-marks.ts";
import { assertHoldable } from "./server-tools.ts";
import { unitsBound } from "./units.ts";

/** The right to make one attempt, and what it may cost. Settled exactly once. */
export type Lease = {
  readonly target: Target;
  readonly price: Price | undefined;
  /** Index of the hold in the ledger; -1 when nothing is counted for this caller. */
  readonly hold: number;
  readonly holdId: string;
  /** Tokens held: the estimate of the input, and the bound of the output. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** What is billed beside tokens, at most. */
  readonly units: Units | undefined;
  /** What the estimate of the input alone costs, nano-dollars. */
  readonly inputCostNano: number;
  /** What is held for the worst case, nano-dollars. */
  heldNano: number;
  /** What is charged: `3,17`. */
  readonly scopes: string;
  /** A cap to be written into the request, when none was sent and the policy is to inject one. */
  readonly injectCap: number | undefined;
  settled: boolean;
};

/** Asked for every target, whatever is asked of it: the key as it is now, and the models it and its owners may call. */
export function assertAccess(
  exchange: Pick<Exchange, "caller"> & Partial<Pick<Exchange, "named">>,
  target: Target,
  plane: Plane,
  now: number,
): Plan {
  const { named } = exchange;
  const { keyRow } = exchange.caller!;
  if (keyRow >= 0) assertUsable(plane.keys, keyRow, now);
  const plan = plane.plans.find(keyRow, target.provider.name, target.model, target.name);
  if (plan.refusal !== undefined) throw forbidden(plan.refusal, target);
  if (named !== undefined && named.length !== 0) {
    const refusal = plane.plans.refusal(named, target.provider.name, target.model);
    if (refusal !== undefined) throw forbiddenTo(refusal, target);
  }
  return plan;
}

/** Other models may be called for the request as well. */
function assertInner(exchange: Exchange, target: Target, plane: Plane, now: number): void {
  const { body, caller, named } = exchange;
  const { name: provider } = target.provider;
  const { refusal } = plane.plans.find(caller!.keyRow, provider, anyModel, `${provider}/${anyModel}`);
  if (refusal === undefined && named.length === 0) return;
  assertBeside(exchange, target, innerModels(body!), plane, now);
}

/** The provider may call these beside its own model, by its names. */
export function assertBeside(
  exchange: Exchange,
  target: Target,
  models: readonly string[],
  plane: Plane,
  now: number,
): void {
  const { name: provider } = target.provider;
  for (const model of models) assertAccess(exchange, { ...target, model, name: `${provider}/${model}` }, plane, now);
}

/** The key is good; whom it speaks for is not. */
function forbiddenTo(refusal: PlanRefusal, { name }: Target): GatewayError {
  if (refusal.kind === "disabled")
    return new GatewayError("permission_denied", `${refusal.label} is disabled`, { source: "client" });
  const message = `the end user or tag that this request names may not call ${name}`;
  return new GatewayError("model_not_allowed", message, { source: "client", param: "model" });
}

function forbidden(refusal: PlanRefusal, target: Target): GatewayError {
  switch (refusal.kind) {
    case "model":
      return new GatewayError("model_not_allowed", `this API key may not call ${target.name}`, {
        source: "client",
        param: "model",
      });
    case "disabled":
      return new GatewayError("blocked_api_key", `${refusal.label} is disabled`, { source: "client" });
    case "too_many":
      return new GatewayError("permission_denied", "more limits apply to this call than can be counted for one", {
        source: "gateway",
      });
  }
}

export function admit(exchange: Exchange, target: Target, plane: Plane): Lease {
  const caller = exchange.caller!;
  const now = Date.now();
  const plan = assertAccess(exchange, target, plane, now);
  const { body, named, view } = exchange;
  if (body !== undefined && caller.keyRow >= 0 && (view!.sighted & sighting.tools) !== 0)
    assertInner(exchange, target, plane, now);
  const scopes = named.length === 0 ? plan.scopes : [...plan.scopes, ...named];
  const scopesText = named.length === 0 ? plan.text : scopes.join(",");
  const settings = exchange.generation.data;
  if (settings.record.audit && settings.record.auditOnFailure === "block" && !plane.health.stateWritable) {
    throw new GatewayError("audit_unavailable", "the audit record cannot be written now; try again shortly", {
      source: "gateway",
    });
  }
  const isFree = target.free || costsNothing(exchange.route);
  const price = isFree ? undefined : priceOf(exchange, target, now);
  const limited = plane.ledger.hasLimits(scopes);
  const budgeted = limited && plane.ledger.hasBudgets(scopes);
  if (limited) assertLedger(exchange, plane);
  if (price === undefined && !isFree && budgeted && !settings.ledger.allowUnpriced) throw unpriced(target);
  if (budgeted && exchange.batch?.isUnread === true && !settings.ledger.allowUnpriced) throw unread();
  if (budgeted && exchange.body !== undefined) exchange.marks ??= readMarks(exchange.body, exchange.view!.sighted);
  const { batch } = exchange;
  const tools = exchange.marks?.tools;
  if (budgeted && !settings.ledger.allowUnpriced && !isFree) {
    const isExact = settings.ledger.holdInput === "bytes";
    if (batch === undefined && tools !== undefined) assertHoldable(tools, price, isExact);
    for (const each of batch?.models ?? [])
      if (each.sum.tools !== undefined && !each.target.free) assertHoldable(each.sum.tools, each.price, isExact);
  }
  const toolCalls = tools?.hasFee ? tools.calls : 0;
  const fileSearches = tools?.searchesFiles ? tools.calls : 0;
  const containerGb = tools?.containerGb;
  const bounds = batch === undefined ? estimateBounds(exchange, target, plane) : boundsOf(batch);
  const service = exchange.marks?.service;
  const units = price === undefined || generates(exchange.route) ? undefined : unitsBound(exchange);
  const inputCostNano =
    batch?.inputNano ?? costBound(price, { input: bounds.input, output: 0, dearest: false, service, units }) ?? 0;
  const holdId = exchange.holds === 0 ? exchange.id : `${exchange.id}:${exchange.holds}`;
  let hold = -1;
  let heldNano = 0;
  if (scopes.length > 0) {
    const { input, output } = bounds;
    const dearest = exchange.marks?.dearest ?? false;
    const most =
      batch === undefined
        ? costBound(price, { input, output, dearest, service, units, toolCalls, fileSearches, containerGb })
        : batch.heldNano;
    // A price by the picture, say, for something that makes none.
    if (most === undefined && price !== undefined && budgeted && !settings.ledger.allowUnpriced) throw unpriced(target);
    const costNano = most ?? 0;
    const tokens = Math.min(Number.MAX_SAFE_INTEGER, input + output);
    hold = plane.ledger.admit(scopes, now, costNano, tokens, inputCostNano, exchange.holds === 0, holdId);
    if (limited) exchange.limitHeaders = limitHeaders(plane.quota(scopes, now));
    if (hold < 0) throw refused(plane.ledger, costNano, named);
    exchange.holds++;
    heldNano = costNano;
    // What a crash would make forgotten: money, and a place in a rate's window.
    if (limited && ((costNano > 0 && budgeted) || plane.ledger.hasRates(scopes))) {
      plane.state.pushHold(holdId, now, scopesText, costNano, tokens, inputCostNano, caller.keyId, target.name);
    }
  }
  return {
    target,
    price,
    hold,
    holdId,
    inputTokens: bounds.input,
    outputTokens: bounds.output,
    units,
    inputCostNano,
    injectCap: bounds.injectCap,
    heldNano,
    scopes: scopesText,
    settled: false,
  };
}

/** A container that is made by itself costs nothing else, whatever the provider's models do. */
function priceOf({ generation, route }: Exchange, { provider, model }: Target, now: number): Price | undefined {
  const price = generation.catalog.price(provider.name, model, now);
  if (route.operation !== "containers" || price === undefined) return price;
  return price.container === undefined ? undefined : { container: price.container, tiers: [] };
}

function unpriced(target: Target): GatewayError {
  return new GatewayError(
    "unpriced_model",
    `${target.name} has no known price, and this API key has a budget; add it under \`prices\` in the config or set \`ledger.allow_unpriced\``,
    { source: "gateway", param: "model" },
  );
}

function unread(): GatewayError {
  return new GatewayError(
    "unpriced_model",
    "what this batch costs is not known, and this API key has a budget: it is asked for in a raw call, or its file was not uploaded through this gateway, or has lines that are no requests or too long; upload it here, send the requests themselves, or set `ledger.allow_unpriced`",
    { source: "gateway", param: "input_file_id" },
  );
}

function assertLedger(exchange: Exchange, plane: Plane): void {
  if (!plane.health.stateWritable || plane.state.full) {
    throw new GatewayError("database_unavailable", "the ledger cannot be written now; try again shortly", {
      source: "gateway",
      retryAfterMs: 1000,
    });
  }
  if (plane.state.lagMs() > exchange.generation.data.ledger.lagMaxMs) {
    throw new GatewayError("ledger_behind", "the ledger is behind its disk; try again shortly", {
      source: "gateway",
      retryAfterMs: 250,
    });
  }
}

/** Text comes out of it, and costs. */
export function generates({ operation }: Route): boolean {
  return (
    operation === "chat" ||
    operation === "completions" ||
    operation === "fim" ||
    operation === "compact" ||
    operation === "realtime" ||
    operation === "live"
  );
}

/** Counting is not billed by anybody. */
export function costsNothing({ operation }: Route): boolean {
  return operation === "count_tokens" || operation === "tokenize" || operation === "detokenize";
}

type Bounds = { readonly input: number; readonly output: number; readonly injectCap: number | undefined };

function boundsOf({ inputTokens, outputTokens }: Batch): Bounds {
  return { input: inputTokens, output: outputTokens, injectCap: undefined };
}

function estimateBounds(exchange: Exchange, target: Target, plane: Plane): Bounds {
  const { ledger } = exchange.generation.data;
  const view = exchange.view!;
  const window = target.contextWindow;
  const { marks } = exchange;
  const input =
    (marks?.unbounded === true || marks?.tools !== undefined) && window !== undefined
      ? window * (marks.tools === undefined || ledger.holdInput !== "bytes" ? 1 : 1 + marks.tools.calls)
      : read(
          exchange.contextTokens,
          plane.estimator.inputBound(exchange.bytesIn, target.name, ledger.holdInput, window),
          window,
        );
  if (!generates(exchange.route)) return { input, output: 0, injectCap: undefined };
  const choices = view.n ?? 1;
  if (view.maxTokens !== undefined) return { input, output: view.maxTokens * choices, injectCap: undefined };
  switch (exchange.route.form === "any" ? "estimate" : ledger.noCap) {
    case "inject":
      return { input, output: ledger.injectCap * choices, injectCap: ledger.injectCap };
    case "refuse":
      throw new GatewayError("invalid_request", "an output cap (max_tokens) is required here", {
        source: "client",
        param: "max_tokens",
      });
    case "estimate":
      return { input, output: openOutput(exchange, target, plane) * choices, injectCap: undefined };
  }
}

/** Where a request bounds it by no cap. */
function openOutput({ caller, view }: Exchange, target: Target, plane: Plane): number {
  // Nobody sees one in the background grow: it may be as long as any.
  const longest = view!.background ? (target.outputMax ?? target.contextWindow) : undefined;
  return longest ?? plane.estimator.outputEstimate(target.name, caller!.keyId);
}

function read(before: number, come: number, window: number | undefined): number {
  return Math.min(before + come, window ?? Number.POSITIVE_INFINITY);
}

function refused(ledger: Ledger, costNano: number, named: readonly number[]): GatewayError {
  const { kind, label: name, limit, spent, held, resetsAtMs, retryAfterMs } = ledger.refusal;
  // A name that nothing was counted for was let go of a moment ago: the next request makes it anew.
  if (kind === "holds_full" || (kind === "removed" && named.includes(ledger.refusal.scope))) {
    return new GatewayError("overloaded", "too many requests are in flight; try again shortly", {
      source: "gateway",
      retryAfterMs: 1000,
    });
  }
  if (kind === "removed") {
    return new GatewayError("blocked_api_key", "this API key is gone", { source: "client" });
  }
  if (kind === "budget") {
    const resets = Number.isFinite(resetsAtMs) ? new Date(resetsAtMs).toISOString() : undefined;
    return new GatewayError(
      "budget_exceeded",
      `the budget of ${name} does not cover this request: limit ${formatDollars(limit)}, spent ${formatDollars(spent)}, held by requests in flight ${formatDollars(held)}, needed ${formatDollars(costNano)}${resets === undefined ? "" : `; resets at ${resets}`}`,
      {
        source: "gateway",
        scope: name,
        limit: formatDollars(limit),
        spent: formatDollars(spent),
        held: formatDollars(held),
        ...(resets === undefined ? {} : { resetsAt: resets }),
      },
    );
  }
  const what = kind === "concurrency" ? " requests in flight" : kind === "spend" ? "" : ` ${kind}`;
  const [most, used] = kind === "spend" ? [formatDollars(limit), formatDollars(spent)] : [String(limit), String(spent)];
  return new GatewayError("rate_limit_exceeded", `the limit of ${name} is reached: ${most}${what}, used ${used}`, {
    source: "gateway",
    scope: name,
    limit: `${most}${what}`,
    spent: used,
    ...(Number.isFinite(retryAfterMs) ? { retryAfterMs } : {}),
  });
}
