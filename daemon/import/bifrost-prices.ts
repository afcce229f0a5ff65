/** `governance.pricing_overrides` of Bifrost-Go → `prices`. Hides that a price there may be one key's, and is a JSON text. */
import type { Path } from "../config/problems.ts";
import { type Draft, dollarsOf, listOf, numberOf, recordOf, textOf } from "./draft.ts";
import { priceRows } from "./litellm-models.ts";
import type { Report } from "./report.ts";

export function importPrices(
  value: unknown,
  path: Path,
  providers: ReadonlySet<string>,
  draft: Draft,
  report: Report,
): void {
  for (const [index, item] of listOf(value).entries()) {
    const rule = recordOf(item);
    const at = [...path, index];
    const scope = textOf(rule["scope_kind"]) ?? "global";
    if (scope !== "global" && scope !== "provider") {
      report.dropped([...at, "scope_kind"], "a price is for everybody here, not for one key or user");
      continue;
    }
    const own = textOf(rule["provider_id"]) ?? textOf(rule["provider"]);
    const named = scope === "global" ? [...providers] : [...providers].filter((name) => name === own);
    const pattern = textOf(rule["pattern"]);
    const model = pattern === undefined ? undefined : modelOf(pattern, textOf(rule["match_type"]) ?? "exact");
    if (named.length === 0) report.dropped(at, `no provider is called "${own ?? ""}"`);
    else if (model === undefined) report.dropped(at, "a price is of one model, or of all of a provider's");
    else for (const provider of named) write(`${provider}/${model}`, patchOf(rule), at, draft, report);
  }
}

/** Undefined: a part of a provider's models, of which no price can be. */
function modelOf(pattern: string, kind: string): string | undefined {
  if (kind === "wildcard" || pattern.endsWith("*")) return pattern === "*" ? "*" : undefined;
  return pattern;
}

/** A record, or the same as a text. */
function patchOf(rule: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { patch, pricing_patch: text } = rule;
  if (typeof text !== "string") return recordOf(patch ?? text);
  try {
    return recordOf(JSON.parse(text));
  } catch {
    return {};
  }
}

function write(target: string, patch: Readonly<Record<string, unknown>>, at: Path, draft: Draft, report: Report): void {
  const rows = priceRows.flatMap(([theirs, ours, factor]) => {
    const cost = numberOf(patch[theirs]);
    return cost === undefined ? [] : [[theirs, ours, cost * factor] as const];
  });
  for (const [, ours, cost] of rows) draft.set(["prices", target, ours], Number(dollarsOf(cost.toPrecision(12))));
  if (rows.length > 0) report.kept(at, `the price of ${target}`);
  const known = new Set<string>(rows.map(([theirs]) => theirs));
  const others = Object.keys(patch).filter((name) => !known.has(name));
  if (others.length > 0) report.dropped(at, `${others.join(", ")}: write it under prices`);
  else if (rows.length === 0) report.dropped(at, "has no price that can be read");
}
