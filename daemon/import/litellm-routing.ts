/** Fallbacks and aliases, which may stand in `router_settings` and in `litellm_settings`. Hides their list of one-entry maps. */
import type { Path } from "../config/problems.ts";
import { type Draft, entriesOf, listOf, recordOf, textOf, textsOf } from "./draft.ts";
import type { Models } from "./litellm-models.ts";
import type { Report } from "./report.ts";

const sections = ["litellm_settings", "router_settings"] as const;
const kinds: readonly (readonly [string, string])[] = [
  ["fallbacks", "any"],
  ["context_window_fallbacks", "context_window"],
  ["content_policy_fallbacks", "content_policy"],
];
/** Read here and nowhere else. */
export const routingKeys = [...kinds.map(([theirs]) => theirs), "default_fallbacks", "model_group_alias"];
const listMax = 16;

export function importRouting(
  root: Readonly<Record<string, unknown>>,
  models: Models,
  draft: Draft,
  report: Report,
): void {
  const names = new Set(models.targets.keys());
  for (const section of sections) {
    const settings = recordOf(root[section]);
    importAliases(settings["model_group_alias"], [section, "model_group_alias"], names, draft, report);
  }
  const lists = new Map<string, Map<string, readonly string[]>>();
  const add = (model: string, kind: string, targets: unknown, path: Path): void => {
    if (model !== "*" && !isKnown(model, names)) {
      report.dropped(path, `no model is called "${model}"`);
      return;
    }
    const found = [...new Set(textsOf(targets))].filter((target) => {
      if (isKnown(target, names) && target !== model) return true;
      report.dropped(path, target === model ? `"${model}" falls back to itself` : `no model is called "${target}"`);
      return false;
    });
    if (found.length === 0) return;
    if (found.length > listMax) report.dropped(path, `more than ${listMax} fallbacks: the first ${listMax} are kept`);
    const byKind = lists.get(model) ?? new Map<string, readonly string[]>();
    lists.set(model, byKind.set(kind, found.slice(0, listMax)));
    report.kept(path, `fallbacks of ${model === "*" ? "every model" : model}`);
  };
  for (const section of sections) {
    const settings = recordOf(root[section]);
    for (const [theirs, ours] of kinds) {
      for (const [index, item] of listOf(settings[theirs]).entries())
        for (const { key, value, path } of entriesOf(item, [section, theirs, index])) add(key, ours, value, path);
    }
    if (settings["default_fallbacks"] !== undefined)
      add("*", "any", settings["default_fallbacks"], [section, "default_fallbacks"]);
  }
  for (const [model, byKind] of lists) {
    const any = byKind.size === 1 ? byKind.get("any") : undefined;
    draft.set(["fallbacks", model], any ?? Object.fromEntries(byKind));
  }
}

function importAliases(value: unknown, at: Path, names: Set<string>, draft: Draft, report: Report): void {
  for (const { key, value: written, path } of entriesOf(value, at)) {
    const target = textOf(written) ?? textOf(recordOf(written)["model"]);
    if (target === undefined || !isKnown(target, names)) report.dropped(path, `no model is called "${target ?? ""}"`);
    else if (names.has(key)) report.dropped(path, `"${key}" is in model_list already`);
    else {
      draft.set(["aliases", key], target);
      names.add(key);
      if (recordOf(written)["hidden"] === true)
        report.approximated(path, `an alias of ${target}; it is listed by GET /v1/models too`);
      else report.kept(path, `an alias of ${target}`);
    }
  }
}

/** A name, or one that a name with a `*` stands for. */
function isKnown(name: string, names: ReadonlySet<string>): boolean {
  if (names.has(name)) return true;
  return [...names].some((pattern) => {
    const star = pattern.indexOf("*");
    return star >= 0 && name.startsWith(pattern.slice(0, star)) && name.endsWith(pattern.slice(star + 1));
  });
}
