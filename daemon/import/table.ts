/** Rows of another gateway's database, exported as JSON or CSV. Hides how each writes lists, truth and nothing. */
import { isOn, listOf, recordOf } from "./draft.ts";
import { readItemLines } from "./item-lines.ts";

export type Row = {
  readonly values: Readonly<Record<string, unknown>>;
  /** From 1. */
  readonly line: number;
  /** `keys.json[3]` */
  readonly setting: string;
};
export type ExportFile = { readonly name: string; readonly text: string };

/**
 * The rows by table, as `named` calls a table, or by its columns where a file holds one. Rows of tables that it does not
 * know are told to `leave`, by the table's own name. Throws where a text is neither.
 */
export function readTables(
  file: ExportFile,
  named: (name: string) => string | undefined,
  byColumns: (columns: ReadonlySet<string>) => string | undefined,
  leave: (table: string, rows: readonly Row[]) => void,
): ReadonlyMap<string, readonly Row[]> {
  const text = file.text.replace(/^\uFEFF/, "");
  if (!/^\s*[[{]/.test(text)) {
    const rows = csvRows(text).map(({ values, line }) => ({ values, line, setting: `${file.name}:${line}` }));
    // A file of other columns is told of though it has no row.
    if (rows.length > 0) return byKind(file, rows, byColumns);
    const empty = byColumns(new Set(csvCells(text)[0]?.cells ?? []));
    if (empty !== undefined) return new Map([[empty, []]]);
    throw new Error(`${file.name}: is neither JSON nor CSV of a table that is known`);
  }
  const parsed = parseJson(file.name, text);
  const lineOf = readItemLines(text);
  const rowsAt = (list: unknown, key?: string): readonly Row[] =>
    listOf(list).map((item, index) => ({
      values: recordOf(item),
      line: lineOf(key, index),
      setting: `${file.name}: ${key ?? ""}[${index}]`,
    }));
  if (Array.isArray(parsed)) return byKind(file, rowsAt(parsed), byColumns);
  const tables = new Map<string, readonly Row[]>();
  for (const [key, list] of Object.entries(recordOf(parsed))) {
    const table = named(key);
    if (table === undefined && isOn(list)) leave(key, rowsAt(list, key));
    if (table !== undefined) tables.set(table, [...(tables.get(table) ?? []), ...rowsAt(list, key)]);
  }
  if (tables.size === 0)
    throw new Error(`${file.name}: holds no table that is known: expected keys, teams, users, customers, budgets`);
  return tables;
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${name}: is no JSON: ${(error as Error).message}`, { cause: error });
  }
}

function byKind(
  file: ExportFile,
  rows: readonly Row[],
  byColumns: (columns: ReadonlySet<string>) => string | undefined,
): ReadonlyMap<string, readonly Row[]> {
  if (rows.length === 0) return new Map();
  const table = byColumns(new Set(Object.keys(rows[0]!.values)));
  if (table === undefined) throw new Error(`${file.name}: its columns are those of no table that is known`);
  return new Map([[table, rows]]);
}

function csvRows(text: string): readonly { readonly values: Record<string, unknown>; readonly line: number }[] {
  const [header, ...rows] = csvCells(text);
  const names = header?.cells ?? [];
  return rows.map(({ cells, line }) => ({
    values: Object.fromEntries(names.map((name, index) => [name.trim(), cellValue(cells[index] ?? "")])),
    line,
  }));
}

/** RFC 4180: a quoted cell may hold commas, line ends and doubled quotes. */
function csvCells(text: string): readonly { readonly cells: readonly string[]; readonly line: number }[] {
  const rows: { cells: string[]; line: number }[] = [];
  let line = 1;
  let row: { cells: string[]; line: number } | undefined;
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/g)) {
    if (row === undefined && quoted === undefined && plain === "" && end !== ",") {
      line += end === "" ? 0 : 1;
      continue;
    }
    row ??= { cells: [], line };
    row.cells.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'));
    line += (quoted?.split("\n").length ?? 1) - 1;
    if (end === ",") continue;
    rows.push(row);
    row = undefined;
    line += 1;
  }
  return rows;
}

/** PostgreSQL's forms: `{a,b}` for a list, `t` and `f`, JSON, and nothing for nothing. */
function cellValue(cell: string): unknown {
  if (cell === "" || cell === "NULL" || cell === "\\N") return null;
  if (cell === "t" || cell === "true" || cell === "True") return true;
  if (cell === "f" || cell === "false" || cell === "False") return false;
  if (/^[[{]/.test(cell)) {
    try {
      return JSON.parse(cell);
    } catch {
      const list = /^\{(.*)\}$/s.exec(cell)?.[1];
      if (list !== undefined)
        return list === ""
          ? []
          : [...list.matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/g)].map(
              ([, quoted, plain]) => quoted?.replace(/\\(.)/g, "$1") ?? plain!,
            );
    }
  }
  return cell;
}
