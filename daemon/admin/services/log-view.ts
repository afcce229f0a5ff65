/** Rows of the log and filters over it, between the database's words and the API's: names for ids, flags for people. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import { isNamed } from "../../store/definitions.ts";
import { type KeyOwners, ownersOf } from "../../store/key-owners.ts";
import {
  decisionOf,
  type LogFilter,
  listOf,
  readTools,
  type StatusRange,
  type OneOrMore as StoredOneOrMore,
} from "../../store/log-filter.ts";
import type { ContentRow } from "../../store/request-log.ts";
import { readTags } from "../../store/rollup-groups.ts";
import { requestColumns, requestFlag, requestWidth, settlementFlag } from "../../store/rows.ts";
import type { RowValue } from "../../store/sender.ts";
import type { Reach } from "../admin-services.ts";
import type { ContentLevel, LogContent, LogFilterQuery, LogFlag, LogRow, OneOrMore } from "../contract/logs.ts";
import type { StoreAccess } from "./store-access.ts";

export const flagBits: Readonly<Record<LogFlag, number>> = {
  estimated: settlementFlag.estimated,
  unpriced: settlementFlag.unpriced,
  recovered: settlementFlag.recovered,
  unheld: settlementFlag.unheld,
  truncated: requestFlag.truncated,
  fallback: requestFlag.fallback,
};
const levels: readonly ContentLevel[] = ["off", "metadata", "full"];

/** Gives back what was offloaded: the two texts as they were kept. */
export type ObjectReader = (
  object: string,
) => Promise<{ readonly request: string | null; readonly response: string | null }>;

export type KeyName = { readonly publicId: string; readonly name: string };
export type Names = {
  key(id: number): KeyName | undefined;
  owners(keyId: number): KeyOwners;
  /** Of a customer, team or user, by public id. */
  owner(publicId: string): string | undefined;
  /** By public id or name; what is neither comes back as it is. */
  ownerId(kind: "customer" | "team", owner: string): string;
  /** By public id or name; throws `not_found`. */
  keyId(key: string): number;
};

/** Keys looked up are remembered so long, since a live list asks for the same few again and again. */
const namesMs = 2_000;
const namesMax = 10_000;

export function createNames(access: Pick<StoreAccess, "database">): Names {
  const known = new Map<number, KeyName | undefined>();
  const owned = new Map<number, KeyOwners>();
  let forgetAt = 0;
  function forget(): void {
    if (performance.now() <= forgetAt && known.size <= namesMax) return;
    known.clear();
    owned.clear();
    forgetAt = performance.now() + namesMs;
  }
  const text = (sql: string, ...values: string[]): string | undefined =>
    access
      .database()
      .prepare(sql)
      .pluck()
      .get(...values) as string | undefined;
  return {
    owners(keyId) {
      forget();
      let found = owned.get(keyId);
      if (found === undefined) {
        found = ownersOf(access.database(), keyId);
        owned.set(keyId, found);
      }
      return found;
    },
    owner: (publicId) => text("SELECT name FROM scopes WHERE public_id = ?", publicId),
    ownerId: (kind, owner) =>
      text(`SELECT public_id FROM scopes WHERE kind = ? AND name = ? AND ${isNamed}`, kind, owner) ?? owner,
    key(id) {
      forget();
      if (known.has(id)) return known.get(id);
      const row = access.database().prepare("SELECT public_id, name FROM keys WHERE id = ?").get(id) as
        | { public_id: string; name: string }
        | undefined;
      const name = row === undefined ? undefined : { publicId: row.public_id, name: row.name };
      known.set(id, name);
      return name;
    },
    keyId(key) {
      const column = key.startsWith("key_") ? "public_id" : "name";
      const id = access.database().prepare(`SELECT id FROM keys WHERE ${column} = ? ORDER BY id DESC`).pluck().get(key);
      if (typeof id !== "number") throw new GatewayError("not_found", `there is no key "${key}"`, { param: "key" });
      return id;
    },
  };
}

export function viewRow(row: Readonly<Record<string, RowValue>>, names: Names): LogRow {
  const key = row["key_id"] ? names.key(row["key_id"] as number) : undefined;
  const flags = row["flags"] as number;
  const { row: _number, key_id: _key, attempts, ...rest } = row;
  return {
    ...(rest as unknown as LogRow),
    key: key?.publicId ?? null,
    key_name: key?.name ?? null,
    stream: row["stream"] === 1,
    flags: (Object.keys(flagBits) as LogFlag[]).filter((name) => (flags & flagBits[name]) !== 0),
    tags: readTags(row["tags"]),
    tools: readTools(row["tools"]),
    untold: readTools(row["untold"]),
    dropped_params: readTools(row["dropped_params"]),
    ...viewDecision(attempts),
    content: levels[Number(row["content"] ?? 0)] ?? "off",
    ...((flags & settlementFlag.provisional) === 0 ? {} : { corrected_nano: null }),
  };
}

function viewDecision(attempts: RowValue | undefined): Pick<LogRow, "rules" | "engine"> {
  const { rules = [], strategy } = decisionOf(attempts) ?? {};
  return { rules, engine: rules.length > 0 ? "rule" : strategy === undefined ? null : "strategy" };
}

/** The same of a flat row that has not been written yet, with the owners that the writer fills in. */
export function viewFlat(rows: readonly RowValue[], at: number, names: Names): LogRow {
  const row: Record<string, RowValue> = {};
  for (let index = 0; index < requestWidth; index++) row[requestColumns[index]!] = rows[at + index] ?? null;
  const owners = row["key_id"] ? names.owners(row["key_id"] as number) : undefined;
  row["team"] ??= owners?.team ?? null;
  row["customer"] ??= owners?.customer ?? null;
  row["user"] ??= owners?.user ?? null;
  return viewRow(row, names);
}

export async function viewContent(row: ContentRow, read: ObjectReader | undefined): Promise<LogContent> {
  const { problem, ...texts } = await textsOf(row, read);
  return {
    level: levels[row.level] ?? "off",
    request: texts.request,
    response: texts.response,
    headers: row.headers === null ? null : (JSON.parse(row.headers) as NonNullable<LogContent["headers"]>),
    metadata: row.metadata === null ? null : (JSON.parse(row.metadata) as Record<string, unknown>),
    truncated: row.truncated === 1,
    object: row.object,
    problem,
  };
}

/** A store that is down or has lost an object takes nothing away from what is known besides. */
async function textsOf(
  row: ContentRow,
  read: ObjectReader | undefined,
): Promise<Pick<LogContent, "request" | "response" | "problem">> {
  const { request, response, object } = row;
  if (object === null || read === undefined) return { request, response, problem: null };
  try {
    return { ...(await read(object)), problem: null };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { request: null, response: null, problem: `what was said lies in ${object} and could not be read: ${why}` };
  }
}

/** Who the user is a request may say itself: that a row names one proves nothing of whose it is. */
export function assertSeesLog(reach: Reach | undefined): void {
  if (reach?.kind !== "user") return;
  const words = "a token of a user does not see the log, where requests name their users themselves";
  throw new GatewayError("permission_denied", `${words}; take one of a team or customer`);
}

/** With a reach, of its rows alone: what is asked for by a name out of reach is not found. */
export function readFilter(query: LogFilterQuery, names: Names, reach?: Reach): LogFilter {
  const filter = filterOf(query, names);
  if (reach === undefined) return filter;
  assertSeesLog(reach);
  const { kind, publicId } = reach;
  const hidden = listOf(filter[kind] ?? publicId).findIndex((id) => id !== publicId);
  if (hidden !== -1)
    throw new GatewayError("not_found", `there is no ${kind} "${listOf(query[kind]!)[hidden]}"`, { param: kind });
  const foreign = listOf(filter.keyId ?? []).findIndex((id) => names.owners(id)[kind] !== publicId);
  if (foreign !== -1)
    throw new GatewayError("not_found", `there is no key "${listOf(query.key!)[foreign]}"`, { param: "key" });
  return { ...filter, [kind]: publicId };
}

function filterOf(query: LogFilterQuery, names: Names): LogFilter {
  return {
    id: several(query.id),
    parent: several(query.parent),
    keyId: several(query.key, names.keyId),
    team: several(query.team, (team) => names.ownerId("team", team)),
    customer: several(query.customer, (customer) => names.ownerId("customer", customer)),
    user: several(query.user),
    session: several(query.session),
    tag: several(query.tag),
    model: several(query.model),
    provider: several(query.provider),
    target: several(query.target),
    credential: several(query.credential),
    route: several(query.route),
    status: query.status === undefined ? undefined : listOf(query.status).map(statusRange),
    error: several(query.error, (error) => (error === "any" ? "*" : error)),
    rule: several(query.rule),
    engine: query.engine,
    stop: several(query.stop),
    tool: several(query.tool),
    flag: query.flag === undefined ? undefined : flagBits[query.flag],
    stream: query.stream,
    latencyMinMs: query.latency_min_ms,
    latencyMaxMs: query.latency_max_ms,
    tokensMin: query.tokens_min,
    tokensMax: query.tokens_max,
    costMinNano: query.cost_min_nano,
    costMaxNano: query.cost_max_nano,
    trace: query.trace,
    text: query.text,
    sinceMs: query.since_ms,
    untilMs: query.until_ms,
  };
}

/** One value as itself: most questions name one, and sums are kept by one. */
function several(given: OneOrMore | undefined): StoredOneOrMore<string> | undefined;
function several<Value>(
  given: OneOrMore | undefined,
  read: (text: string) => Value,
): StoredOneOrMore<Value> | undefined;
function several(given: OneOrMore | undefined, read: (text: string) => unknown = (text) => text): unknown {
  if (given === undefined) return undefined;
  const values = [...new Set(listOf(given).map(read))];
  return values.length === 1 ? values[0] : values;
}

function statusRange(status: string): StatusRange {
  if (status === "success") return [100, 399];
  if (status === "error") return [400, 599];
  const first = Number(status[0]);
  return /^[1-5]xx$/i.test(status) ? [first * 100, first * 100 + 99] : [Number(status), Number(status)];
}

/** A row's number, as where to go on from. */
export function viewCursor(row: number | undefined): string | null {
  return row === undefined ? null : String(row);
}

export function readCursor(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new GatewayError("invalid_request", `"${text}" is no place in the log`, { param: "before" });
  return value;
}
