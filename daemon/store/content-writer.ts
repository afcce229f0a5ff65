/** What was said, into `contents` and out again. Hides redaction's place: nothing is written that did not pass the filter. */
import type { Database, Statement } from "./database.ts";
import { contentColumn as column, contentWidth } from "./rows.ts";
import type { RowValue } from "./sender.ts";

/** Makes of a text what may be kept of it. */
export type ContentFilter = (text: string) => string;

export type ContentWriter = {
  /** Flat rows of `contentWidth`. In the caller's transaction. */
  add(rows: readonly RowValue[]): void;
  /** Deletes one slice of what is older. True: there may be more. */
  prune(before: number, rows: number): boolean;
  /** By a JSON list of ids. In the caller's transaction. */
  remove(ids: string): void;
  /** The texts now lie in `object`. */
  offloaded(id: string, object: string): void;
  /** Objects that nothing points at any more are gone from their store. */
  objectsDeleted(objects: readonly string[]): void;
  filter: ContentFilter;
};

export function openContentWriter(database: Database, filter: ContentFilter = (text) => text): ContentWriter {
  const insert: Statement = database.prepare(
    "INSERT INTO contents (id, at, level, truncated, metadata, request, response) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const edge: Statement = database.prepare("SELECT row FROM contents ORDER BY row LIMIT 1 OFFSET ?").pluck();
  const note: Statement = database.prepare(
    "INSERT OR IGNORE INTO objects_gone SELECT object FROM contents WHERE row < ? AND at < ? AND object IS NOT NULL",
  );
  const prune: Statement = database.prepare("DELETE FROM contents WHERE row < ? AND at < ?");
  const self: ContentWriter = {
    filter,
    add(rows) {
      for (let at = 0; at + contentWidth <= rows.length; at += contentWidth) {
        const text = (index: number): string | null => {
          const value = rows[at + index];
          return typeof value === "string" ? self.filter(value) : null;
        };
        insert.run(
          rows[at + column.id],
          rows[at + column.at],
          rows[at + column.level],
          rows[at + column.truncated],
          rows[at + column.metadata],
          text(column.request),
          text(column.response),
        );
      }
    },
    prune(before, count) {
      const until = (edge.get(count) as number | undefined) ?? Number.MAX_SAFE_INTEGER;
      note.run(until, before);
      return prune.run(until, before).changes === count;
    },
    remove(ids) {
      const chosen = "id IN (SELECT value FROM json_each(?))";
      database
        .prepare(
          `INSERT OR IGNORE INTO objects_gone SELECT object FROM contents WHERE ${chosen} AND object IS NOT NULL`,
        )
        .run(ids);
      database.prepare(`DELETE FROM contents WHERE ${chosen}`).run(ids);
    },
    offloaded(id, object) {
      const found = database
        .prepare("UPDATE contents SET object = ?, request = NULL, response = NULL WHERE id = ?")
        .run(object, id).changes;
      // Its row went while it was on its way.
      if (found === 0) database.prepare("INSERT OR IGNORE INTO objects_gone VALUES (?)").run(object);
    },
    objectsDeleted(objects) {
      database
        .prepare("DELETE FROM objects_gone WHERE object IN (SELECT value FROM json_each(?))")
        .run(JSON.stringify(objects));
    },
  };
  return self;
}
