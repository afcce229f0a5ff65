/**
 * Is this a price table? Hides what of a file from elsewhere could hurt: it is in force wherever requests are priced, so
 * a price below zero or beyond what sums can hold, or a rule that is no expression, would break them one by one.
 */
import type { PriceTable } from "../../providers/catalog/catalog.ts";
import { type RateScale, rateScales } from "../../providers/catalog/price.ts";
import { isObject } from "../../providers/json.ts";

const most: Readonly<Record<RateScale, number>> = { token: 1_000_000_000, piece: 1_000_000_000_000_000 };
const dayMs = 86_400_000;
const ruleDepthMax = 8;

/** Throws in words for whoever imports: where it is, what is wrong. */
export function checkedTable(value: unknown): PriceTable {
  const table = members(value, "the price table", ["source", "date", "dateMs", "providers"]);
  need(typeof table["source"] === "string", "the price table", "has no source");
  const { date, dateMs } = table;
  const day = typeof date === "string" ? Date.parse(`${date}T00:00:00Z`) : Number.NaN;
  const isDay = day > 0 && new Date(day).toISOString().startsWith(`${date}T`);
  need(isDay, "the price table", "has no date, such as 2026-11-27");
  need(dateMs === day, "the price table", `dateMs is not the first millisecond of ${date}`);
  const providers = members(table["providers"], "the price table's providers");
  need(Object.keys(providers).length > 0, "the price table", "has no providers");
  for (const [name, each] of Object.entries(providers)) checkProvider(name, each, providers);
  return value as PriceTable;
}

function checkProvider(name: string, value: unknown, all: Readonly<Record<string, unknown>>): void {
  const { others, models } = members(value, name, ["others", "models"]);
  need(
    Array.isArray(others) && others.every((each) => Object.hasOwn(all, each)),
    name,
    "others: names no provider of the table",
  );
  need(Array.isArray(models), name, "models: is no list");
  for (const [index, line] of (models as readonly unknown[]).entries()) {
    const at = `${name} line ${index + 1}`;
    need(typeof line === "string", at, "is no text");
    let parts: unknown;
    try {
      parts = JSON.parse(line as string);
    } catch {
      need(false, at, "is not JSON");
    }
    checkLine(at, parts);
  }
}

function checkLine(at: string, value: unknown): void {
  need(
    Array.isArray(value) && value.length >= 4 && value.length <= 5,
    at,
    "is not [name, rules, context, rates, changes]",
  );
  const [id, rules, window, rates, changes = []] = value as readonly unknown[];
  need(typeof id === "string" && id !== "", at, "has no name");
  const where = `${at} (${String(id).slice(0, 64)})`;
  need(Array.isArray(rules), where, "rules: is no list");
  checkRule(where, rules, 0);
  need(Number.isSafeInteger(window) && (window as number) >= 0, where, "context: is no whole number");
  checkRates(where, rates, ["tiers"]);
  need(Array.isArray(changes), where, "changes: is no list");
  for (const change of changes as readonly unknown[]) {
    const { from, daily } = checkRates(where, change, ["tiers", "from", "daily"]);
    const isDaily = Array.isArray(daily) && daily.length === 2 && daily.every((ms) => isWhole(ms, dayMs));
    need(
      from === undefined ? isDaily : daily === undefined && isWhole(from),
      where,
      "a change has neither from nor daily",
    );
  }
}

function checkRates(at: string, value: unknown, more: readonly string[]): Readonly<Record<string, unknown>> {
  const rates = members(value, at, [...rateScales.keys(), ...more]);
  for (const [name, scale] of rateScales) {
    const rate = rates[name];
    if (rate !== undefined) need(isWhole(rate, most[scale]), at, `${name}: ${JSON.stringify(rate)} is no price`);
  }
  const { tiers } = rates;
  if (tiers === undefined) return rates;
  need(Array.isArray(tiers), at, "tiers: is no list");
  let below = 0;
  for (const tier of tiers as readonly unknown[]) {
    const { above } = checkRates(at, tier, ["above"]);
    need(isWhole(above) && (above as number) > below, at, "tiers: are not in order of above");
    below = above as number;
  }
  return rates;
}

function checkRule(at: string, rule: unknown, depth: number): void {
  if (typeof rule !== "string") {
    const all = Array.isArray(rule) ? rule : isObject(rule) && Array.isArray(rule["or"]) ? rule["or"] : undefined;
    need(all !== undefined && depth < ruleDepthMax, at, "rules: is no rule");
    for (const each of all as readonly unknown[]) checkRule(at, each, depth + 1);
    return;
  }
  need(/^[=^*$/]./.test(rule), at, `rules: ${JSON.stringify(rule.slice(0, 64))} is no rule`);
  if (!rule.startsWith("/")) return;
  try {
    new RegExp(rule.slice(1));
  } catch {
    need(false, at, `rules: ${JSON.stringify(rule.slice(0, 64))} is no regular expression`);
  }
}

function members(value: unknown, at: string, known?: readonly string[]): Readonly<Record<string, unknown>> {
  need(isObject(value) && !Array.isArray(value), at, "is no object");
  const found = value as Readonly<Record<string, unknown>>;
  const strange = known === undefined ? undefined : Object.keys(found).find((name) => !known.includes(name));
  if (strange !== undefined) need(false, at, `${JSON.stringify(strange.slice(0, 64))} is not known here`);
  return found;
}

function isWhole(value: unknown, max = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

function need(holds: boolean, at: string, what: string): void {
  if (!holds) throw new Error(`${at}: ${what}`);
}
