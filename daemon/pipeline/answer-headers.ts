/**
 * Response headers of our own: where the answer comes from, what it cost, what we added to the time; and those of the
 * provider that tell of its limits. A stream's head leaves before cost and overhead are known, so it has neither.
 */
import { dollars } from "../governance/money.ts";
import type { Target } from "../routing/generation.ts";
import { aliasHeaders, bifrostHeaders, passesOn } from "./compat-bifrost.ts";
import { litellmCostHeaders, litellmHeaders } from "./compat-litellm.ts";
import type { Exchange } from "./exchange.ts";
import type { Plane } from "./plane.ts";
import { tellsCost } from "./usage-cost.ts";
import { withoutPlainSecrets } from "./without-secrets.ts";

/** Flat pairs. */
export function answerHeaders(exchange: Exchange, plane: Plane): string[] {
  const overhead = performance.now() - exchange.startedAt - exchange.upstreamMs;
  const headers = routeHeaders(exchange);
  headers.push("x-bifrost-overhead-ms", hundredths(overhead));
  headers.push("x-bifrost-upstream-latency-ms", hundredths(exchange.upstreamMs));
  if (exchange.costNano !== undefined) headers.push("x-bifrost-cost-usd", dollars(exchange.costNano));
  if (exchange.generation.data.compat.litellm) headers.push(...litellmCostHeaders(exchange, plane));
  return headers;
}

/** From whole numbers: `toFixed`, or a fraction made a text, takes as long as all the other headers. */
function hundredths(ms: number): string {
  const all = Math.max(0, Math.round(ms * 100));
  const fraction = all % 100;
  return `${(all - fraction) / 100}.${fraction < 10 ? "0" : ""}${fraction}`;
}

/** What is known when the head leaves. */
export function routeHeaders(exchange: Exchange): string[] {
  const { target, trip } = exchange;
  const headers = [...exchange.droppedHeader, ...exchange.limitHeaders];
  if (exchange.generation.data.compat.bifrost) headers.push(...bifrostHeaders(exchange));
  if (exchange.generation.data.compat.litellm) headers.push(...litellmHeaders(exchange));
  if (target === undefined || trip === undefined) return headers;
  headers.push(
    "x-bifrost-provider",
    target.provider.name,
    "x-bifrost-resolved-model",
    printable(target.model),
    "x-bifrost-request-type",
    exchange.route.operation,
  );
  if (tellsCost(exchange)) headers.push("x-generation-id", exchange.id);
  const model = exchange.view?.model;
  if (model !== undefined) headers.push("x-bifrost-original-model", printable(model));
  if (exchange.hedge !== undefined) headers.push("x-bifrost-hedge", exchange.hedge);
  if (trip.fallback > 0) fallbackHeaders(headers, exchange, target);
  const told = exchange.upstreamHeaders;
  if (told !== undefined) {
    const passes = exchange.generation.data.compat.bifrost;
    const tells = passes ? passesOn : tellsLimits;
    for (const name in told) {
      if (!tells(name)) continue;
      const value = printable(String(told[name]));
      headers.push(name, passes ? withoutPlainSecrets(value, target.provider) : value);
    }
  }
  return headers;
}

function fallbackHeaders(headers: string[], { trip, credentialId }: Exchange, target: Target): void {
  const primary = trip!.plan.hops[0]!.target;
  headers.push(
    "x-bifrost-fallback-index",
    String(trip!.fallback),
    "x-bifrost-routing-info-is-fallback",
    "true",
    "x-bifrost-routing-info-provider",
    target.provider.name,
    "x-bifrost-routing-info-model",
    printable(target.model),
    "x-bifrost-routing-info-key",
    printable(credentialId ?? "none"),
    "x-bifrost-routing-info-primary-provider",
    primary.provider.name,
    "x-bifrost-routing-info-primary-model",
    printable(primary.model),
    ...aliasHeaders(target),
  );
}

const limitPrefixes = ["x-ratelimit-", "anthropic-ratelimit-"];

function tellsLimits(name: string): boolean {
  // Most headers are told apart by their first letter.
  const first = name.charCodeAt(0);
  return (first === 0x78 || first === 0x61) && limitPrefixes.some((prefix) => name.startsWith(prefix));
}

/** Model names may hold any letter; a header may not. */
function printable(text: string): string {
  return unprintable.test(text) ? text.replace(/[^\x20-\x7e]/g, "?") : text;
}
const unprintable = /[^\x20-\x7e]/;

const limitPairs = [
  ["x-ratelimit-remaining-requests", "x-ratelimit-limit-requests"],
  ["x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens"],
  ["anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-limit"],
  ["anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-limit"],
] as const;

/** Share of its limits that a provider says is left: that of the one nearest to its end. */
export function limitsLeft(told: Exchange["upstreamHeaders"]): number | undefined {
  let least: number | undefined;
  for (const [remaining, limit] of limitPairs) {
    const share = Number(told?.[remaining]) / Number(told?.[limit]);
    if (share >= 0 && share <= 1 && (least === undefined || share < least)) least = share;
  }
  return least;
}

const remainingNames = [
  ["requests", "x-ratelimit-remaining-requests", "anthropic-ratelimit-requests-remaining"],
  ["tokens", "x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining"],
] as const;

/** What a provider says is left of its limits; undefined: it says nothing, as most do. */
export function remainingOf(told: Exchange["upstreamHeaders"]): { requests?: number; tokens?: number } | undefined {
  let found: { requests?: number; tokens?: number } | undefined;
  for (const [kind, openai, anthropic] of remainingNames) {
    const text = told?.[openai] ?? told?.[anthropic];
    if (typeof text !== "string" || text === "") continue;
    const left = Number(text);
    if (!(left >= 0) || left === Number.POSITIVE_INFINITY) continue;
    found ??= {};
    found[kind] = left;
  }
  return found;
}
