/** `/global/spend/reset`: what keys and teams spent no longer counts. The log and the ledger keep it, and wallets are not filled. */
import { z } from "zod";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { Action, AdminServices } from "../admin-services.ts";
import type { BudgetView } from "../contract/scopes.ts";
import { changes, type Route } from "../route.ts";

type Spender = { readonly id: string; readonly budgets: readonly BudgetView[] };

const pageMax = 1_000;

/** Not for a token that is bound to an owner. */
export const resetAllRoute: Route = changes<object>({
  ...{ method: "POST", path: "/global/spend/reset", permission: "keys:write", action: "budgets.reset" },
  summary: "LiteLLM's /global/spend/reset",
  body: z.looseObject({}) as z.ZodType<object>,
  async run({ keys, owners }, { action }) {
    const { permissions } = action.caller;
    if (permissions !== "all" && !permissions.has("teams:write"))
      throw new GatewayError("permission_denied", "this resets teams as well: it needs teams:write too");
    await resetEach(owners, "key", action, async (after) => {
      const page = await keys.list({ limit: pageMax, ...after });
      return { found: page.keys, next: page.next };
    });
    await resetEach(owners, "team", action, async (after) => {
      const page = await owners.list("team", { limit: pageMax, ...after });
      return { found: page.owners, next: page.next };
    });
    return { message: "Spend for all API Keys and Teams reset successfully", status: "success" };
  },
});

async function resetEach(
  owners: AdminServices["owners"],
  kind: "key" | "team",
  action: Action,
  read: (after: { after?: string }) => Promise<{ readonly found: readonly Spender[]; readonly next: string | null }>,
): Promise<void> {
  for (let after: string | null = ""; after !== null; ) {
    const { found, next }: Awaited<ReturnType<typeof read>> = await read(after === "" ? {} : { after });
    for (const { id, budgets } of found)
      for (const { slot, wallet, spent_nano: spent } of budgets)
        if (!wallet && spent !== 0) await owners.reset(kind, id, slot, action);
    after = next;
  }
}
