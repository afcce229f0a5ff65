/**
 * Keys, teams, users, customers and budgets of LiteLLM's database → requests of the admin API. Hides that LiteLLM allows
 * names of models where we allow what they stand for, and that its empty list is everything.
 */
import { createHash } from "node:crypto";
import { textOf, textsOf } from "./draft.ts";
import { type Defaults, keyBounds, modelLimits, withMoreBudgets } from "./litellm-bounds.ts";
import { memberships, reportUnknownMembers } from "./litellm-members.ts";
import type { Models } from "./litellm-models.ts";
import { type LitellmOwner, numbersOf, timeOf } from "./litellm-numbers.ts";
import { metadataOf, reportPolicy, textsIn } from "./litellm-policies.ts";
import type { ReportLine } from "./report.ts";
import { type ExportFile, type Row, readTables } from "./table.ts";

/** One request to be made, in this order. */
export type ImportStep = {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly line: number;
  readonly setting: string;
  readonly what: string;
};

export type ImportedKeys = { readonly steps: readonly ImportStep[]; readonly report: readonly ReportLine[] };

type Values = Row["values"];
type Say = (outcome: ReportLine["outcome"], message: string, security?: boolean) => void;

const tables: Readonly<Record<string, string>> = {
  verificationtoken: "keys",
  keys: "keys",
  teamtable: "teams",
  teams: "teams",
  usertable: "users",
  users: "users",
  endusertable: "customers",
  customers: "customers",
  end_users: "customers",
  budgettable: "budgets",
  budgets: "budgets",
  organizationtable: "organizations",
  organizations: "organizations",
  teammembership: "memberships",
  memberships: "memberships",
};

const columns: readonly (readonly [string, readonly string[]])[] = [
  ["keys", ["token"]],
  ["teams", ["team_id", "team_alias"]],
  ["organizations", ["organization_id", "organization_alias"]],
  ["customers", ["user_id", "default_model"]],
  ["users", ["user_id", "user_role"]],
  ["budgets", ["budget_id", "max_budget"]],
  ["memberships", ["user_id", "team_id", "budget_id"]],
];

export function importLitellmKeys(
  files: readonly ExportFile[],
  models: Models,
  nowMs: number,
  defaults: Defaults = {},
): ImportedKeys {
  const rows = new Map<string, Row[]>();
  const others: Other[] = [];
  for (const file of files) {
    const found = readTables(
      file,
      (name) => tables[name.toLowerCase().replace(/^"?litellm_/, "")],
      (names) => columns.find(([, wanted]) => wanted.every((name) => names.has(name)))?.[0],
      (table, [first, ...more]) => {
        if (first !== undefined) others.push({ table, first, count: more.length + 1 });
      },
    );
    for (const [table, more] of found) rows.set(table, [...(rows.get(table) ?? []), ...more]);
  }
  const { steps, report } = createKeysImport(rows, models, nowMs, defaults);
  return { steps, report: [...report, ...others.map(reportOther)] };
}

type Other = { readonly table: string; readonly first: Row; readonly count: number };

/** Tables whose rows bound somebody. */
const binding = /membership|permission|projecttable|agentstable|accessgroup|tagtable|guardrails|policy/i;

function reportOther({ table, first: { line, setting }, count }: Other): ReportLine {
  const security = binding.test(table);
  const message = `${count} ${count === 1 ? "row" : "rows"} of ${table}: this table has no counterpart${security ? ", and what bound somebody in it is gone" : ""}`;
  return { outcome: "dropped", line, setting, message, security };
}

function createKeysImport(
  rows: ReadonlyMap<string, readonly Row[]>,
  models: Models,
  nowMs: number,
  defaults: Defaults,
): ImportedKeys {
  const report: ReportLine[] = [];
  const steps: ImportStep[] = [];
  /** After whom they bind; by themselves, so that keys come in batches. */
  const limits: ImportStep[] = [];
  const budgets = new Map((rows.get("budgets") ?? []).map(({ values }) => [textOf(values["budget_id"]) ?? "", values]));
  /** What each owner of LiteLLM is called here. */
  const names = {
    customer: new Map<string, string>(),
    team: new Map<string, string>(),
    user: new Map<string, string>(),
    end_user: new Map<string, string>(),
    key: new Map<string, string>(),
  };
  const inTeam = new Map<string, string | null>();
  const taken = new Set<string>();

  function sayOf({ line, setting }: Row): Say {
    return (outcome, message, security = false) => report.push({ outcome, line, setting, message, security });
  }

  function nameFor(kind: keyof typeof names, wanted: string, id: string): string {
    const clean =
      wanted
        .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "")
        .trim()
        .slice(0, 100) || id.slice(0, 100);
    const name =
      taken.has(`${kind} ${clean}`) || /^(key|team|user|cust|eu)_/.test(clean)
        ? `${clean} ${id.slice(0, 8)}`.replace(/^(key|team|user|cust|eu)_/, "litellm $1 ")
        : clean;
    taken.add(`${kind} ${name}`);
    names[kind].set(id, name);
    return name;
  }

  /** The budget that a row refers to counts where the row says nothing. Undefined: what binds it is not known. */
  function withBudget(values: Values, say: Say): Values | undefined {
    const id = textOf(values["budget_id"]);
    if (id === undefined) return values;
    const budget = budgets.get(id);
    if (budget === undefined) {
      say("dropped", `its budget ${id} is in no file that was given, and not known: give the budgets too`, true);
      return undefined;
    }
    const said = Object.fromEntries(
      Object.entries(values).filter(([, value]) => value !== null && value !== undefined),
    );
    return { ...budget, ...said };
  }

  function owner(
    kind: "customer" | "team" | "user" | "end_user",
    row: Row,
    id: string,
    alias: string | undefined,
    path: string,
    parent: Values = {},
  ): void {
    const say = sayOf(row);
    const values = withBudget(row.values, say);
    if (values === undefined) return;
    const name = nameFor(kind, alias ?? id, id);
    const numbers = withMoreBudgets(values, numbersOf(values, nowMs, say), nowMs, say);
    const list = kind === "end_user" ? undefined : modelsOf(values["models"], models, say);
    const blocked = values["blocked"] === true;
    steps.push({
      path,
      what: `${kind.replace("_", " ")} "${name}"`,
      body: {
        name,
        ...parent,
        ...numbers,
        ...(list === undefined ? {} : { models: list }),
        ...(blocked ? { disabled: true } : {}),
        metadata: { ...textsIn(row.values, say), litellm_id: id.slice(0, 512) },
      },
      line: row.line,
      setting: row.setting,
    });
    if (kind === "team" || kind === "user") limitModels(row, values, { kind, name }, say);
    reportPolicy(values, say, kind);
    say("kept", `${kind.replace("_", " ")} "${name}"`);
  }

  for (const row of rows.get("organizations") ?? [])
    each(row, "organization_id", (id) =>
      owner("customer", row, id, textOf(row.values["organization_alias"]), "/api/governance/customers"),
    );
  for (const row of rows.get("teams") ?? [])
    each(row, "team_id", (id) => {
      const parent = organizationOf(row.values, sayOf(row));
      if (parent !== undefined)
        owner("team", row, id, textOf(row.values["team_alias"]), "/api/governance/teams", parent);
    });
  for (const row of rows.get("users") ?? [])
    each(row, "user_id", (id) =>
      owner(
        "user",
        row,
        id,
        textOf(row.values["user_alias"]) ?? textOf(row.values["user_email"]),
        "/api/governance/users",
      ),
    );
  // Requests name an end user by the id, whatever alias it has.
  for (const row of rows.get("customers") ?? [])
    each(row, "user_id", (id) => owner("end_user", row, id, id, "/api/governance/end-users"));
  const members = memberships(rows);
  for (const row of rows.get("keys") ?? []) importMember(row);
  reportUnknownMembers(rows, (row) => sayOf(row));
  for (const row of rows.get("keys") ?? []) importKey(row);

  /** Who has a budget in a team has one of its own there, below the team's. Null: what it is is not known. */
  function importMember({ values: { team_id: team, user_id: user } }: Row): void {
    const member = members.of(textOf(team), textOf(user));
    const of = names.team.get(textOf(team) ?? "");
    if (member === undefined || of === undefined || inTeam.has(member.id)) return;
    const who = names.user.get(member.user) ?? member.user;
    const before = steps.length;
    owner("user", member.row, member.id, `${who.slice(0, 60)} in ${of}`.slice(0, 100), "/api/governance/users", {
      team: of,
    });
    inTeam.set(member.id, steps.length === before ? null : names.user.get(member.id)!);
  }

  function each(row: Row, column: string, make: (id: string) => void): void {
    const id = textOf(row.values[column]);
    if (id === undefined) sayOf(row)("dropped", `has no ${column}`);
    else make(id);
  }

  function importKey(row: Row): void {
    const say = sayOf(row);
    const values = withBudget(row.values, say);
    if (values === undefined) return;
    const hash = hashOf(textOf(values["token"]));
    if (hash === undefined) {
      say("dropped", "its token is no hash of a secret");
      return;
    }
    const expires = textOf(values["expires"]);
    const expiresAtMs = expires === undefined ? undefined : timeOf(expires);
    if (Number.isNaN(expiresAtMs)) {
      say("dropped", "when it expires cannot be read, so it is not taken over");
      return;
    }
    if (expiresAtMs !== undefined && expiresAtMs <= nowMs) {
      say("dropped", "has expired");
      return;
    }
    const name = nameFor("key", textOf(values["key_alias"]) ?? `litellm ${hash.slice(0, 12)}`, hash);
    const parent = parentOf(values, say);
    if (parent === undefined) return;
    const list = modelsOf(values["models"], models, say);
    steps.push({
      path: "/api/import/keys",
      what: `key "${name}"`,
      body: {
        name,
        secret_sha256: hash,
        prefix: (textOf(values["key_name"]) ?? "sk-…").slice(0, 32),
        ...parent,
        ...withMoreBudgets(values, numbersOf(values, nowMs, say), nowMs, say),
        ...(list === undefined ? {} : { models: list }),
        ...keyBounds(values, models, say, defaults),
        ...(expiresAtMs === undefined ? {} : { expires_at_ms: expiresAtMs }),
        ...(values["blocked"] === true ? { disabled: true } : {}),
        metadata: metadataOf(values, say),
      },
      line: row.line,
      setting: row.setting,
    });
    limitModels(row, values, { kind: "key", name }, say);
    reportPolicy(values, say, "key");
    say("kept", `key "${name}"`);
  }

  function limitModels(
    { line, setting }: Row,
    values: Values,
    whose: { readonly kind: "key" | "team" | "user"; readonly name: string },
    say: Say,
  ): void {
    for (const body of modelLimits(values, whose, models, nowMs, say))
      limits.push({ path: "/api/governance/model-configs", what: `limit "${body["name"]}"`, body, line, setting });
  }

  /** Undefined: the key would be freer without its owner than it was with it, and is left out. */
  function parentOf(values: Values, say: Say): LitellmOwner | undefined {
    const member = inTeam.get(members.of(textOf(values["team_id"]), textOf(values["user_id"]))?.id ?? "");
    if (member === null) say("dropped", "its member's budget in its team is not known: give the budgets too", true);
    if (member !== undefined) return member === null ? undefined : { user: member };
    for (const kind of ["team", "user"] as const) {
      const id = textOf(values[`${kind}_id`]);
      if (id === undefined) continue;
      const name = names[kind].get(id);
      if (name !== undefined) return { [kind]: name };
      if (kind === "user") return unknownUser(id, say);
      say(
        "dropped",
        `its team ${id} is in no file that was given, and its limits are not known: give the teams too`,
        true,
      );
      return undefined;
    }
    return organizationOf(values, say);
  }

  /** A user of whom there is no row binds nothing there; whether there is none, only the table tells. */
  function unknownUser(id: string, say: Say): LitellmOwner | undefined {
    if (ownUsers.has(id)) return {};
    if (rows.has("users")) {
      say("approximated", `its user ${id} has no row, so nothing of a user bound it: kept as metadata`);
      return {};
    }
    say(
      "dropped",
      `its user ${id} is in no file that was given, and its limits are not known: give the users too`,
      true,
    );
    return undefined;
  }

  function organizationOf(values: Values, say: Say): LitellmOwner | undefined {
    const id = textOf(values["organization_id"]);
    if (id === undefined) return {};
    const customer = names.customer.get(id);
    if (customer !== undefined) return { customer };
    const why = `its organization ${id} is in no file that was given, and its limits are not known`;
    say("dropped", `${why}: give the organizations too`, true);
    return undefined;
  }

  return { steps: [...steps, ...limits], report };
}

/** LiteLLM's own. */
const ownUsers = new Set(["default_user_id", "litellm-dashboard", "litellm_proxy_admin"]);

/** Undefined: all. */
function modelsOf(value: unknown, { targets, groups }: Models, say: Say): readonly string[] | undefined {
  const list = textsOf(value);
  if (list.length === 0 || list.includes("all-proxy-models") || list.includes("all-team-models") || list.includes("*"))
    return undefined;
  if (list.includes("no-default-models")) return [];
  const found = list.flatMap((name): readonly string[] => {
    const own = targets.get(name) ?? groups.get(name)?.flatMap((member) => targets.get(member) ?? []);
    if (own !== undefined) return own;
    const pattern = [...targets].find(([each]) => each.endsWith("*") && name.startsWith(each.slice(0, -1)));
    if (pattern !== undefined)
      return pattern[1].map((target) => target.replace("*", name.slice(pattern[0].length - 1)));
    say("dropped", `the model "${name}" is not in the config, and not allowed`);
    return [];
  });
  const usable = [...new Set(found)].filter((target) => /^[^\s*]*\*?$/.test(target));
  if (usable.length > 256) say("dropped", "more than 256 models: the first 256 are allowed");
  return usable.slice(0, 256);
}

/** LiteLLM keeps SHA-256 in hexadecimal; a secret that somebody put into the file is hashed as LiteLLM would. */
function hashOf(token: string | undefined): string | undefined {
  if (token === undefined) return undefined;
  if (/^[0-9a-fA-F]{64}$/.test(token)) return token.toLowerCase();
  return token.startsWith("sk-") ? createHash("sha256").update(token).digest("hex") : undefined;
}
