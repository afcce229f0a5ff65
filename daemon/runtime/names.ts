/**
 * End users and tags that requests name: found, or made when nothing is known of them and the config says what each
 * may do. Hides that a scope is on the disk and in the shared tables before a worker hears of it, and what happens to
 * names too many: they share one scope, so that none is free of limits.
 */
import { idPrefixes } from "../admin/services/owner-rows.ts";
import type { Turns } from "../admin/services/turns.ts";
import type { GovernanceData, NameRules } from "../config/governance-data.ts";
import type { NameKind } from "../governance/names.ts";
import type { Log } from "../log.ts";
import type { Database } from "../store/database.ts";
import { declareActor } from "../store/declare.ts";
import { isNamed } from "../store/definitions.ts";
import { newPublicId } from "./public-id.ts";
import type { SharedMemory } from "./shared-memory.ts";
import type { StoreThreads } from "./store-threads.ts";

export type NameService = {
  /** 0: nothing is counted for it. */
  find(kind: NameKind, name: string): Promise<number>;
  use(data: GovernanceData | undefined): void;
};

export type NameServiceOptions = {
  readonly database: () => Database;
  readonly store: StoreThreads;
  readonly memory: SharedMemory;
  readonly inTurn: Turns;
  readonly log: Log;
};

/** What is left over shares this name, which no request can send: it begins with a bracket. */
const others = "[others]";
/** How many idle names are looked for at once when there are too many, and how often at most. */
const sweepRows = 1_000;
const sweepMsMin = 60_000;

export function createNameService({ database, store, memory, inTurn, log }: NameServiceOptions): NameService {
  let rules: Readonly<Record<NameKind, NameRules | undefined>> = { end_user: undefined, tag: undefined };
  const sweptAt: Record<NameKind, number> = { end_user: 0, tag: 0 };
  const counts: Record<NameKind, number | undefined> = { end_user: undefined, tag: undefined };
  const one = (sql: string, ...values: unknown[]): number | undefined =>
    database()
      .prepare(sql)
      .pluck()
      .get(...values) as number | undefined;

  async function find(kind: NameKind, name: string): Promise<number> {
    const found = look(kind, name);
    const each = rules[kind]?.each;
    if (found !== undefined || each === undefined) return found ?? 0;
    return inTurn(async () => look(kind, name) ?? make(kind, name));
  }

  function look(kind: NameKind, name: string): number | undefined {
    return one(`SELECT id FROM scopes WHERE kind = ? AND name = ? AND ${isNamed}`, kind, name);
  }

  async function make(kind: NameKind, asked: string): Promise<number> {
    const { keptMax, each } = rules[kind]!;
    counts[kind] ??= one(`SELECT count(*) FROM scopes WHERE kind = ? AND ${isNamed}`, kind) ?? 0;
    if (counts[kind] >= keptMax) await sweep(kind);
    const name = counts[kind]! >= keptMax ? others : asked;
    const shared = name === others ? look(kind, others) : undefined;
    if (shared !== undefined) return shared;
    const publicId = newPublicId(idPrefixes[kind]);
    const result = await store.commands.execute(
      { kind: "create_scope", scopeKind: kind, publicId, name, source: "runtime", ...each! },
      declareActor,
    );
    memory.apply(result);
    counts[kind]!++;
    return result.scopes[0]!.id;
  }

  /** Lets go of names whose windows have ended and that nobody uses: no money is forgotten with them. */
  async function sweep(kind: NameKind): Promise<void> {
    const now = Date.now();
    if (now - sweptAt[kind] < sweepMsMin) return;
    sweptAt[kind] = now;
    const oldest = database()
      .prepare(`SELECT id FROM scopes WHERE kind = ? AND ${isNamed} AND source = 'runtime' AND name <> ? LIMIT ?`)
      .pluck()
      .all(kind, others, sweepRows) as number[];
    const idle = oldest.filter((id) => isIdle(id, now));
    for (const scopeId of idle) await store.commands.execute({ kind: "delete_scope", scopeId }, declareActor);
    memory.apply({ deletedScopes: idle });
    counts[kind] = (counts[kind] ?? idle.length) - idle.length;
    log.info("names without use were let go of", { kind, names: idle.length });
  }

  function isIdle(id: number, now: number): boolean {
    const state = memory.peek(id, now);
    if (state === undefined) return true;
    if (state.inFlight > 0 || state.heldNano > 0) return false;
    return state.budgets.every(({ spentNano }) => spentNano === 0) && state.limits.every(({ used }) => used === 0);
  }

  function use(data: GovernanceData | undefined): void {
    rules = { end_user: data?.endUsers, tag: data?.tags };
    const said = (wanted: NameRules | undefined) => wanted && { header: wanted.header, required: wanted.required };
    const [endUser, tag] = [said(data?.endUsers), said(data?.tags)];
    memory.name({ ...(endUser === undefined ? {} : { end_user: endUser }), ...(tag === undefined ? {} : { tag }) });
  }

  return { find, use };
}
