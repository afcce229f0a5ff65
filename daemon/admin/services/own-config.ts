/**
 * Routing rules and prices that are the database's own: made, shown beside the config file's, changed, removed. Hides
 * that each is checked as the file's are, is durable before it is in force, and is taken back where it cannot be put to use.
 */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { GenerationData } from "../../config/generation.ts";
import { disabledFault, type OwnEntry, withOwn } from "../../config/own-config.ts";
import { nearest } from "../../config/problems.ts";
import { readOwn, type StoredOwn } from "../../store/own-config.ts";
import type { Action, OwnConfigServices } from "../admin-services.ts";
import type { OwnListQuery, OwnPage } from "../contract/routing.ts";
import { assertMatch, etagOf } from "./governance.ts";
import { assertOneOrder, noCursor } from "./list-order.ts";
import { filePrices, fileRules, viewPrice, viewRule } from "./own-view.ts";
import type { StoreAccess } from "./store-access.ts";
import { createTurns } from "./turns.ts";

export type OwnConfigOptions = {
  readonly access: StoreAccess;
  readonly publicId: (prefix: string) => string;
  /** The config without what is the database's own; undefined: there is none that could be checked against. */
  readonly ofFile: () => Promise<GenerationData>;
  /** In force for every worker when it resolves. */
  readonly use: (entries: readonly OwnEntry[]) => Promise<void>;
  /** How often each rule held and could not be evaluated, by name. */
  readonly counts: () => ReadonlyMap<string, { readonly held: number; readonly errors: number }>;
};

type Kind = OwnEntry["kind"];
type Fields = Readonly<Record<string, unknown>>;

const prefixes: Readonly<Record<Kind, string>> = { rule: "rule_", price: "price_" };
const nouns: Readonly<Record<Kind, string>> = { rule: "routing rule", price: "price override" };
const entriesMax = 500;
const pageDefault = 100;

export function createOwnConfigService(options: OwnConfigOptions): OwnConfigServices {
  const { access, ofFile, use } = options;
  const inTurn = createTurns();
  const rows = (): readonly StoredOwn[] => readOwn(access.database());
  const namesOf = (kind: Kind, data: GenerationData): readonly string[] =>
    kind === "rule" ? data.routing.rules.map(({ name }) => name) : data.prices.map(({ match }) => match);

  async function find(kind: Kind, reference: string): Promise<StoredOwn> {
    const ours = rows().filter((row) => row.kind === kind);
    const found = ours.find(({ id, name }) => (reference.startsWith(prefixes[kind]) ? id : name) === reference);
    if (found !== undefined) return found;
    const ofTheFile = namesOf(kind, await ofFile());
    if (ofTheFile.includes(reference))
      throw new GatewayError(
        "conflict",
        `${nouns[kind]} "${reference}" is declared in the config file: change it there`,
      );
    const near = nearest(reference, [...ours.map(({ name }) => name), ...ofTheFile]);
    const hint = near === undefined ? "" : ` (did you mean "${near}"?)`;
    throw new GatewayError("not_found", `there is no ${nouns[kind]} "${reference}"${hint}`, { param: kind });
  }

  /** Refuses what the file could not say either. A disabled rule is sound. */
  async function check(entry: OwnEntry, name: string): Promise<void> {
    const data = await ofFile();
    const isTaken = rows().some((row) => row.kind === entry.kind && row.name === name && row.id !== entry.id);
    if (isTaken || namesOf(entry.kind, data).includes(name)) {
      const where = isTaken ? "" : " in the config file";
      throw new GatewayError("conflict", `there is a ${nouns[entry.kind]} "${name}" already${where}`, {
        param: entry.kind === "rule" ? "name" : "match",
      });
    }
    if (entry.kind === "price" && Object.keys(entry.fields).every((field) => field === "description"))
      throw new GatewayError("invalid_request", '"price": says no price', { param: "price" });
    const fault = (await withOwn(data, [entry])).faults.get(entry.id);
    if (fault === undefined || fault === disabledFault) return;
    const [, param = entry.kind] = /^"(\w+)/.exec(fault) ?? [];
    throw new GatewayError("invalid_request", fault, { param });
  }

  /** Disk first: what a client is told is there, a restart must not take away. */
  async function put(entry: OwnEntry, before: StoredOwn | undefined, action: Action): Promise<StoredOwn> {
    const store = ({ id: publicId, kind, name, fields }: OwnEntry) =>
      access.execute({ kind: "put_own", publicId, entry: kind, name, fields }, action.actor);
    await store(entry);
    action.recorded();
    try {
      await use(rows());
    } catch (error) {
      await (before === undefined
        ? access.execute({ kind: "delete_own", publicId: entry.id }, action.actor)
        : store(before));
      throw error;
    }
    return find(entry.kind, entry.id);
  }

  async function create(kind: Kind, name: string, fields: Fields, action: Action): Promise<StoredOwn> {
    if (rows().filter((row) => row.kind === kind).length >= entriesMax)
      throw new GatewayError("conflict", `there are ${entriesMax} of them; remove some first`);
    const entry = { id: options.publicId(prefixes[kind]), kind, name, fields: said(fields) };
    await check(entry, name);
    return put(entry, undefined, action);
  }

  async function update(kind: Kind, reference: string, name: string | undefined, change: Fields, action: Action) {
    const before = await find(kind, reference);
    assertMatch(action, etagOf(before.change));
    const entry = { ...before, name: name ?? before.name, fields: said({ ...before.fields, ...change }) };
    await check(entry, entry.name);
    return put(entry, before, action);
  }

  async function remove(kind: Kind, reference: string, action: Action): Promise<StoredOwn> {
    const found = await find(kind, reference);
    assertMatch(action, etagOf(found.change));
    await access.execute({ kind: "delete_own", publicId: found.id }, action.actor);
    action.recorded();
    await use(rows());
    return found;
  }

  async function faults(): Promise<ReadonlyMap<string, string>> {
    return (await withOwn(await ofFile(), rows())).faults;
  }

  const ruleView = async (row: StoredOwn) => ({
    rule: viewRule(row, (await faults()).get(row.id), options.counts().get(row.name)),
  });
  const priceView = async (row: StoredOwn) => ({ override: viewPrice(row, (await faults()).get(row.id)) });
  return {
    rules: {
      async list(query) {
        const [data, wrong, counts] = [await ofFile(), await faults(), options.counts()];
        const ours = rows().filter(({ kind }) => kind === "rule");
        const all = [
          ...fileRules(data, counts),
          ...ours.map((row) => viewRule(row, wrong.get(row.id), counts.get(row.name))),
        ];
        const { items, ...page } = paged(all, query, ({ name }) => name, { priority: (rule) => rule.priority });
        return { rules: items, ...page };
      },
      async show(reference) {
        const ofTheFile = fileRules(await ofFile(), options.counts()).find(({ name }) => name === reference);
        return ofTheFile === undefined ? ruleView(await find("rule", reference)) : { rule: ofTheFile };
      },
      create: ({ name, ...fields }, action) => inTurn(async () => ruleView(await create("rule", name, fields, action))),
      update: (reference, { name, ...fields }, action) =>
        inTurn(async () => ruleView(await update("rule", reference, name, fields, action))),
      remove: (reference, action) =>
        inTurn(async () => ({ rule: viewRule(await remove("rule", reference, action), "is removed", undefined) })),
    },
    prices: {
      async list(query) {
        const wrong = await faults();
        const ours = rows().filter(({ kind }) => kind === "price");
        const all = [...filePrices(await ofFile()), ...ours.map((row) => viewPrice(row, wrong.get(row.id)))];
        const { items, ...page } = paged(all, query, ({ match }) => match, {});
        return { overrides: items, ...page };
      },
      async show(reference) {
        const ofTheFile = filePrices(await ofFile()).find(({ match }) => match === reference);
        return ofTheFile === undefined ? priceView(await find("price", reference)) : { override: ofTheFile };
      },
      create: ({ match, description, price }, action) =>
        inTurn(async () => priceView(await create("price", match, { description, ...price }, action))),
      update: (reference, { match, description, price }, action) =>
        inTurn(async () => {
          const change = { ...price, ...(description === undefined ? {} : { description }) };
          return priceView(await update("price", reference, match, change, action));
        }),
      remove: (reference, action) =>
        inTurn(async () => ({ override: viewPrice(await remove("price", reference, action), "is removed") })),
    },
  };
}

/** Null takes away. */
function said(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));
}

function paged<Item extends { readonly id: string | null }>(
  all: readonly Item[],
  query: OwnListQuery,
  nameOf: (item: Item) => string,
  numbers: Readonly<Record<string, (item: Item) => number>>,
): OwnPage & { readonly items: readonly Item[] } {
  const { limit = pageDefault, after, offset, search, sort_by: by, order } = query;
  const hasCursor = assertOneOrder(query);
  const wanted = search?.toLowerCase();
  const found = all.filter(
    (item) => wanted === undefined || nameOf(item).toLowerCase().includes(wanted) || item.id?.includes(wanted) === true,
  );
  const number = by === undefined ? undefined : numbers[by];
  const compare = (a: Item, b: Item): number =>
    number === undefined ? (nameOf(a) < nameOf(b) ? -1 : 1) : number(a) - number(b);
  const sorted = by === undefined ? [...found] : found.toSorted(compare);
  if (order === "desc") sorted.reverse();
  // Names are given once: the last one of a page says where the next begins.
  const last = after === undefined ? -1 : sorted.findIndex((item) => nameOf(item) === after);
  if (after !== undefined && last === -1) throw noCursor();
  const from = offset ?? last + 1;
  const items = sorted.slice(from, from + limit);
  const next = hasCursor && from + limit < sorted.length ? nameOf(items.at(-1)!) : null;
  return { items, count: items.length, total_count: found.length, limit, offset: offset ?? 0, next };
}
