/**
 * What a provider says it has billed, out of its export: OpenAI's costs (JSON of its API, CSV of its dashboard), Anthropic's cost
 * report (JSON), or any CSV whose columns are named. Hides their shapes, and that amounts are decimals that stay exact to the
 * nano-dollar. What cannot be read is an error that names its line; nothing is passed over.
 */
import { CliFailure, exitCodes } from "../failure.ts";

export type Billed = {
  /** `2026-11-26`, UTC. */
  readonly day: string;
  /** As the provider names it; "" for what it bills without a model. */
  readonly model: string;
  readonly nano: number;
};

/** Which columns of a CSV hold what; absent: looked for under the usual names. */
export type ColumnNames = { readonly day?: string; readonly model?: string; readonly cost?: string };

/** @param cents amounts of a CSV are cents */
export function readExport(text: string, columns: ColumnNames, cents: boolean): readonly Billed[] {
  const trimmed = text.replace(/^\uFEFF/, "").trimStart();
  if (trimmed === "") throw wrong("the file is empty");
  return trimmed.startsWith("{") || trimmed.startsWith("[") ? readJson(trimmed) : readCsv(trimmed, columns, cents);
}

type Bucket = {
  readonly start_time?: number;
  readonly starting_at?: string;
  readonly results?: readonly Result[];
};
type Result = {
  readonly amount?: string | number | { readonly value?: string | number; readonly currency?: string };
  readonly currency?: string;
  readonly line_item?: string | null;
  readonly model?: string | null;
  readonly description?: string | null;
};

/** One answer of the costs API, or a list of its pages. */
function readJson(text: string): readonly Billed[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrong(`it is neither JSON nor CSV: ${error instanceof Error ? error.message : String(error)}`);
  }
  const pages = (Array.isArray(value) ? value : [value]) as readonly { readonly data?: readonly Bucket[] }[];
  return pages.flatMap(({ data }, page) => {
    if (!Array.isArray(data))
      throw wrong(`page ${page + 1} has no "data": expected OpenAI's costs or Anthropic's cost report`);
    return (data as readonly Bucket[]).flatMap((bucket, index) => readBucket(bucket, `data[${index}]`));
  });
}

function readBucket(bucket: Bucket, at: string): readonly Billed[] {
  const start = bucket.starting_at ?? bucket.start_time;
  const day = start === undefined ? undefined : dayOf(String(start));
  if (day === undefined) throw wrong(`${at} has no start_time or starting_at`);
  return (bucket.results ?? []).map((result, index) => {
    const where = `${at}.results[${index}]`;
    const { amount } = result;
    const isOpenai = typeof amount === "object" && amount !== null;
    const currency = (isOpenai ? amount.currency : result.currency) ?? "usd";
    if (currency.toLowerCase() !== "usd") throw wrong(`${where} is in ${currency}; only US dollars can be compared`);
    // Anthropic tells cents.
    const nano = nanoOf(isOpenai ? amount.value : amount, isOpenai ? 9 : 7);
    if (nano === undefined) throw wrong(`${where}.amount is no decimal`);
    return { day, model: result.model ?? modelOfItem(result.line_item ?? result.description ?? ""), nano };
  });
}

/** `gpt-4o-2024-08-06, cached input` → the model. */
function modelOfItem(item: string): string {
  return item.split(",")[0]!.trim();
}

const usual: Readonly<Record<"day" | "model" | "cost", readonly string[]>> = {
  day: ["start_time_iso", "usage_date_utc", "date", "day", "start_time", "starting_at", "timestamp"],
  model: ["model", "model_name", "line_item", "description", "sku"],
  cost: ["amount_value", "cost_usd", "cost", "amount", "total_cost", "usage_cost"],
};

function readCsv(text: string, columns: ColumnNames, cents: boolean): readonly Billed[] {
  const [head = [], ...rows] = parseCsv(text);
  const names = head.map((name) => name.trim().toLowerCase());
  const find = (what: "day" | "model" | "cost"): number => {
    const wanted = columns[what]?.toLowerCase();
    const found = (wanted === undefined ? usual[what] : [wanted])
      .map((name) => names.indexOf(name))
      .find((at) => at >= 0);
    if (found !== undefined) return found;
    throw wrong(
      `it has no column ${wanted === undefined ? `for the ${what}` : `"${columns[what]}"`}; there are ${head.join(", ")}`,
      `Name it: --columns ${what}=<column>`,
    );
  };
  const [day, model, cost] = [find("day"), find("model"), find("cost")];
  const currency = names.findIndex((name) => name === "amount_currency" || name === "currency");
  return rows.flatMap((row, index) => {
    const line = `line ${index + 2}`;
    const amount = row[cost]?.trim() ?? "";
    if (amount === "") return []; // OpenAI lists days on which nothing was billed
    const nano = nanoOf(amount.replace(/^\$/, ""), cents ? 7 : 9);
    if (nano === undefined) throw wrong(`${line}: "${amount}" is no decimal`);
    const when = dayOf(row[day]?.trim() ?? "");
    if (when === undefined) throw wrong(`${line}: "${row[day] ?? ""}" is no date`);
    const unit = row[currency]?.trim().toLowerCase() ?? "";
    if (unit !== "" && unit !== "usd") throw wrong(`${line} is in ${unit}; only US dollars can be compared`);
    return [{ day: when, model: modelOfItem(row[model] ?? ""), nano }];
  });
}

/** Commas or tabs, quotes doubled inside quotes. */
function parseCsv(text: string): string[][] {
  const comma = text.slice(0, text.indexOf("\n") + 1 || undefined).includes("\t") ? "\t" : ",";
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let isQuoted = false;
  const endRow = (): void => {
    row.push(field);
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
    field = "";
  };
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!;
    if (isQuoted) {
      if (letter !== '"') field += letter;
      else if (text[at + 1] === '"') field += text[++at]!;
      else isQuoted = false;
    } else if (letter === '"' && field === "") isQuoted = true;
    else if (letter === comma) {
      row.push(field);
      field = "";
    } else if (letter === "\n") endRow();
    else if (letter !== "\r") field += letter;
  }
  if (isQuoted) throw wrong("a quoted field does not end");
  endRow();
  return rows;
}

/** Seconds, or a date with or without a time; UTC where it names no zone. */
function dayOf(text: string): string | undefined {
  const dated = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text;
  const zoned = /^\d{4}-\d\d-\d\d[T ][\d:.]+$/.test(dated) ? `${dated.replace(" ", "T")}Z` : dated;
  const ms = /^\d{9,10}$/.test(text) ? Number(text) * 1000 : /^\d{4}-/.test(zoned) ? Date.parse(zoned) : Number.NaN;
  return Number.isFinite(ms) ? new Date(ms).toISOString().slice(0, 10) : undefined;
}

/** A decimal times a power of ten, to the nearest whole. */
function nanoOf(amount: unknown, power: number): number | undefined {
  const text = typeof amount === "number" ? plain(amount) : amount;
  const [, sign, whole, fraction = ""] =
    typeof text === "string" ? (/^(-?)(\d+)(?:\.(\d*))?$/.exec(text.trim()) ?? []) : [];
  if (whole === undefined) return undefined;
  const digits =
    Number(whole + fraction.slice(0, power).padEnd(power, "0")) + (Number(fraction[power] ?? "0") >= 5 ? 1 : 0);
  if (!Number.isSafeInteger(digits)) return undefined;
  return sign === "-" && digits !== 0 ? -digits : digits;
}

/** JSON numbers may be written as `1e-7`. */
function plain(amount: number): string {
  return String(amount).includes("e") ? amount.toFixed(12) : String(amount);
}

function wrong(message: string, hint?: string): CliFailure {
  return new CliFailure(`the export cannot be read: ${message}`, exitCodes.usage, hint);
}
