/**
 * Adjusting entries into the sums of the log. Hides that ledger and log are two files: what an adjustment has yet to add
 * to the sums is noted with its entries, the log notes in one transaction what it added and of which note that was, and
 * only then is the note taken away. A crash anywhere leaves a note, and whoever comes next finishes it, once.
 */

import { pairOf } from "../../pipeline/labels.ts";
import type { KnownRow } from "../../store/awaited-costs.ts";
import { type KeyOwners, ownersOf } from "../../store/key-owners.ts";
import { settlementFlag } from "../../store/rows.ts";
import type { SumBatch } from "../../store/traffic-writer.ts";
import type { StoreAccess } from "./store-access.ts";

export type Sums = (batch: SumBatch) => Promise<unknown>;

/** One caller at a time. */
export async function finishSums(access: StoreAccess, sums: Sums, actor: string): Promise<void> {
  const notes = access.database().prepare("SELECT id, first_seq, last_seq FROM unsummed ORDER BY id").all() as {
    id: number;
    first_seq: number;
    last_seq: number;
  }[];
  for (const { id, first_seq: first, last_seq: last } of notes) {
    const entries = access
      .database()
      .prepare(
        `SELECT json_extract(record, '$.request') AS id, cost_nano AS nano, at, key_id AS keyId, scopes,
         json_extract(record, '$.target') AS target, json_extract(record, '$.model') AS model FROM records
         WHERE seq BETWEEN ? AND ? AND (flags & ?) <> 0 ORDER BY seq`,
      )
      .all(first, last, settlementFlag.adjusting) as Entry[];
    await sums({ number: id, costs: withKnown(access, entries) });
    await access.execute({ kind: "summed", note: id }, actor);
  }
}

type Entry = {
  readonly id: string;
  readonly nano: number;
  readonly at: number;
  readonly keyId: number;
  readonly scopes: string;
  readonly target: string | null;
  readonly model: string | null;
};

/** Whoever paid for it and what answered, as the ledger has it: the request's row may have been taken away. */
function withKnown(access: StoreAccess, entries: readonly Entry[]): SumBatch["costs"] {
  const database = access.database();
  const names = database.prepare(
    `SELECT kind, name FROM scopes WHERE kind IN ('end_user', 'tag') AND id IN (SELECT value FROM json_each(?))`,
  );
  const owners = new Map<number, KeyOwners>();
  const named = new Map<string, Pick<KnownRow, "user" | "tags">>();
  return entries.map(({ id, nano, at, keyId, scopes, target, model }) => {
    if (!owners.has(keyId)) owners.set(keyId, ownersOf(database, keyId));
    if (!named.has(scopes))
      named.set(scopes, namedIn(names.all(`[${scopes}]`) as { readonly kind: string; readonly name: string }[]));
    const { team, customer, user } = owners.get(keyId)!;
    const provider = target?.split("/", 1)[0] ?? null;
    const bare = { at, key_id: keyId, target, provider, model: model ?? target, team, customer };
    return { id, nano, known: { ...bare, user, ...named.get(scopes) } };
  });
}

function namedIn(scopes: readonly { readonly kind: string; readonly name: string }[]): Pick<KnownRow, "user" | "tags"> {
  const user = scopes.find(({ kind }) => kind === "end_user");
  const tags = scopes.filter(({ kind }) => kind === "tag").map(({ name }) => pairOf(name));
  return {
    ...(user === undefined ? {} : { user: user.name }),
    ...(tags.length === 0 ? {} : { tags: JSON.stringify(Object.fromEntries(tags)) }),
  };
}
