/**
 * Which models are known, what they cost and how much they hold. Hides the library's table (data.json, written by
 * tools/make-catalog.ts), its match rules, its price changes over time, and the overrides from the config.
 */
import { type Capability, capabilitiesOf, type ModelFacts } from "./capabilities.ts";
import builtIn from "./data.json" with { type: "json" };
import { dashedDate, type MatchRule, matches } from "./match.ts";
import { outputMaxOf } from "./output-max.ts";
import { pageModel, pageRates } from "./page-rates.ts";
import {
  echoPaidPrice,
  freePrice,
  isEmpty,
  overridden,
  type Price,
  type PriceOverride,
  type Rates,
  type Tier,
} from "./price.ts";
import { containerRateOf, requestSizes, searchFee, serverToolRates } from "./server-tools.ts";
import { none, serviceShares } from "./service-tiers.ts";

export type { Price } from "./price.ts";

export type Catalog = {
  /** Day of the price table, `YYYY-MM-DD`. */
  readonly date: string;
  /** `atMs` chooses among prices that change with the date or the hour; without it, those of the table's day at 00:00 UTC. */
  price(provider: string, model: string, atMs?: number): Price | undefined;
  /** Names of the known models, in the table's order. One row may mean more names than its own: see `knows`. */
  models(provider: string): readonly string[];
  /** A row of this provider fits the name: also dated names and other spellings, which `models` does not list. */
  knows(provider: string, model: string): boolean;
  /** Tokens. */
  contextWindow(provider: string, model: string): number | undefined;
  /** Tokens. */
  outputMax(provider: string, model: string): number | undefined;
  /** What it can do, in alphabetical order; undefined: nothing is known. */
  capabilities(provider: string, model: string): readonly Capability[] | undefined;
};

/** Names that a person may give a host, and the table's own. Nothing is guessed from a part of a name. */
const synonyms: Readonly<Record<string, string>> = {
  bedrock: "aws",
  gemini: "google",
  vertex: "google",
  "google-vertex": "google",
  "azure-openai": "azure",
  xai: "x-ai",
  moonshot: "moonshotai",
  together_ai: "together",
  fireworks_ai: "fireworks",
  voyage: "voyageai",
};

/** Remembered look-ups. Names come from callers, so the memory is bounded; beyond it, it starts over. */
const rememberedMax = 2_000;
/** Bytes; a longer model name is nobody's. */
const nameLengthMax = 256;
const dayMs = 86_400_000;

/**
 * `hosts` says what a configured provider is: `{ "openai-eu": "openai" }`. A name that is not in it is its own host.
 * Throws `RangeError` for an override whose price is out of bounds.
 */
export function openCatalog(
  overrides: readonly PriceOverride[],
  hosts: Readonly<Record<string, string>> = {},
  facts: readonly ModelFacts[] = [],
): Catalog {
  for (const override of overrides) overridden(undefined, override);
  const remembered = new Map<string, Map<string, Entry>>();
  let count = 0;

  function entry(provider: string, model: string): Entry {
    const known = remembered.get(provider)?.get(model);
    if (known !== undefined) return known;
    if (count >= rememberedMax) {
      remembered.clear();
      count = 0;
    }
    const made = makeEntry(provider, model, hostOf(provider), overrides);
    let models = remembered.get(provider);
    if (models === undefined) {
      models = new Map();
      remembered.set(provider, models);
    }
    models.set(model, made);
    count += 1;
    return made;
  }

  function factsOf(provider: string, model: string): ModelFacts | undefined {
    return facts.length === 0 ? undefined : firstOverride(facts, `${provider}/${model}`);
  }

  function hostOf(provider: string): string {
    return Object.hasOwn(hosts, provider) ? (hosts[provider] ?? provider) : provider;
  }

  return {
    date: data.date,
    price: (provider, model, atMs = data.dateMs) => {
      const { price, changes } = entry(provider, model);
      return changes === undefined ? price : inForce(price, changes, atMs);
    },
    models: (provider) => modelNames(hostOf(provider)),
    knows: (provider, model) => entry(provider, model).inTable,
    contextWindow: (provider, model) => factsOf(provider, model)?.context ?? entry(provider, model).contextWindow,
    outputMax: (provider, model) => factsOf(provider, model)?.outputMax ?? outputMaxOf(hostOf(provider), model),
    capabilities: (provider, model) => capabilitiesOf(model, entry(provider, model).price, factsOf(provider, model)),
  };
}

/** A price that begins on a day, or holds between two times of every day (the second may be on the morrow). */
type Change =
  | { readonly price: Price; readonly from: number }
  | { readonly price: Price; readonly daily: readonly number[] };

type Entry = {
  readonly price: Price | undefined;
  readonly changes: readonly Change[] | undefined;
  readonly contextWindow: number | undefined;
  readonly inTable: boolean;
};

type Line = readonly [
  id: string,
  rules: readonly MatchRule[],
  contextWindow: number,
  rates: LineRates,
  changes?: readonly (LineRates & { readonly from?: number; readonly daily?: readonly number[] })[],
];
type LineRates = Rates & { readonly tiers?: readonly (Rates & { readonly above: number })[] };
/** `models` are lines as JSON text, so that a thread pays only for the providers it asks about. */
type TableProvider = { readonly others: readonly string[]; readonly models: readonly string[] };

/** A table of the form of data.json. */
export type PriceTable = {
  readonly source: string;
  readonly date: string;
  readonly dateMs: number;
  readonly providers: Readonly<Record<string, TableProvider>>;
};

let data: PriceTable = builtIn;
const parsed = new Map<string, readonly Line[]>();

/** Day of the table that this program came with. */
export const builtInDate: string = builtIn.date;

/** Catalogs that are opened from now on read this one; undefined: the built-in. Throws where it is no such table. */
export function replaceTable(table: PriceTable | undefined): void {
  if (table !== undefined) checkTable(table);
  data = table ?? builtIn;
  parsed.clear();
}

function checkTable({ source, date, dateMs, providers }: PriceTable): void {
  const isDay = /^\d{4}-\d\d-\d\d$/.test(date) && Number.isSafeInteger(dateMs) && dateMs > 0;
  if (typeof source !== "string" || !isDay || typeof providers !== "object" || providers === null)
    throw new TypeError("this is no price table");
  for (const [name, { others, models }] of Object.entries(providers)) {
    const isList = Array.isArray(others) && others.every((other) => typeof other === "string") && Array.isArray(models);
    const lines = isList ? (JSON.parse(`[${models.join(",")}]`) as readonly Line[]) : undefined;
    const isWhole = lines?.every(
      ([id, rules, window, rates]) =>
        typeof id === "string" && Array.isArray(rules) && Number.isSafeInteger(window) && typeof rates === "object",
    );
    if (isWhole !== true) throw new TypeError(`the price table is damaged at ${name}`);
    for (const line of lines ?? []) toPrice(line[3]);
  }
}

/** Of the built-in echo; large enough for any test, small enough that an unknown prompt has a price. */
const echoContextWindow = 200_000;
const echoEntries: Readonly<Record<string, Entry>> = {
  echo: { price: freePrice, changes: undefined, contextWindow: echoContextWindow, inTable: true },
  "echo-paid": { price: echoPaidPrice, changes: undefined, contextWindow: echoContextWindow, inTable: true },
};

const unknownEntry: Entry = { price: undefined, changes: undefined, contextWindow: undefined, inTable: false };

function makeEntry(provider: string, model: string, host: string, overrides: readonly PriceOverride[]): Entry {
  const override = firstOverride(overrides, `${provider}/${model}`);
  const found = Object.hasOwn(echoEntries, host) ? echoEntries[host] : tableEntry(host, model);
  if (override === undefined) return found ?? unknownEntry;
  return {
    price: overridden(found?.price, override),
    changes: found?.changes?.map((change) => ({ ...change, price: overridden(change.price, override) })),
    contextWindow: found?.contextWindow,
    inTable: found !== undefined,
  };
}

/** Of no model: what the provider keeps may cost all the same. */
function containerEntry(id: string): Entry | undefined {
  const container = containerRateOf(id);
  if (container === undefined) return undefined;
  return { price: { container, tiers: [] }, changes: undefined, contextWindow: undefined, inTable: false };
}

function tableEntry(host: string, model: string): Entry | undefined {
  if (model.length > nameLengthMax) return undefined;
  const [id, written] = placeOf(host, model);
  const name = pageModel(id, written);
  const dashed = dashedDate(name);
  const line = findLine(id, name) ?? (dashed === undefined ? undefined : findLine(id, dashed));
  if (line === undefined) return name === "*" ? containerEntry(id) : undefined;
  const [row, , contextWindow, rates, changes] = line;
  const shares = serviceShares(id);
  const toolRates = serverToolRates(id, model);
  const fee = searchFee(id, model);
  // What writes no words runs no tools.
  const withTool = <Known extends LineRates>(known: Known): Known =>
    toolRates.serverTool === undefined || known.output === undefined ? known : { ...toolRates, ...known, ...fee };
  const whole = <Known extends Price | undefined>(known: Known): Known => withSizes(withShares(known, shares), id);
  return {
    price: whole(toPrice({ ...pageRates(id, row), ...withTool(rates) })),
    changes: changes
      ?.map((change) => toChange(withTool(change)))
      .map((change) => ({ ...change, price: whole(change.price) })),
    contextWindow: contextWindow === 0 ? undefined : contextWindow,
    inTable: true,
  };
}

/** Hugging Face's router asks whoever a name says behind its colon, each at prices of its own. */
function placeOf(host: string, model: string): readonly [id: string, name: string] {
  const colon = model.lastIndexOf(":");
  const server = `${host}_${model.slice(colon + 1)}`;
  if (host === "huggingface" && tableProvider(server) !== undefined) return [server, model.slice(0, colon)];
  return [tableId(host), model];
}

/** The first row whose rules hold, as in the library; clouds that resell look the name up among the makers' rows. */
function findLine(id: string, model: string): Line | undefined {
  const lower = model.toLowerCase();
  for (const each of [id, ...(tableProvider(id)?.others ?? [])]) {
    const line = linesOf(each).find(([, rules]) => rules.some((rule) => matches(rule, model, lower)));
    if (line !== undefined) return line;
  }
  return undefined;
}

function linesOf(id: string): readonly Line[] {
  const known = parsed.get(id);
  if (known !== undefined) return known;
  const provider = tableProvider(id);
  if (provider === undefined) return [];
  const lines = JSON.parse(`[${provider.models.join(",")}]`) as readonly Line[];
  parsed.set(id, lines);
  return lines;
}

function tableProvider(id: string): TableProvider | undefined {
  return Object.hasOwn(data.providers, id) ? data.providers[id] : undefined;
}

function tableId(host: string): string {
  return Object.hasOwn(synonyms, host) ? (synonyms[host] ?? host) : host;
}

function modelNames(host: string): readonly string[] {
  return Object.hasOwn(echoEntries, host) ? [host] : linesOf(tableId(host)).map((line) => line[0]);
}

function toPrice(rates: LineRates, effectiveFrom?: number): Price | undefined {
  const { tiers: steps = [], ...base } = rates;
  if (isEmpty(base)) return undefined;
  const tiers: Tier[] = [];
  let below: Rates = base;
  for (const step of steps) {
    const tier = { ...below, ...step };
    tiers.push(tier);
    below = tier;
  }
  return effectiveFrom === undefined ? { ...base, tiers } : { ...base, tiers, effectiveFrom };
}

function withShares<Known extends Price | undefined>(price: Known, shares: Readonly<Record<string, number>>): Known {
  return price === undefined || shares === none ? price : { ...price, serviceShares: shares };
}

function withSizes<Known extends Price | undefined>(price: Known, provider: string): Known {
  const sizes = requestSizes(provider, price?.request);
  return price === undefined || sizes === undefined ? price : { ...price, requestSizes: sizes };
}

function toChange(change: LineRates & { readonly from?: number; readonly daily?: readonly number[] }): Change {
  const { from, daily, ...rates } = change;
  const price = toPrice(rates, from) ?? { tiers: [] };
  return from === undefined ? { price, daily: daily ?? [] } : { price, from };
}

/** The last change that applies wins; before the first, the price the row began with. */
function inForce(first: Price | undefined, changes: readonly Change[], atMs: number): Price | undefined {
  for (let index = changes.length - 1; index >= 0; index--) {
    const change = changes[index];
    if (change !== undefined && applies(change, atMs)) return change.price;
  }
  return first;
}

function applies(change: Change, atMs: number): boolean {
  if ("from" in change) return atMs >= change.from;
  const [start = 0, end = 0] = change.daily;
  const time = atMs % dayMs;
  return end < start ? time >= start || time < end : time >= start && time < end;
}

/** In the order of the config: the first that fits. */
function firstOverride<Row extends { readonly match: string }>(
  overrides: readonly Row[],
  name: string,
): Row | undefined {
  return overrides.find(({ match }) => (match.endsWith("*") ? name.startsWith(match.slice(0, -1)) : match === name));
}
