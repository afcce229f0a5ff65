/** Routing rules and prices of the database, as rows. */
import type { OwnEntry } from "../config/own-config.ts";
import type { Database } from "./database.ts";

export type StoredOwn = OwnEntry & { readonly change: number; readonly updatedAtMs: number };

/** In the order they were made. */
export function readOwn(database: Database): readonly StoredOwn[] {
  const sql = "SELECT public_id, kind, name, fields, change, updated_at FROM own_config ORDER BY id";
  const rows = database.prepare(sql).all() as {
    readonly public_id: string;
    readonly kind: OwnEntry["kind"];
    readonly name: string;
    readonly fields: string;
    readonly change: number;
    readonly updated_at: number;
  }[];
  return rows.map(({ public_id, kind, name, fields, change, updated_at }) => ({
    ...{ id: public_id, kind, name, change, updatedAtMs: updated_at },
    fields: JSON.parse(fields) as OwnEntry["fields"],
  }));
}
