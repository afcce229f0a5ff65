/**
 * Which holds are open, and which rows of `holds` keep them on disk. Hides how a commit group becomes one packed row,
 * and that a hold settled in its own group is never written.
 */
import { type Columns, valueAt } from "./columns.ts";
import type { Database, Statement } from "./database.ts";
import { type HoldValue, holdWidth, settlementFlag } from "./rows.ts";

/** One row of `holds`: the holds of one commit group, flat, and how many of them are open. */
type Group = { readonly id: number; readonly seq: number; readonly values: readonly HoldValue[]; open: number };

/** Where a hold of this group's batches stands. */
type Place = { readonly holds: Columns; readonly row: number };

/** Rows of `holds` that are looked through, oldest first: what has been open for long stands there. */
const groupsRead = 500;

/** In a reader: the target of each of these holds, as far as it is on disk. */
export function readHoldTargets(database: Database, holdIds: readonly string[]): ReadonlyMap<string, string> {
  const wanted = new Set(holdIds);
  const targets = new Map<string, string>();
  const payloads = database.prepare(`SELECT payload FROM holds ORDER BY id LIMIT ${groupsRead}`).pluck().all();
  for (const payload of payloads as string[]) {
    const values = JSON.parse(payload) as HoldValue[];
    for (let at = 0; at < values.length; at += holdWidth) {
      const [holdId, target] = [values[at], values[at + targetColumn]];
      if (wanted.has(holdId as string) && typeof target === "string") targets.set(holdId as string, target);
    }
  }
  return targets;
}

/** Of a hold, as `rows.ts` lists them. */
const targetColumn = 7;

/** A settlement that the supervisor wrote for a dead worker may overtake the worker's own hold; so many are remembered. */
const overtakenMax = 10_000;

export class OpenHolds {
  readonly #open = new Map<string, Group>();
  readonly #groups = new Map<number, Group>();
  readonly #overtaken = new Set<string>();
  readonly #insert: Statement;
  readonly #remove: Statement;
  readonly #removeAll: Statement;
  readonly #all: Statement;
  readonly #fresh = new Map<string, Place>();
  #lastId = 0;

  constructor(database: Database) {
    this.#insert = database.prepare("INSERT INTO holds VALUES (?, ?, ?)");
    this.#remove = database.prepare("DELETE FROM holds WHERE id = ?");
    this.#removeAll = database.prepare("DELETE FROM holds");
    this.#all = database.prepare("SELECT id, seq, payload FROM holds ORDER BY id");
  }

  get count(): number {
    return this.#open.size;
  }

  /** Memory as the disk has it; then call `replay` for each record since the checkpoint. */
  load(): void {
    this.#open.clear();
    this.#groups.clear();
    this.#fresh.clear();
    this.#lastId = 0;
    for (const row of this.#all.all() as { id: number; seq: number; payload: string }[]) {
      const values = JSON.parse(row.payload) as HoldValue[];
      this.#adopt({ id: row.id, seq: row.seq, values, open: values.length / holdWidth });
    }
  }

  /** A record found on disk: it closed its hold, whose row may still hold others. */
  replay(holdId: string, seq: number): void {
    const group = this.#open.get(holdId);
    if (group === undefined || seq <= group.seq) return;
    this.#open.delete(holdId);
    group.open -= 1;
  }

  /** Holds of one batch; they are written by `write` unless `settle` comes first. */
  add(holds: Columns): void {
    for (let row = 0; row < holds.count; row += 1) {
      const holdId = valueAt(holds.values[0], row) as string;
      if (!this.#overtaken.delete(holdId)) this.#fresh.set(holdId, { holds, row });
    }
  }

  settle(holdId: string, flags: number): void {
    if (this.#fresh.delete(holdId)) return;
    const group = this.#open.get(holdId);
    if (group !== undefined) {
      this.#open.delete(holdId);
      group.open -= 1;
      if (group.open > 0) return;
      this.#groups.delete(group.id);
      this.#remove.run(group.id);
    } else if ((flags & settlementFlag.recovered) !== 0) {
      this.#remember(holdId);
    }
  }

  /** At the end of a group: what is still open becomes one row. `seq` is the chain's last record. */
  write(seq: number): void {
    if (this.#fresh.size === 0) return;
    const values: HoldValue[] = [];
    for (const { holds, row } of this.#fresh.values()) {
      for (let column = 0; column < holdWidth; column += 1) values.push(valueAt(holds.values[column], row));
    }
    this.#insertGroup(values, seq);
    this.#fresh.clear();
  }

  /** All open holds in one new row at `seq`, so that a boot reads only the records after it. */
  compact(seq: number): void {
    const values = this.values();
    this.#removeAll.run();
    this.#open.clear();
    this.#groups.clear();
    if (values.length > 0) this.#insertGroup(values, seq);
  }

  /** Every open hold, flat, oldest first. */
  values(): HoldValue[] {
    const values: HoldValue[] = [];
    for (const group of this.#groups.values()) {
      for (let at = 0; at < group.values.length; at += holdWidth) {
        if (this.#open.get(group.values[at] as string) !== group) continue;
        for (let column = 0; column < holdWidth; column += 1) values.push(group.values[at + column] ?? null);
      }
    }
    return values;
  }

  #insertGroup(values: readonly HoldValue[], seq: number): void {
    const id = this.#lastId + 1;
    this.#insert.run(id, seq, JSON.stringify(values));
    this.#adopt({ id, seq, values, open: values.length / holdWidth });
  }

  #adopt(group: Group): void {
    this.#lastId = group.id;
    this.#groups.set(group.id, group);
    for (let at = 0; at < group.values.length; at += holdWidth) this.#open.set(group.values[at] as string, group);
  }

  #remember(holdId: string): void {
    this.#overtaken.add(holdId);
    if (this.#overtaken.size <= overtakenMax) return;
    for (const oldest of this.#overtaken) {
      this.#overtaken.delete(oldest);
      return;
    }
  }
}
