/** Members of LiteLLM's teams, and what binds each there: of its own, or what the team gives all of them. */
import { isOn, recordOf, textOf } from "./draft.ts";
import type { numbersOf } from "./litellm-numbers.ts";
import type { Row } from "./table.ts";

type Rows = ReadonlyMap<string, readonly Row[]>;
type Say = Parameters<typeof numbersOf>[2];
export type Member = { readonly id: string; readonly user: string; readonly row: Row };

export function memberships(rows: Rows): { of(team?: string, user?: string): Member | undefined } {
  const idOf = (team: string, user: string) => `${user} in ${team}`;
  const known = new Map<string, Row>();
  for (const row of rows.get("memberships") ?? [])
    known.set(idOf(textOf(row.values["team_id"]) ?? "", textOf(row.values["user_id"]) ?? ""), row);
  const teams = new Map((rows.get("teams") ?? []).map((row) => [textOf(row.values["team_id"]) ?? "", row]));
  return {
    /** Undefined: nothing but the team binds there. */
    of(team, user) {
      if (team === undefined || user === undefined) return undefined;
      const id = idOf(team, user);
      const [row, of] = [known.get(id), teams.get(team)];
      const given =
        textOf(row?.values["budget_id"]) ?? textOf(recordOf(of?.values["metadata"])["team_member_budget_id"]);
      if (given === undefined) return undefined;
      const from = row ?? of!;
      const spend = row?.values["spend"];
      const values = { budget_id: given, ...(isOn(spend) ? { spend } : {}) };
      return { id, user, row: { ...from, values } };
    },
  };
}

/** Which budgets members have only their own table tells. */
export function reportUnknownMembers(rows: Rows, sayOf: (row: Row) => Say): void {
  if (rows.has("memberships")) return;
  const bound = (rows.get("keys") ?? []).filter(({ values }) => isOn(values["team_id"]) && isOn(values["user_id"]));
  const [first] = bound;
  if (first === undefined) return;
  const which = bound.length === 1 ? "this key is" : `${bound.length} keys are`;
  const message = `${which} of a member of a team, whose budget there stands in LiteLLM_TeamMembership: give it too`;
  sayOf(first)("dropped", message, true);
}
