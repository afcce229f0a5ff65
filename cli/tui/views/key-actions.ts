/** What can be done to a key from the screen: each asks, says what will happen, does it, and tells what came of it. */
import type { KeyAnswer, KeySecretAnswer, KeyView, UpdateKeyRequest } from "../../../daemon/admin/contract/keys.ts";
import { parseBudget, parseDuration, toBudgetRequest } from "../../parse.ts";
import { renderBudget } from "../../render.ts";
import type { ActionContext } from "../view.ts";

type Context = ActionContext<unknown, KeyView>;

const budgetHint = "10/1d: $10 in any one day; 100/30d; 10: $10 in all; empty: no budget";

export async function createKey({ dialogs, source, reload }: Context): Promise<void> {
  const name = await dialogs.ask("Name of the new key");
  if (name === undefined || name === "") return;
  const typed = await dialogs.ask(`Budget of ${name}`, { initial: "10/1d", hint: budgetHint });
  if (typed === undefined) return;
  const budgets = typed === "" ? [] : [toBudgetRequest(parseBudget(typed), undefined)];
  const answer = await source.send<KeySecretAnswer>("POST", "/api/keys", { name, budgets });
  reload();
  await showSecret(answer, { dialogs });
}

export async function rotateKey({ row, dialogs, source, reload }: Context): Promise<void> {
  const grace = await dialogs.ask(`Rotate "${row.name}": for how long may the old secret still be used?`, {
    initial: "1h",
    hint: "30s, 15m, 1h, 1d; 0s: it stops at once",
  });
  if (grace === undefined) return;
  const graceMs = grace === "" ? 0 : parseDuration(grace);
  const what = graceMs === 0 ? "The old secret stops at once." : `The old secret works for another ${grace}.`;
  if (!(await dialogs.confirm(`Give "${row.name}" a new secret?`, [what]))) return;
  const answer = await source.send<KeySecretAnswer>("POST", `${pathOf(row)}/rotate`, { grace_ms: graceMs });
  reload();
  await showSecret(answer, { dialogs });
}

export async function disableKey({ row, dialogs, source, reload }: Context): Promise<void> {
  const disabled = row.state !== "disabled";
  const question = disabled ? `Disable "${row.name}"?` : `Enable "${row.name}" again?`;
  const what = disabled
    ? "Its requests are refused until it is enabled again."
    : "Its requests are taken again at once.";
  if (!(await dialogs.confirm(question, [what]))) return;
  await update({ dialogs, source, reload }, row, { disabled }, disabled ? "is disabled" : "is enabled");
}

export async function raiseBudget({ row, dialogs, source, reload }: Context): Promise<void> {
  if (row.budgets.length === 0) {
    const typed = await dialogs.ask(`"${row.name}" has no budget. A new one`, { initial: "10/1d", hint: budgetHint });
    if (typed === undefined || typed === "") return;
    const budgets = [toBudgetRequest(parseBudget(typed), undefined)];
    if (!(await dialogs.confirm(`Give "${row.name}" a budget of ${typed}?`))) return;
    return update({ dialogs, source, reload }, row, { budgets }, `may spend ${typed}`);
  }
  const own = row.budgets.filter(({ wallet }) => !wallet);
  if (own.length === 0)
    return dialogs.notice(`"${row.name}" has a wallet: bifrost wallets topup key:${row.name} 10`, "info");
  const said = own.map(renderBudget);
  const chosen = said.length === 1 ? said[0] : await dialogs.choose(`Which budget of "${row.name}"?`, said);
  const budget = own[said.indexOf(chosen ?? "")];
  if (budget === undefined) return;
  const typed = await dialogs.ask(`New limit in dollars, in place of ${renderBudget(budget)}`, {
    initial: String(budget.limit_nano / 1e9),
    hint: "What was spent in its window stays spent.",
  });
  if (typed === undefined || typed === "") return;
  const { limitNano } = parseBudget(typed);
  const before = renderBudget(budget);
  const after = renderBudget({ ...budget, limit_nano: limitNano });
  if (!(await dialogs.confirm(`Change the budget of "${row.name}"?`, [`from  ${before}`, `to    ${after}`]))) return;
  const budgets = own.map((each) => ({
    window: each.window,
    limit_nano: each === budget ? limitNano : each.limit_nano,
    // What only watches goes on only watching.
    ...(each.shadow ? { shadow: true } : {}),
  }));
  await update({ dialogs, source, reload }, row, { budgets }, `may spend ${after}`);
}

export async function revokeKey({ row, dialogs, source, reload }: Context): Promise<void> {
  const details = ["It is refused from now on, for good. What it did stays in the log and the audit trail."];
  if (!(await dialogs.confirm(`Revoke "${row.name}" (${row.id})?`, details))) return;
  await source.send<KeyAnswer>("DELETE", pathOf(row));
  reload();
  dialogs.notice(`"${row.name}" is revoked`, "good");
}

async function update(
  { dialogs, source, reload }: Pick<Context, "dialogs" | "source" | "reload">,
  row: KeyView,
  request: UpdateKeyRequest,
  what: string,
): Promise<void> {
  await source.send<KeyAnswer>("PATCH", pathOf(row), request);
  reload();
  dialogs.notice(`"${row.name}" ${what}`, "good");
}

async function showSecret({ key, secret }: KeySecretAnswer, { dialogs }: Pick<Context, "dialogs">): Promise<void> {
  await dialogs.show(`The secret of "${key.name}", shown this once`, [secret], secret);
}

function pathOf({ id }: KeyView): string {
  return `/api/keys/${encodeURIComponent(id)}`;
}
