/** Bifrost-Go's `governance` → ours. Hides that its parts point at each other by id, and ours by name. */
import { RE2JS } from "re2js";
import type { Path } from "../config/problems.ts";
import { modelEntry } from "../governance/access.ts";
import { givePatternEngine, isPattern, patternFault } from "../governance/model-patterns.ts";
import { checkCondition } from "../routing/rule-engine.ts";
import { type Index, type Item, numbersOf, type Values } from "./bifrost-numbers.ts";
import { importPrices } from "./bifrost-prices.ts";
import type { MadeProvider } from "./bifrost-providers.ts";
import { type Draft, entriesOf, isOn, listOf, lookUp, numberOf, recordOf, textOf, textsOf, wholeOf } from "./draft.ts";
import type { Report } from "./report.ts";

type Context = {
  readonly draft: Draft;
  readonly report: Report;
  readonly emptyIsAll: boolean;
  /** Nothing of what is said is kept. */
  readonly isSilent: boolean;
  readonly providers: ReadonlyMap<string, MadeProvider>;
};

export function importGovernance(value: unknown, context: Context): void {
  const root = recordOf(value);
  const index = { budgets: byId(root["budgets"]), limits: byId(root["rate_limits"]) };
  const customers = named(root["customers"], ["governance", "customers"]);
  const { draft, report } = context;
  const teams = named(root["teams"], ["governance", "teams"]).filter(
    (item) => ownerOf(item, customers, "customer_id", report) !== null,
  );
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
  const keys = named(root["virtual_keys"], ["governance", "virtual_keys"]).filter((item) =>
    importKey(item, { customers, teams }, index, context),
  );
  for (const [kind, items] of Object.entries({ customer: customers, team: teams, key: keys }))
    for (const { values, path } of items) reportRest(values, path, understood[kind]!, report);
  importProviderLimits(root["providers"], index, context);
  importModelLimits(root["model_configs"], keys, index, context);
  importRules(root["routing_rules"], { customers, teams, keys }, context);
  for (const { blocked } of context.providers.values())
    for (const at of blocked.models.length === 0 ? [] : blocked.at)
      if (keys.length === 0) report.unprotected(at, "models are blocked for virtual keys, and there are none");
      else report.approximated(at, "blocked for each virtual key of this file: say it of those made later as well");
  for (const { key, value: rest, path } of entriesOf(root, ["governance"])) {
    if (
      /^(customers|teams|virtual_keys|budgets|rate_limits|model_configs|providers|routing_rules)$/.test(key) ||
      !isOn(rest)
    )
      continue;
    if (key === "auth_config")
      report.approximated(path, "not copied: the admin API takes tokens of `bifrost tokens create`");
    else if (key === "projects")
      report.unprotected(path, "there are customers, teams and users: write what projects bound as one of them");
    else if (key === "pricing_overrides") importPrices(rest, path, new Set(context.providers.keys()), draft, report);
    else if (key === "complexity_analyzer_config") report.dropped(path, "has no counterpart here");
    else report.unknown(path);
  }
}

function importKey(
  item: Item,
  { customers, teams }: { readonly customers: readonly Item[]; readonly teams: readonly Item[] },
  index: Index,
  context: Context,
): boolean {
  const { draft, report, isSilent } = context;
  const { values, path, name } = item;
  const secret = textOf(values["value"]) ?? textOf(recordOf(values["value"])["env_var"]);
  if (secret === undefined) {
    report.dropped(path, "has no value: it was made in the dashboard; make it anew, or write its value");
    return false;
  }
  const team = ownerOf(item, teams, "team_id", report);
  const customer = ownerOf(item, customers, "customer_id", report);
  // Without what bound it there it would be freer here.
  if (team === null || customer === null) return false;
  const never = [...context.providers].flatMap(([provider, { blocked }]) =>
    blocked.models.map((model) => `${provider}/${model}`),
  );
  const expires = textOf(values["expires_at"]);
  const at = expires === undefined ? Number.NaN : Date.parse(expires);
  draft.set(["governance", "keys", name], {
    value: report.secret(secret, [...path, "value"], `BIFROST_KEY_${name}`),
    ...(team === undefined ? {} : { team }),
    ...(team !== undefined || customer === undefined ? {} : { customer }),
    ...about(values),
    ...(values["is_active"] === false ? { disabled: true } : {}),
    ...(Number.isNaN(at) ? {} : { expires: new Date(at).toISOString() }),
    ...(never.length === 0 ? {} : { blocked: never }),
    ...providersOf(item, index, context),
    ...numbersOf(item, index, report),
  });
  if (expires !== undefined && Number.isNaN(at)) report.unprotected([...path, "expires_at"], "is no date and time");
  if (values["disable_content_logging"] === true && !isSilent)
    report.unprotected([...path, "disable_content_logging"], "record.content says it for all: set content of the key");
  if (isOn(values["delete_after_expire"]))
    report.dropped([...path, "delete_after_expire"], "a key of the file goes when it is taken out of it");
  if (listOf(values["mcp_configs"]).length > 0)
    report.dropped([...path, "mcp_configs"], "MCP servers are not part of this build");
  report.kept(path, `key ${name}; its value is read from a variable`);
  return true;
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
    const known = keysOf(settings["key_ids"], providers.get(provider)!, [...where, "key_ids"], report);
    reportRest(settings, where, understood["provider_config"]!, report);
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

/** Undefined: every key. Of a provider whose one account is meant by none of them, no key. */
function keysOf(value: unknown, { names, account }: MadeProvider, path: Path, report: Report) {
  const asked = textsOf(value);
  if (asked.length === 0 || asked.includes("*")) return undefined;
  if (names.size === 0 && asked.some((each) => account.has(each))) return undefined;
  const lost = asked.filter((each) => !names.has(each));
  if (lost.length > 0) report.approximated(path, `no key here is ${lost.join(", ")}: left out`);
  return [...new Set(asked.flatMap((each) => names.get(each) ?? []))];
}

/** Of all calls of a provider. */
function importProviderLimits(value: unknown, index: Index, { draft, report, providers }: Context): void {
  for (const [at, item] of listOf(value).entries()) {
    const path: Path = ["governance", "providers", at];
    const values = recordOf(item);
    const provider = textOf(values["name"]) ?? textOf(values["provider"]) ?? "";
    const numbers = numbersOf({ values, path, name: provider }, index, report);
    if (!providers.has(provider)) report.dropped(path, `no provider is called "${provider}"`);
    else if (draft.has(["governance", "provider_limits", provider]))
      report.unprotected(path, "stands here twice: the first is kept");
    else if (Object.keys(numbers).length > 0) {
      draft.set(["governance", "provider_limits", provider], numbers);
      report.kept(path, `a limit of ${provider}`);
    }
  }
}

/** Undefined: of none. Null: of one that is not there. */
function ownerOf({ values, path }: Item, owners: readonly Item[], field: string, report: Report) {
  const id = textOf(values[field]);
  if (id === undefined) return undefined;
  const name = nameOf(owners, values[field]);
  if (name !== undefined) return name;
  report.unprotected([...path, field], `"${id}" is not in this file, and what it bound is not known: left out`);
  return null;
}

const numberFields = [
  ...["budgets", "budget_id", "budget_ids", "rate_limit", "rate_limits", "rate_limit_id", "rate_limit_ids"],
  ...["calendar_aligned", "id", "name", "description", "created_at", "updated_at", "config_hash"],
];
const understood: Readonly<Record<string, ReadonlySet<string>>> = {
  customer: new Set(numberFields),
  team: new Set([...numberFields, "customer_id"]),
  key: new Set([
    ...[...numberFields, "value", "team_id", "customer_id", "is_active", "provider_configs", "allow_all_providers"],
    ...["expires_at", "delete_after_expire", "disable_content_logging", "mcp_configs"],
  ]),
  provider_config: new Set([
    ...[...numberFields, "provider", "weight", "allowed_models", "blacklisted_models", "key_ids", "virtual_key_id"],
  ]),
};

function reportRest(values: Values, path: Path, known: ReadonlySet<string>, report: Report): void {
  for (const { key, value, path: at } of entriesOf(values, path))
    if (isOn(value) && !known.has(key)) report.unknown(at);
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
    const scope = lookUp(scopes, String(rule["scope"]));
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
