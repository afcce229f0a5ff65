/** `allowed_routes`, `aliases`, `enforced_params` and a budget raised for a while: of keys alone. Hides our words for them. */
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { operations } from "../../../providers/operation.ts";
import { operationsFor } from "../../import/litellm-routes.ts";
import type { Action, AdminServices } from "../admin-services.ts";
import type { KeyView } from "../contract/keys.ts";
import { amount, expiresIn, texts, word } from "./fields.ts";

export type KeyBounds = {
  readonly allowed_routes?: readonly string[] | null | undefined;
  readonly aliases?: Readonly<Record<string, string>> | null | undefined;
  readonly enforced_params?: readonly string[] | null | undefined;
  readonly temp_budget_increase?: number | null | undefined;
  readonly temp_budget_expiry?: string | null | undefined;
};

const nanoPerDollar = 1e9;
export const boundFields = {
  allowed_routes: texts,
  aliases: z.record(z.string().min(1).max(256), z.string().min(1).max(256)).nullable().optional(),
  enforced_params: texts,
  temp_budget_increase: amount,
  temp_budget_expiry: word,
};

/** What the key is made or changed with. An empty list of routes is all of them there. */
export function boundsOf({ allowed_routes: routes, aliases, enforced_params: required }: KeyBounds) {
  return {
    ...(routes === undefined ? {} : { operations: operationsOf(routes ?? []) }),
    ...(aliases === undefined ? {} : { aliases }),
    ...(required === undefined ? {} : { required }),
  };
}

/** A path that is called in the words of one vendor is that operation, in any. */
function operationsOf(routes: readonly string[]): readonly string[] | null {
  const { asked, unknown } = operationsFor(routes);
  if (unknown.length === 0) return asked === undefined ? null : operations.filter((each) => asked.includes(each));
  const message = `"allowed_routes": "${unknown[0]}" is no path of a model's: managing takes an admin token here`;
  throw new GatewayError("invalid_request", message, { param: "allowed_routes" });
}

/** Both or neither, as there. The budget is the one that LiteLLM's words are about. */
export function assertIncrease({ temp_budget_increase: more, temp_budget_expiry: expiry }: KeyBounds): void {
  if ((more == null) !== (expiry == null || expiry === ""))
    throw new GatewayError("invalid_request", "give temp_budget_increase and temp_budget_expiry together", {
      param: more == null ? "temp_budget_increase" : "temp_budget_expiry",
    });
}

export async function increase(
  { owners, keys }: AdminServices,
  key: KeyView,
  { temp_budget_increase: more, temp_budget_expiry: expiry }: KeyBounds,
  action: Action,
): Promise<KeyView> {
  if (more == null || expiry == null) return key;
  const budget = key.budgets.find(({ wallet, shadow }) => !wallet && !shadow);
  if (budget === undefined) {
    const message = "the key has no budget that could be raised";
    throw new GatewayError("invalid_request", message, { param: "temp_budget_increase" });
  }
  const until = endOf(expiry);
  const request = { extra_nano: Math.round(more * nanoPerDollar), mode: "until", until_ms: until } as const;
  await owners.override("key", key.id, budget.slot, request, action);
  return (await keys.show(key.id)).key;
}

/** `10d` from now, or a date. */
function endOf(text: string): number {
  const at = /^\d{4}-/.test(text) ? Date.parse(text) : Date.now() + (expiresIn(text) ?? 0);
  if (Number.isFinite(at)) return at;
  throw new GatewayError("invalid_request", '"temp_budget_expiry": is neither 10d nor a date', {
    param: "temp_budget_expiry",
  });
}

export function shownBounds({ operations: allowed, aliases, required, budgets }: KeyView) {
  const raised = budgets.find(({ override }) => override !== null)?.override ?? null;
  return {
    // No path of there says all of an operation: what is kept is told. None is all of them there.
    allowed_routes: allowed?.length === 0 ? ["info_routes"] : (allowed ?? []),
    aliases,
    enforced_params: required,
    temp_budget_increase: raised === null ? null : raised.extra_nano / nanoPerDollar,
    temp_budget_expiry: raised?.until_ms == null ? null : new Date(raised.until_ms).toISOString(),
  };
}
