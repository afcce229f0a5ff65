/**
 * Are the files what SQLite wrote? Its own check of every page that a table or an index needs, a table at a time, so that
 * no view of the file is held for the whole of it. Hides that a file may be too damaged to be asked.
 */
import { basename } from "node:path";
import type { Database } from "./database.ts";

export type FileCheck = {
  readonly file: string;
  readonly tables: number;
  /** In SQLite's words, the table's first. */
  readonly faults: readonly string[];
};

/** Of one table; a torn page makes thousands. */
const faultsMax = 3;

/** Blocks for as long as the largest table takes, a second for two million rows: not for a thread that others wait for. */
export async function checkFile(
  path: string,
  open: (path: string) => Database,
  tell: (done: number, total: number) => void,
): Promise<FileCheck> {
  const faults: string[] = [];
  let tables: readonly string[] = [];
  let database: Database | undefined;
  try {
    database = open(path);
    const listed = database.prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name",
    );
    tables = listed.pluck().all() as string[];
    for (const [index, table] of tables.entries()) {
      tell(index, tables.length);
      faults.push(...checkTable(database, table));
      await new Promise((resolve) => setImmediate(resolve));
    }
  } catch (error) {
    faults.push(wordsOf(error));
  } finally {
    database?.close();
  }
  return { file: basename(path), tables: tables.length, faults };
}

function checkTable(database: Database, table: string): readonly string[] {
  try {
    const found = database.prepare(`PRAGMA quick_check("${table.replaceAll('"', '""')}")`).pluck();
    const words: string[] = [];
    for (const said of found.iterate() as Iterable<string>) {
      if (said !== "ok")
        words.push(
          `${table}: ${said
            .replace(/^\*{3} in database main \*{3}/, "")
            .trim()
            .replaceAll(/\s+/g, " ")}`,
        );
      if (words.length >= faultsMax) break;
    }
    return words;
  } catch (error) {
    return [`${table}: ${wordsOf(error)}`];
  }
}

/** The driver's own, not what a caller of ours would be told. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
