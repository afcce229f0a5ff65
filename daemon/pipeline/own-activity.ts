/** `GET /v1/activity`: what a key has used, by day and model, in OpenRouter's words; of the key that asks and no other. */
import type { IncomingHttpHeaders } from "node:http";
import { GatewayError } from "../../providers/gateway-error.ts";
import { sumColumn } from "../store/rollup-groups.ts";
import { authenticate } from "./authenticate.ts";
import type { Plane } from "./plane.ts";

const nanoPerDollar = 1e9;
const dayMs = 86_400_000;
/** As far back as OpenRouter tells; today is told as well. */
const daysTold = 30;

export async function describeOwnActivity(
  headers: IncomingHttpHeaders,
  target: string,
  plane: Plane,
  nowMs: number,
): Promise<object> {
  const { auth, record } = plane.generation.data;
  const { keyId } = authenticate(headers, plane.keys, auth.inference === "open", nowMs);
  if (!record.requests)
    throw new GatewayError("not_found", "what was used cannot be told: no request log is kept", { source: "client" });
  const asked = dateIn(target);
  const today = Math.floor(nowMs / dayMs) * dayMs;
  const activity =
    asked === undefined
      ? { sinceMs: today - daysTold * dayMs, untilMs: today + dayMs }
      : { sinceMs: asked, untilMs: asked + dayMs };
  plane.traffic.flush(); // rows may wait here for company
  const { sums, failed } = await plane.findOwnRequest({ request: "", keyId, activity });
  if (sums === undefined) {
    throw new GatewayError("database_unavailable", "the request log cannot be read now; try again shortly", {
      source: "gateway",
      cause: failed,
    });
  }
  const data = sums.series.flatMap(({ value, buckets }) =>
    value === null ? [] : buckets.map(({ at, sums: { sums: of } }) => render(value, at, of)),
  );
  return { data: data.filter(({ requests }) => requests > 0).toSorted((one, two) => two.date.localeCompare(one.date)) };
}

function render(target: string, at: number, sums: readonly number[]) {
  const slash = target.indexOf("/");
  const told = (name: keyof typeof sumColumn): number => sums[sumColumn[name]] ?? 0;
  return {
    date: new Date(at).toISOString().slice(0, 10),
    model: target,
    model_permaslug: target,
    endpoint_id: target,
    provider_name: target.slice(0, slash),
    usage: told("cost_nano") / nanoPerDollar,
    byok_usage_inference: 0,
    requests: told("requests"),
    prompt_tokens: told("tokens_in"),
    completion_tokens: told("tokens_out"),
    reasoning_tokens: told("tokens_reasoning"),
  };
}

function dateIn(target: string): number | undefined {
  const query = target.indexOf("?");
  const date = query < 0 ? null : new URLSearchParams(target.slice(query + 1)).get("date");
  if (date === null || date === "") return undefined;
  const at = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00:00Z`) : Number.NaN;
  if (!Number.isNaN(at) && new Date(at).toISOString().startsWith(date)) return at;
  throw new GatewayError("invalid_request", "date must be a day in UTC, like 2026-01-31", {
    source: "client",
    param: "date",
  });
}
