/** What was said, into `contents` and out again. Hides redaction's place: nothing is written that did not pass the filter. */
import { type Columns, type RowValue, valueAt } from "./columns.ts";
import type { Database, Statement } from "./database.ts";
import { contentColumn as column, contentLevel } from "./rows.ts";

/** Makes of a text what may be kept of it. */
export type ContentFilter = (text: string) => string;

export type ContentDescriber = {
  /** JSON of a request's shape, without its words. */
  readonly request: (text: string | null, truncated: boolean) => string | null;
  /** An answer in the form in which it is masked and kept. */
  readonly answer: (text: string) => string;
};
const asItIs: ContentDescriber = { request: () => null, answer: (text) => text };

export type ContentWriter = {
  /** Columns as `contentColumns`. In the caller's transaction. */
  add(rows: Columns): void;
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

export function openContentWriter(
  database: Database,
  filter: ContentFilter = (text) => text,
  describe: ContentDescriber = asItIs,
): ContentWriter {
  const insert: Statement = database.prepare(
    "INSERT INTO contents (id, at, level, truncated, metadata, request, response, headers) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const edge: Statement = database.prepare("SELECT row FROM contents ORDER BY row LIMIT 1 OFFSET ?").pluck();
  const note: Statement = database.prepare(
    "INSERT OR IGNORE INTO objects_gone SELECT object FROM contents WHERE row < ? AND at < ? AND object IS NOT NULL",
  );
  const prune: Statement = database.prepare("DELETE FROM contents WHERE row < ? AND at < ?");
  const self: ContentWriter = {
    filter,
    add({ count, values }) {
      for (let row = 0; row < count; row += 1) {
        const at = (index: number): RowValue => valueAt(values[index], row);
        const truncated = at(column.truncated) === 1;
        const level = at(column.level);
        const [asked, answered] = [at(column.request), at(column.response)];
        const keeps = level === contentLevel.full;
        insert.run(
          ...[at(column.id), at(column.at), level, truncated ? 1 : 0],
          describe.request(asked as string | null, truncated),
          keeps && typeof asked === "string" ? self.filter(asked) : null,
          keeps && typeof answered === "string" ? self.filter(describe.answer(answered)) : null,
          keeps ? maskedHeaders(at(column.headers), self.filter) : null,
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

/** Value by value, since what masks a piece of JSON may leave none. */
function maskedHeaders(text: RowValue, filter: ContentFilter): string | null {
  if (typeof text !== "string") return null;
  return JSON.stringify(JSON.parse(text), (_, value: unknown) => (typeof value === "string" ? filter(value) : value));
}
