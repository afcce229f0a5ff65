/**
 * A price table that was imported after the program was built. Hides where it lies, and that each thread reads it once.
 * It was signed when it was imported; the home is nobody else's to write.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { builtInDate, type PriceTable, replaceTable } from "../../providers/catalog/catalog.ts";
import { checkedTable } from "./price-check.ts";

/** In a generation: which table its prices are of. */
export type ImportedPrices = { readonly file: string; readonly date: string };

const bytesMax = 20_000_000;
let inUse: string | undefined;

function fileOf(home: string): string {
  return join(home, "prices.json");
}

/** Absent: none was imported, or the program has become newer than it. */
export function importedPrices(home: string): ImportedPrices | undefined {
  const file = fileOf(home);
  if (!existsSync(file)) return undefined;
  const date = /"date": ?"(\d{4}-\d\d-\d\d)"/.exec(readFileSync(file, "latin1").slice(0, 2_000))?.[1];
  return date !== undefined && date > builtInDate ? { file, date } : undefined;
}

/** For the catalogs that this thread opens from now on. */
export function followPrices(wanted: ImportedPrices | undefined): void {
  const name = wanted === undefined ? undefined : `${wanted.file} ${wanted.date}`;
  if (name === inUse) return;
  replaceTable(wanted === undefined ? undefined : parseTable(readFileSync(wanted.file)));
  inUse = name;
}

export type PricesImported = { readonly date: string; readonly before: string; readonly providers: number };

/** Throws in words for whoever imports. The content was vouched for by the caller. */
export function importPrices(home: string, content: Buffer): PricesImported {
  const table = checkedTable(parseTable(content));
  const before = importedPrices(home)?.date ?? builtInDate;
  if (table.date <= before)
    throw new Error(`the table is of ${table.date}, and one of ${before} is in use: it must be newer`);
  const file = fileOf(home);
  writeFileSync(`${file}.next`, content, { mode: 0o600 });
  renameSync(`${file}.next`, file);
  return { date: table.date, before, providers: Object.keys(table.providers).length };
}

export type PricesShown = { readonly date: string; readonly built_in: string; readonly imported: boolean };

export function showPrices(home: string): PricesShown {
  const imported = importedPrices(home);
  return { date: imported?.date ?? builtInDate, built_in: builtInDate, imported: imported !== undefined };
}

function parseTable(content: Buffer): PriceTable {
  if (content.length > bytesMax) throw new Error("the price table is too large");
  try {
    return JSON.parse(content.toString("utf8")) as PriceTable;
  } catch {
    throw new Error("the price table is not JSON");
  }
}
