/**
 * What the log can be narrowed by, as conditions that SQLite and the live feed judge alike. Each stands here once, with
 * its SQL and its test of a flat row.
 */
import { requestColumn as column, type RequestColumn } from "./rows.ts";
import type { RowValue } from "./sender.ts";

export type LogFilter = {
  readonly keyId?: number | undefined;
  readonly team?: string | undefined;
  readonly customer?: string | undefined;
  readonly user?: string | undefined;
  readonly session?: string | undefined;
  /** `name=value` */
  readonly tag?: string | undefined;
  /** As asked, or the target that answered. */
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
  readonly target?: string | undefined;
  readonly credential?: string | undefined;
  readonly route?: string | undefined;
  readonly statusMin?: number | undefined;
  readonly statusMax?: number | undefined;
  /** An error code; `*`: any error. */
  readonly error?: string | undefined;
  /** Name of a routing rule that decided. */
  readonly rule?: string | undefined;
  /** Bit of `flags`. */
  readonly flag?: number | undefined;
  readonly stream?: boolean | undefined;
  readonly latencyMinMs?: number | undefined;
  readonly latencyMaxMs?: number | undefined;
  /** Input and output together. */
  readonly tokensMin?: number | undefined;
  readonly tokensMax?: number | undefined;
  readonly costMinNano?: number | undefined;
  readonly costMaxNano?: number | undefined;
  readonly trace?: string | undefined;
  /** In what is kept of question and answer. Not for the live feed. */
  readonly text?: string | undefined;
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
};

export type Condition = {
  readonly sql: string;
  readonly values: readonly (string | number)[];
  /** Of a row in a flat array that begins at `at`. */
  readonly holds: (rows: readonly RowValue[], at: number) => boolean;
};

type Maker = {
  readonly [name in keyof LogFilter]-?: (value: NonNullable<LogFilter[name]>) => Condition;
};

const makers: Maker = {
  keyId: (value) => equals("key_id", value),
  team: (value) => equals("team", value),
  customer: (value) => equals("customer", value),
  user: (value) => equals("user", value),
  session: (value) => equals("session", value),
  tag: (value) => {
    const split = value.indexOf("=");
    const text = `${JSON.stringify(value.slice(0, split))}:${JSON.stringify(value.slice(split + 1))}`;
    return {
      sql: "instr(tags, ?) > 0",
      values: [text],
      holds: (rows, at) => String(rows[at + column.tags] ?? "").includes(text),
    };
  },
  model: (value) => ({
    sql: "(target = ? OR (model = ? AND model IS NOT target))", // as the indexes have it
    values: [value, value],
    holds: (rows, at) => rows[at + column.model] === value || rows[at + column.target] === value,
  }),
  provider: (value) => equals("provider", value),
  target: (value) => equals("target", value),
  credential: (value) => equals("credential", value),
  route: (value) => equals("route", value),
  statusMin: (value) => atLeast("status", value),
  statusMax: (value) => atMost("status", value),
  error: (value) => (value === "*" ? anyError : equals("error", value)),
  rule: (value) => ({
    // As `record` writes it: `{"decision":{"rules":["a","b"],…`. A cheap look first, since few rows have one.
    sql: "instr(attempts, ?) > 0 AND EXISTS (SELECT 1 FROM json_each(attempts, '$.decision.rules') WHERE value = ?)",
    values: [JSON.stringify(value), value],
    holds: (rows, at) => rulesOf(rows[at + column.attempts]).includes(value),
  }),
  flag: (value) => ({
    sql: "flags & ? <> 0",
    values: [value],
    holds: (rows, at) => (Number(rows[at + column.flags]) & value) !== 0,
  }),
  stream: (value) => equals("stream", value ? 1 : 0),
  latencyMinMs: (value) => atLeast("latency_ms", value),
  latencyMaxMs: (value) => atMost("latency_ms", value),
  tokensMin: (value) => ({
    sql: "ifnull(tokens_in, 0) + ifnull(tokens_out, 0) >= ?",
    values: [value],
    holds: (rows, at) => tokens(rows, at) >= value,
  }),
  tokensMax: (value) => ({
    sql: "ifnull(tokens_in, 0) + ifnull(tokens_out, 0) <= ?",
    values: [value],
    holds: (rows, at) => tokens(rows, at) <= value,
  }),
  costMinNano: (value) => atLeast("cost_nano", value),
  costMaxNano: (value) => atMost("cost_nano", value),
  trace: (value) => equals("trace", value),
  text: (value) => {
    const pattern = `%${value.replaceAll(/[\\%_]/g, "\\$&")}%`;
    return {
      sql: "content > 0 AND EXISTS (SELECT 1 FROM contents WHERE contents.id = requests.id AND (contents.request LIKE ? ESCAPE '\\' OR contents.response LIKE ? ESCAPE '\\'))",
      values: [pattern, pattern],
      holds: () => false,
    };
  },
  sinceMs: (value) => atLeast("at", value),
  untilMs: (value) => ({
    sql: "at < ?",
    values: [value],
    holds: (rows, at) => Number(rows[at + column.at]) < value,
  }),
};

function rulesOf(attempts: RowValue | undefined): readonly string[] {
  if (typeof attempts !== "string" || !attempts.startsWith("{")) return [];
  const { decision } = JSON.parse(attempts) as { readonly decision?: { readonly rules?: readonly string[] } };
  return decision?.rules ?? [];
}

const anyError: Condition = {
  sql: "error IS NOT NULL",
  values: [],
  holds: (rows, at) => rows[at + column.error] !== null,
};

export function conditions(filter: LogFilter): readonly Condition[] {
  return Object.entries(filter).flatMap(([name, value]) =>
    value === undefined ? [] : [(makers[name as keyof LogFilter] as (value: unknown) => Condition)(value)],
  );
}

/** To stand after another condition. */
export function whereAnd(filter: LogFilter): { readonly sql: string; readonly values: readonly (string | number)[] } {
  const all = conditions(filter);
  return { sql: all.map(({ sql }) => ` AND ${sql}`).join(""), values: all.flatMap(({ values }) => values) };
}

function equals(name: RequestColumn, value: string | number): Condition {
  const index = column[name];
  return { sql: `${name} = ?`, values: [value], holds: (rows, at) => rows[at + index] === value };
}

function atLeast(name: RequestColumn, value: number): Condition {
  const index = column[name];
  return {
    sql: `${name} >= ?`,
    values: [value],
    holds: (rows, at) => holdsNumber(rows[at + index], (n) => n >= value),
  };
}

function atMost(name: RequestColumn, value: number): Condition {
  const index = column[name];
  return {
    sql: `${name} <= ?`,
    values: [value],
    holds: (rows, at) => holdsNumber(rows[at + index], (n) => n <= value),
  };
}

/** As in SQL: what is not known is neither more nor less. */
function holdsNumber(value: RowValue | undefined, test: (value: number) => boolean): boolean {
  return typeof value === "number" && test(value);
}

function tokens(rows: readonly RowValue[], at: number): number {
  return Number(rows[at + column.tokens_in] ?? 0) + Number(rows[at + column.tokens_out] ?? 0);
}
