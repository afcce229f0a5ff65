/**
 * A Portkey config object → ours: targets become a group, its name what clients ask for. Hides that Portkey nests
 * strategies, where a group here has places only.
 */
import type { Path } from "../config/problems.ts";
import { type Accounts, createAccounts } from "./accounts.ts";
import { createDraft, type Draft, entriesOf, isOn, listOf, numberOf, recordOf, textOf, wholeOf } from "./draft.ts";
import { assertHas, assertKinds, type Imported, readForeign } from "./foreign.ts";
import { portkeyAccount } from "./portkey-account.ts";
import { conditionOf } from "./portkey-condition.ts";
import { createReport, type Report } from "./report.ts";

type Values = Readonly<Record<string, unknown>>;
type Context = {
  readonly draft: Draft;
  readonly report: Report;
  readonly accounts: Accounts;
  readonly names: Set<string>;
};
type Hop = { readonly target: string; readonly weight?: number | undefined };
/** A target that is a place, or a name for those within it. */
type Branch = {
  readonly asked: string | undefined;
  readonly target: string | undefined;
  readonly weight: number | undefined;
  readonly at: Path;
};
/** What stands for a part of the config: places, and names to try after them. */
type Part = { readonly hops: readonly Hop[]; readonly strategy: string; readonly after: readonly string[] };

const root = "portkey";

export function importPortkey(text: string): Imported {
  const source = readForeign(text);
  const report = createReport(source, text);
  const draft = createDraft("Made of a Portkey config by bifrost import portkey.");
  const accounts = createAccounts(draft, report);
  const value = recordOf(source.value);
  const inner = recordOf(value["config"]);
  const isWrapped = Object.keys(inner).length > 0 && value["targets"] === undefined;
  const known = ["targets", "strategy", "provider", "virtual_key"];
  assertHas(isWrapped ? inner : value, known, "a Portkey config");
  assertKinds(source, { targets: "list", strategy: "names" }, isWrapped ? ["config"] : []);
  const context = { draft, report, accounts, names: new Set<string>() };
  const made = importPart(isWrapped ? inner : value, isWrapped ? ["config"] : [], {}, root, context);
  if (made === undefined) {
    const why = report.lines().filter(({ outcome }) => outcome === "dropped");
    const [first] = why.map(({ line, setting, message }) => `line ${line}, ${setting || "the whole"}: ${message}`);
    throw new Error(`no target of it can be kept: ${first ?? "it names none"}`);
  }
  importSettings(isWrapped ? inner : value, isWrapped ? ["config"] : [], true, context);
  accounts.write();
  return { config: draft.text(), report: report.lines(), variables: report.variables() };
}

/** Writes what a part stands for under a name, and returns what can be asked by it; nothing where no target is left. */
function importPart(value: Values, path: Path, inherited: Values, name: string, context: Context): string | undefined {
  const settings = { ...inherited, ...pick(value) };
  const strategy = recordOf(value["strategy"]);
  const mode = textOf(strategy["mode"]) ?? "single";
  const targets = listOf(value["targets"]);
  if (targets.length === 0) return leaf(settings, path, name, context);
  if (mode === "conditional") return importConditions(value, strategy, path, settings, name, context);
  const part = combine(mode, targets, [...path, "targets"], settings, name, context);
  if (strategy["on_status_codes"] !== undefined)
    context.report.approximated(
      [...path, "strategy", "on_status_codes"],
      "the next is tried after any failure that another target may not have",
    );
  return write(part, path, name, context);
}

/** Settings that targets inherit. */
function pick(value: Values): Values {
  return Object.fromEntries(
    Object.entries(value).filter(
      ([key]) =>
        !["strategy", "targets", "retry", "cache", "weight", "name", "on_status_codes", "request_timeout"].includes(
          key,
        ),
    ),
  );
}

function combine(
  mode: string,
  targets: readonly unknown[],
  path: Path,
  settings: Values,
  name: string,
  context: Context,
): Part {
  const { report } = context;
  const parts = targets.flatMap((item, index): readonly Branch[] => {
    const value = recordOf(item);
    const at = [...path, index];
    importSettings(value, at, false, context);
    if (listOf(value["targets"]).length > 0) {
      const asked = importPart(
        value,
        at,
        settings,
        nameFor(`${name}-${textOf(value["name"]) ?? index + 1}`, context),
        context,
      );
      return asked === undefined ? [] : [{ asked, target: undefined, weight: numberOf(value["weight"]), at }];
    }
    const target = place({ ...settings, ...pick(value) }, at, context);
    return target === undefined ? [] : [{ asked: undefined, target, weight: numberOf(value["weight"]), at }];
  });
  const seen = new Set<string>();
  const hops = parts.flatMap(({ target, weight, at }): Hop[] => {
    if (target === undefined) return [];
    if (seen.has(target)) {
      report.approximated(at, `${target} stands here twice: once is kept`);
      return [];
    }
    seen.add(target);
    return [{ target, weight: mode === "loadbalance" ? weight : undefined }];
  });
  const nested = parts.flatMap(({ asked, at }) => (asked === undefined ? [] : [{ asked, at }]));
  if (mode === "loadbalance") {
    for (const { asked, at } of nested)
      report.approximated(
        at,
        `targets within targets get no share of the calls: ${asked} is tried when the others fail`,
      );
  } else if (
    parts.findIndex(({ asked }) => asked !== undefined) < parts.findLastIndex(({ target }) => target !== undefined) &&
    nested.length > 0
  ) {
    report.approximated(nested[0]!.at, "targets within targets are tried after the single ones");
  }
  return { hops, strategy: mode === "loadbalance" ? "weighted" : "ordered", after: nested.map(({ asked }) => asked) };
}

function write(
  { hops, strategy, after }: Part,
  path: Path,
  name: string,
  { draft, report }: Context,
): string | undefined {
  const [first, ...rest] = after;
  if (hops.length === 0) {
    if (first === undefined) {
      report.dropped(path, "no target of it is left");
      return undefined;
    }
    draft.set(["aliases", name], first);
    if (rest.length > 0) draft.set(["fallbacks", name], rest);
    return name;
  }
  const open = hops.some(({ target }) => target.endsWith("*"));
  const asked = open ? `${name}/*` : name;
  const usable = hops.every(({ weight }) => weight === 0) ? hops.map(({ target }) => ({ target })) : hops;
  draft.set(["groups", asked], {
    strategy,
    targets: usable.map(({ target, weight }: Hop) =>
      weight === undefined ? target : { target, weight: Math.min(weight, 1_000_000) },
    ),
  });
  if (after.length > 0) draft.set(["fallbacks", asked], after.slice(0, 16));
  report.kept([...path, "targets"], `clients ask for "${asked}"`);
  return asked;
}

function leaf(settings: Values, path: Path, name: string, context: Context): string | undefined {
  const target = place(settings, path, context);
  if (target === undefined) return undefined;
  const asked = target.endsWith("*") ? `${name}/*` : name;
  context.draft.set(["aliases", asked], target);
  context.report.kept(path, `clients ask for "${asked}", which is ${target}`);
  return asked;
}

/** `provider/model`, or `provider/*` where requests name the model themselves. */
function place(settings: Values, path: Path, { report, accounts }: Context): string | undefined {
  const spec = portkeyAccount(settings, path, report);
  if (spec === undefined) return undefined;
  const provider = accounts.take(spec.account, path);
  const model = textOf(recordOf(settings["override_params"])["model"]) ?? spec.model;
  if (model === undefined) accounts.open(provider);
  else accounts.offer(provider, model, spec.deployment);
  const rest = Object.keys(recordOf(settings["override_params"])).filter((key) => key !== "model");
  if (rest.length > 0)
    report.dropped([...path, "override_params"], `${rest.join(", ")}: requests pass as clients send them`);
  return `${provider}/${model ?? "*"}`;
}

function importConditions(
  value: Values,
  strategy: Values,
  path: Path,
  settings: Values,
  name: string,
  context: Context,
): string | undefined {
  const { draft, report } = context;
  const targets = new Map<string, string>();
  for (const [index, item] of listOf(value["targets"]).entries()) {
    const target = recordOf(item);
    const at = [...path, "targets", index];
    importSettings(target, at, false, context);
    const called = textOf(target["name"]) ?? `${index + 1}`;
    const asked = importPart(target, at, settings, nameFor(`${name}-${called}`, context), context);
    if (asked !== undefined) targets.set(called, asked);
  }
  for (const [index, item] of listOf(strategy["conditions"]).entries()) {
    const at = [...path, "strategy", "conditions", index];
    const { query, then } = recordOf(item);
    const condition = conditionOf(query, name);
    const target = targets.get(textOf(then) ?? "");
    if (condition === undefined) report.dropped(at, "its query cannot be said: write a rule under routing.rules");
    else if (target === undefined || target.endsWith("*"))
      report.dropped(at, "a rule's target is a model: give the target override_params.model");
    else {
      draft.push(["routing", "rules"], { name: `${name} ${index + 1}`, when: condition, targets: [target] });
      report.kept(at, `a rule for what is asked as "${name}"`);
    }
  }
  const fallback = targets.get(textOf(strategy["default"]) ?? "") ?? [...targets.values()][0];
  if (fallback === undefined) return undefined;
  const asked = fallback.endsWith("*") ? `${name}/*` : name;
  draft.set(["aliases", asked], fallback);
  return asked;
}

function nameFor(wanted: string, { names }: Context): string {
  const slug = wanted.replace(/[^\x21-\x7e]+|\*/g, "-").slice(0, 200);
  let name = slug;
  for (let count = 2; names.has(name); count += 1) name = `${slug}-${count}`;
  names.add(name);
  return name;
}

const hooks = [
  "before_request_hooks",
  "after_request_hooks",
  "input_guardrails",
  "output_guardrails",
  "beforeRequestHooks",
  "afterRequestHooks",
  "guardrails",
];
const known = new Set(["strategy", "targets", "override_params", "weight", "name", "config", "id", "slug", ...hooks]);

const accountFields = new Set([
  ...["provider", "virtual_key", "api_key", "custom_host", "azure_deployment_id", "deployment_id", "azure_model_name"],
  ...["azure_resource_name", "azure_api_version", "aws_region", "aws_access_key_id", "aws_secret_access_key"],
  ...["aws_session_token", "vertex_project_id", "vertex_region", "version", "$schema"],
]);

function importSettings(value: Values, path: Path, top: boolean, { draft, report }: Context): void {
  for (const { key, value: setting, path: at } of entriesOf(value, path)) {
    if (!isOn(setting)) continue;
    if (hooks.includes(key)) report.unprotected(at, "guardrails are not part of this build");
    else if (key === "cache") report.dropped(at, "answers are not cached in this build");
    else if (key === "retry") {
      const { attempts, on_status_codes: codes } = recordOf(setting);
      const count = wholeOf(attempts);
      if (count === undefined) continue;
      if (top) draft.set(["routing", "retries", "max"], Math.min(count, 10));
      if (top)
        report[codes === undefined ? "kept" : "approximated"](at, "routing.retries.max; after faults of the provider");
      else report.dropped(at, "retries are said once: routing.retries.max");
    } else if (key === "request_timeout") {
      const time = wholeOf(setting);
      if (top && time) draft.set(["timeouts", "total"], `${time}ms`);
      if (top && time) report.approximated(at, "timeouts.total; the end of the whole call, streamed or not");
      else report.dropped(at, "timers are said under timeouts, model_timeouts or of a provider");
    } else if (top && !known.has(key) && listOf(value["targets"]).length > 0 && key.startsWith("cb_"))
      report.dropped(at, "routing.breaker does so");
    else if (
      ["forward_headers", "strict_open_ai_compliance", "transform_to_form_data", "cb_config", "sticky"].includes(key)
    )
      report.dropped(at, "has no counterpart here");
    else if (key === "override_params" && listOf(value["targets"]).length > 0) {
      const rest = Object.keys(recordOf(setting)).filter((name) => name !== "model");
      if (rest.length > 0) report.dropped(at, `${rest.join(", ")}: requests pass as clients send them`);
    } else if (!known.has(key) && !accountFields.has(key)) report.unknown(at);
  }
}
