/** Bifrost-Go's `governance` → ours. Hides that its parts point at each other by id, and ours by name. */
import { RE2JS } from "re2js";
import type { Path } from "../config/problems.ts";
import { modelEntry } from "../governance/access.ts";
import { parseBudget, parseDuration } from "../governance/duration.ts";
import { givePatternEngine, isPattern, patternFault } from "../governance/model-patterns.ts";
import { checkCondition } from "../routing/rule-engine.ts";
import {
  type Draft,
  dollarsOf,
  entriesOf,
  isOn,
  listOf,
  numberOf,
  recordOf,
  textOf,
  textsOf,
  wholeOf,
} from "./draft.ts";
import type { Report } from "./report.ts";

type Values = Readonly<Record<string, unknown>>;
type Context = {
  readonly draft: Draft;
  readonly report: Report;
  readonly emptyIsAll: boolean;
  readonly providers: ReadonlyMap<string, readonly string[]>;
};
type Item = { readonly values: Values; readonly path: Path; readonly name: string };
/** Items by id, and the rows that they refer to. */
type Index = {
  readonly budgets: ReadonlyMap<string, Values>;
  readonly limits: ReadonlyMap<string, Values>;
};

const dayMs = 86_400_000;

export function importGovernance(value: unknown, context: Context): void {
  const root = recordOf(value);
  const index = { budgets: byId(root["budgets"]), limits: byId(root["rate_limits"]) };
  const customers = named(root["customers"], ["governance", "customers"]);
  const teams = named(root["teams"], ["governance", "teams"]);
  const keys = named(root["virtual_keys"], ["governance", "virtual_keys"]);
  const { draft, report } = context;
  for (const item of customers) {
    draft.set(["governance", "customers", item.name], { ...about(item.values), ...numbersOf(item, index, report) });
    report.kept(item.path, `customer ${item.name}`);
  }
  for (const item of teams) {
    const customer = nameOf(customers, item.values["customer_id"]);
    draft.set(["governance", "teams", item.name], {
      ...(customer === undefined ? {} : { customer }),
      ...about(item.values),
      ...numbersOf(item, index, report),
    });
    report.kept(item.path, `team ${item.name}`);
  }
  for (const item of keys) importKey(item, { customers, teams }, index, context);
  importModelLimits(root["model_configs"], keys, index, context);
  importRules(root["routing_rules"], { customers, teams, keys }, context);
  for (const { key, value: rest, path } of entriesOf(root, ["governance"])) {
    if (/^(customers|teams|virtual_keys|budgets|rate_limits|model_configs|routing_rules)$/.test(key) || !isOn(rest))
      continue;
    if (key === "auth_config")
      report.approximated(path, "not copied: the admin API takes tokens of `bifrost tokens create`");
    else if (key === "projects")
      report.unprotected(path, "there are customers, teams and users: write what projects bound as one of them");
    else report.dropped(path, key === "pricing_overrides" ? "write them under prices" : "has no counterpart here");
  }
}

function importKey(
  item: Item,
  { customers, teams }: { readonly customers: readonly Item[]; readonly teams: readonly Item[] },
  index: Index,
  context: Context,
): void {
  const { draft, report } = context;
  const { values, path, name } = item;
  const secret = textOf(values["value"]) ?? textOf(recordOf(values["value"])["env_var"]);
  if (secret === undefined) {
    report.dropped(path, "has no value: it was made in the dashboard; make it anew, or write its value");
    return;
  }
  const team = nameOf(teams, values["team_id"]);
  const customer = nameOf(customers, values["customer_id"]);
  const expires = textOf(values["expires_at"]);
  const at = expires === undefined ? Number.NaN : Date.parse(expires);
  draft.set(["governance", "keys", name], {
    value: report.secret(secret, [...path, "value"], `BIFROST_KEY_${name}`),
    ...(team === undefined ? {} : { team }),
    ...(team !== undefined || customer === undefined ? {} : { customer }),
    ...about(values),
    ...(values["is_active"] === false ? { disabled: true } : {}),
    ...(Number.isNaN(at) ? {} : { expires: new Date(at).toISOString() }),
    ...providersOf(item, index, context),
    ...numbersOf(item, index, report),
  });
  if (expires !== undefined && Number.isNaN(at)) report.unprotected([...path, "expires_at"], "is no date and time");
  if (listOf(values["mcp_configs"]).length > 0)
    report.dropped([...path, "mcp_configs"], "MCP servers are not part of this build");
  report.kept(path, `key ${name}; its value is read from a variable`);
}

/** No provider is none, and so is an empty list, save in version 1. */
function providersOf({ values, path }: Item, index: Index, { report, emptyIsAll, providers }: Context): Values {
  if (values["allow_all_providers"] === true) return {};
  const configs = listOf(values["provider_configs"]);
  if (configs.length === 0) return emptyIsAll ? {} : { providers: {} };
  const made = configs.flatMap((config, at): [string, unknown][] => {
    const settings = recordOf(config);
    const where = [...path, "provider_configs", at];
    const provider = textOf(settings["provider"]) ?? "";
    if (!providers.has(provider)) {
      report.dropped(where, `no provider is called "${provider}"`);
      return [];
    }
    const models = modelList(settings["allowed_models"], emptyIsAll, [...where, "allowed_models"], false, report);
    const blocked = modelList(settings["blacklisted_models"], true, [...where, "blacklisted_models"], true, report);
    const names = textsOf(settings["key_ids"]);
    const some = names.length > 0 && !names.includes("*") ? names : undefined;
    const known = some?.filter((name) => providers.get(provider)!.includes(name));
    if (some !== undefined && known!.length < some.length)
      report.approximated(
        [...where, "key_ids"],
        "keys are named, not numbered, here: those that no key is called are left out",
      );
    return [
      [
        provider,
        {
          ...(isOn(settings["weight"]) ? { weight: numberOf(settings["weight"]) } : {}),
          ...(models === undefined ? {} : { models }),
          ...(blocked === undefined || blocked.length === 0 ? {} : { blocked }),
          ...(known === undefined ? {} : { keys: known }),
          ...numbersOf({ values: settings, path: where, name: provider }, index, report),
        },
      ],
    ];
  });
  return { providers: Object.fromEntries(made) };
}

/** Undefined: every model. */
function modelList(
  value: unknown,
  emptyIsAll: boolean,
  path: Path,
  blocks: boolean,
  report: Report,
): readonly string[] | undefined {
  const list = textsOf(value);
  givePatternEngine(RE2JS);
  if (value === undefined || list.includes("*") || (emptyIsAll && list.length === 0))
    return blocks && list.includes("*") ? ["*"] : undefined;
  return list.filter((entry) => {
    if (modelEntry.pattern.test(entry) && (!isPattern(entry) || patternFault(entry) === undefined)) return true;
    if (blocks) report.unprotected(path, `"${entry}" cannot be said: a name, with a "*" at its end at most`);
    else report.dropped(path, `"${entry}" cannot be said, and is not allowed: a name, with a "*" at its end at most`);
    return false;
  });
}

function importModelLimits(
  value: unknown,
  keys: readonly Item[],
  index: Index,
  { draft, report, providers }: Context,
): void {
  const seen = new Set<string>();
  for (const [at, config] of listOf(value).entries()) {
    const path: Path = ["governance", "model_configs", at];
    const values = recordOf(config);
    const { scope, scope_id: id } = values;
    const key = scope === "virtual_key" ? nameOf(keys, id) : undefined;
    const model = textOf(values["model_name"]);
    const provider = textOf(values["provider"]);
    const identity = `${provider} ${model} ${key}`;
    const unsaid =
      (scope !== undefined && scope !== "global" && key === undefined) ||
      (provider !== undefined && !providers.has(provider));
    if (unsaid || seen.has(identity)) {
      report.unprotected(
        path,
        unsaid ? "whom or what it limits is not known here" : "stands here twice: the first is kept",
      );
      continue;
    }
    seen.add(identity);
    draft.push(["governance", "model_limits"], {
      ...(model === undefined || model === "*" ? {} : { model }),
      ...(provider === undefined ? {} : { provider }),
      ...(key === undefined ? {} : { key }),
      ...numbersOf({ values, path, name: "" }, index, report),
    });
    report.kept(path, "a model limit");
  }
}

function importRules(
  value: unknown,
  items: { readonly customers: readonly Item[]; readonly teams: readonly Item[]; readonly keys: readonly Item[] },
  { draft, report, providers }: Context,
): void {
  const names = new Set<string>();
  for (const [at, item] of listOf(value).entries()) {
    const path: Path = ["governance", "routing_rules", at];
    const rule = recordOf(item);
    const when = textOf(rule["cel_expression"]) ?? "";
    const targets = listOf(rule["targets"]).flatMap((each) => {
      const { provider, model, weight } = recordOf(each);
      const [where, what] = [textOf(provider), textOf(model)];
      if (where === undefined || what === undefined || !providers.has(where)) return [];
      return [{ target: `${where}/${what}`, ...(isOn(weight) ? { weight: numberOf(weight) } : {}) }];
    });
    const scopes = {
      virtual_key: ["key", items.keys],
      team: ["team", items.teams],
      customer: ["customer", items.customers],
    } as const;
    const scope = scopes[String(rule["scope"]) as keyof typeof scopes];
    const owner = scope === undefined ? undefined : nameOf(scope[1], rule["scope_id"]);
    const fault = when === "" ? undefined : checkCondition(when);
    const name = textOf(rule["name"]) ?? `rule ${at + 1}`;
    if (fault !== undefined) report.dropped(path, `its condition cannot be read here: ${fault}`);
    else if (targets.length === 0 || targets.length < listOf(rule["targets"]).length)
      report.dropped(path, "a target needs a provider that is there, and a model");
    else if (scope !== undefined && owner === undefined)
      report.dropped(path, "whose requests it is about is not known here");
    else if (names.has(name)) report.dropped(path, `another rule is called "${name}"`);
    else {
      names.add(name);
      draft.push(["routing", "rules"], {
        name,
        ...(when === "" ? {} : { when }),
        ...(owner === undefined ? {} : { scope: `${scope![0]}:${owner}` }),
        ...(isOn(rule["priority"]) ? { priority: wholeOf(rule["priority"]) } : {}),
        targets,
        ...(rule["chain_rule"] === true ? { chain: true } : {}),
        ...(rule["enabled"] === false ? { enabled: false } : {}),
      });
      if (isOn(rule["fallbacks"])) report.dropped([...path, "fallbacks"], "write them as fallbacks of the rule");
      report.kept(path, `rule ${name}`);
    }
  }
}

/** Budgets and rate limits: written in place, or rows that are named by their ids. */
function numbersOf({ values, path }: Item, index: Index, report: Report): Values {
  const aligned = values["calendar_aligned"] === true;
  const rows = (list: unknown, ids: unknown, id: unknown, table: ReadonlyMap<string, Values>): readonly Values[] => [
    ...listOf(list).map(recordOf),
    ...[...textsOf(ids), ...textsOf(id)].flatMap((each) => [table.get(each) ?? []].flat() as readonly Values[]),
  ];
  const budgets = rows(values["budgets"], values["budget_ids"], values["budget_id"], index.budgets).flatMap((row) =>
    budgetOf(row, aligned, path, report),
  );
  if (budgets.length > 4) report.unprotected(path, "has more than 4 budgets: the first 4 are kept");
  const limits = rows(
    [...listOf(values["rate_limits"]), ...(isOn(values["rate_limit"]) ? [values["rate_limit"]] : [])],
    values["rate_limit_ids"],
    values["rate_limit_id"],
    index.limits,
  );
  const counts = limits.flatMap((row) => limitsOf(row, path, report));
  return {
    ...(budgets.length === 0 ? {} : { budgets: budgets.slice(0, 4) }),
    ...(counts.length === 0 ? {} : { limits: counts.slice(0, 8) }),
  };
}

function budgetOf(row: Values, aligned: boolean, path: Path, report: Report): readonly unknown[] {
  const dollars = dollarsOf(row["max_limit"]);
  const period = textOf(row["reset_duration"]);
  const text = period === undefined ? dollars : `${dollars}/${period}`;
  try {
    if (text === undefined || dollars === undefined) throw new RangeError("is no amount");
    const { window } = parseBudget(text);
    const calendar =
      (aligned || row["calendar_aligned"] === true) && window.kind === "rolling" && window.lengthMs >= dayMs;
    const month = wholeOf(recordOf(row["reset_config"])["quarter_start_month"]);
    if (isOn(row["current_usage"]))
      report.approximated(path, "what was spent so far is not carried over: the budget begins whole");
    return [calendar ? { budget: text, calendar: true, ...(month ? { start_month: month } : {}) } : text];
  } catch (error) {
    report.unprotected(path, `a budget that cannot be kept: ${(error as Error).message}`);
    return [];
  }
}

function limitsOf(row: Values, path: Path, report: Report): readonly unknown[] {
  const metric = textOf(row["metric"]);
  const pairs: readonly (readonly [string, unknown, unknown])[] =
    metric === undefined
      ? [
          ["tokens", row["token_max_limit"], row["token_reset_duration"]],
          ["requests", row["request_max_limit"], row["request_reset_duration"]],
        ]
      : [[metric, row["max_limit"], row["reset_duration"]]];
  return pairs.flatMap(([name, limit, every]) => {
    const count = wholeOf(limit);
    if (count === undefined) return [];
    try {
      const lengthMs = parseDuration(textOf(every) ?? "1m");
      if (lengthMs < 1_000 || lengthMs > 366 * dayMs) throw new RangeError("a limit's period is 1s to 366d");
      return [{ [name === "tokens" ? "tokens" : "requests"]: count, every: `${lengthMs / 1_000}s` }];
    } catch (error) {
      report.unprotected(path, `a rate limit that cannot be kept: ${(error as Error).message}`);
      return [];
    }
  });
}

function about(values: Values): Values {
  const description = textOf(values["description"]);
  return description === undefined ? {} : { description };
}

function byId(value: unknown): ReadonlyMap<string, Values> {
  return new Map(listOf(value).map((item) => [textOf(recordOf(item)["id"]) ?? "", recordOf(item)]));
}

/** Each with a name of its own. */
function named(value: unknown, path: Path): readonly Item[] {
  const taken = new Set<string>();
  return listOf(value).map((item, index) => {
    const values = recordOf(item);
    const id = textOf(values["id"]) ?? `${index + 1}`;
    let name = textOf(values["name"]) ?? id;
    if (taken.has(name)) name = `${name} (${id})`;
    taken.add(name);
    return { values, path: [...path, index], name };
  });
}

function nameOf(items: readonly Item[], id: unknown): string | undefined {
  return id === undefined || id === null ? undefined : items.find(({ values }) => values["id"] === id)?.name;
}
