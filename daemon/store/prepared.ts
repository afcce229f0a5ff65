/**
 * Statements that are asked again and again, each prepared once for a connection. Hides where they are kept. A statement
 * that is prepared anew each time costs four fifths of a small question, and the memory of those that are no longer used
 * is given back only when the garbage collector happens to come by: 60 KB for each key of an import.
 */
import type { Database, Statement } from "./database.ts";

type Kept = WeakMap<Database, Map<string, Statement>>;
const rows: Kept = new WeakMap();
const columns: Kept = new WeakMap();

/** Its rows are objects. The text must be one of few: it is kept as long as the connection. */
export function prepared(database: Database, sql: string): Statement {
  return kept(rows, database, sql, () => database.prepare(sql));
}

/** Its rows are their first column. */
export function plucked(database: Database, sql: string): Statement {
  return kept(columns, database, sql, () => database.prepare(sql).pluck());
}

function kept(all: Kept, database: Database, sql: string, make: () => Statement): Statement {
  const known = all.get(database) ?? new Map<string, Statement>();
  all.set(database, known);
  const statement = known.get(sql) ?? make();
  known.set(sql, statement);
  return statement;
}
