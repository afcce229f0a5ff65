/** `compat.litellm`: response headers under the names that LiteLLM's proxy gives them. Hides what each is called there. */
import { dollars } from "../governance/money.ts";
import type { Exchange } from "./exchange.ts";
import type { Plane } from "./plane.ts";

/** What is known when the head leaves. */
export function litellmHeaders({ id, view, target, trip }: Exchange): readonly string[] {
  const headers = ["x-litellm-call-id", id];
  const asked = view?.model;
  if (asked !== undefined) headers.push("x-litellm-model-group", printable(asked));
  if (target === undefined || trip === undefined) return headers;
  headers.push(
    "x-litellm-model-id",
    printable(`${target.provider.name}/${target.model}`),
    "x-litellm-attempted-fallbacks",
    String(trip.fallback),
    // Other attempts than the first at each target that was tried.
    "x-litellm-attempted-retries",
    String(Math.max(0, trip.attempts - 1 - trip.fallback)),
  );
  return headers;
}

/** And when the answer is whole. A stream's head has left before. */
export function litellmCostHeaders(exchange: Exchange, { peek }: Plane): readonly string[] {
  const { costNano, upstreamMs, startedAt, caller } = exchange;
  const passed = performance.now() - startedAt;
  const headers = [
    "x-litellm-response-duration-ms",
    String(Math.round(passed * 100) / 100),
    "x-litellm-overhead-duration-ms",
    String(Math.round((passed - upstreamMs) * 100) / 100),
  ];
  if (costNano !== undefined) headers.push("x-litellm-response-cost", dollars(costNano));
  // With this request, which has been settled; of a key without a budget nothing is known here.
  const [own] = caller?.scopes ?? [];
  const [budget] = (own === undefined ? undefined : peek(own, Date.now()))?.budgets ?? [];
  if (budget !== undefined) headers.push("x-litellm-key-spend", dollars(budget.spentNano));
  return headers;
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}
