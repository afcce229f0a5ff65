/** Reads `records` for tests: the eight columns that a settlement brings, in order. */
import { stateFile } from "../../../daemon/store/boot.ts";
import { openDatabase } from "../../../daemon/store/database.ts";

export function readRecords(home: string): unknown[][] {
  const database = openDatabase(stateFile(home), { readonly: true });
  const rows = database
    .prepare("SELECT hold_id, at, key_id, scopes, cost_nano, tokens, flags, record FROM records ORDER BY seq")
    .raw()
    .all();
  database.close();
  return rows as unknown[][];
}
