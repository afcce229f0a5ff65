/** Keys: somebody can call, and who soon cannot. */
import type { KeyListAnswer, KeyView } from "../../daemon/admin/contract/keys.ts";
import { type Check, type Finding, good, note, warning } from "./check.ts";

const soonMs = 7 * 86_400_000;
const pageMax = 1_000;
const namedMax = 5;

export const keys: Check = {
  name: "keys",
  about: "there are some, and none is about to expire or has spent everything",
  async run({ client, now }) {
    if (client === undefined) return [note("not looked at: the home could not be opened")];
    const { keys: found } = await client.call<KeyListAnswer>("GET", "/api/keys", { query: { limit: pageMax } });
    const active = found.filter(({ state }) => state === "active");
    if (active.length === 0)
      return [note("there is no active key", "Make one with: bifrost keys create --name <name>")];
    const at = now();
    const findings: Finding[] = [
      ...list(
        active.filter(({ expires_at_ms: end }) => end !== null && end - at < soonMs),
        "end within a week",
        "Give them longer: bifrost keys update <name> --expires 90d",
      ),
      ...list(
        active.filter(isSpent),
        "have spent their budget",
        "See: bifrost keys list. Raise it with: bifrost keys update <name> --budget <dollars/window>",
      ),
    ];
    return findings.length > 0
      ? findings
      : [good(`${active.length}${found.length === pageMax ? " or more" : ""} active`)];
  },
};

function isSpent({ budgets }: KeyView): boolean {
  return budgets.some(({ limit_nano: limit, spent_nano: spent }) => spent !== null && limit > 0 && spent >= limit);
}

function list(some: readonly KeyView[], what: string, remedy: string): readonly Finding[] {
  if (some.length === 0) return [];
  const named = some
    .slice(0, namedMax)
    .map(({ name }) => name)
    .join(", ");
  return [warning(`${named}${some.length > namedMax ? ` and ${some.length - namedMax} more` : ""} ${what}`, remedy)];
}
