/**
 * What the log can be narrowed by, as conditions that SQLite and the live feed judge alike. Each stands here once, with
 * its SQL and its test of a flat row.
 */
import { requestColumn as column, type RequestColumn } from "./rows.ts";
import type { RowValue } from "./sender.ts";

/** Of several, one must hold. */
export type OneOrMore<Value> = Value | readonly Value[];
/** First and last status. */
export type StatusRange = readonly [first: number, last: number];

export type LogFilter = {
  readonly id?: OneOrMore<string> | undefined;
  readonly parent?: OneOrMore<string> | undefined;
  readonly keyId?: OneOrMore<number> | undefined;
  readonly team?: OneOrMore<string> | undefined;
  readonly customer?: OneOrMore<string> | undefined;
  readonly user?: OneOrMore<string> | undefined;
  readonly session?: OneOrMore<string> | undefined;
  /** `name=value` */
  readonly tag?: OneOrMore<string> | undefined;
  /** As asked, or the target that answered. */
  readonly model?: OneOrMore<string> | undefined;
  readonly provider?: OneOrMore<string> | undefined;
  readonly target?: OneOrMore<string> | undefined;
  readonly credential?: OneOrMore<string> | undefined;
  readonly route?: OneOrMore<string> | undefined;
  readonly status?: readonly StatusRange[] | undefined;
  /** An error code; `*`: any error. */
  readonly error?: OneOrMore<string> | undefined;
  /** Name of a routing rule that decided. */
  readonly rule?: OneOrMore<string> | undefined;
  /** What chose the target, where there was something to choose. */
  readonly engine?: RoutingEngine | undefined;
  /** Why the answer ended. */
  readonly stop?: OneOrMore<string> | undefined;
  /** A tool that the answer calls. */
  readonly tool?: OneOrMore<string> | undefined;
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

export type RoutingEngine = "rule" | "strategy";

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
  id: (value) => equals("id", value),
  parent: (value) => equals("parent", value),
  keyId: (value) => equals("key_id", value),
  team: (value) => equals("team", value),
  customer: (value) => equals("customer", value),
  user: (value) => equals("user", value),
  session: (value) => equals("session", value),
  tag: (given) =>
    anyOf(given, (value) => {
      const at = value.indexOf("=");
      const split = at === -1 ? value.length : at;
      const text = `${JSON.stringify(value.slice(0, split))}:${JSON.stringify(value.slice(split + 1))}`;
      return {
        sql: "instr(tags, ?) > 0",
        values: [text],
        holds: (rows, at) => String(rows[at + column.tags] ?? "").includes(text),
      };
    }),
  model: (value) => {
    const [target, model] = [equals("target", value), equals("model", value)];
    return {
      sql: `(${target.sql} OR (${model.sql} AND model IS NOT target))`, // as the indexes have it
      values: [...target.values, ...model.values],
      holds: (rows, at) => model.holds(rows, at) || target.holds(rows, at),
    };
  },
  provider: (value) => equals("provider", value),
  target: (value) => equals("target", value),
  credential: (value) => equals("credential", value),
  route: (value) => equals("route", value),
  status: (ranges) =>
    anyOf(ranges, ([first, last]) => ({
      sql: "status BETWEEN ? AND ?",
      values: [first, last],
      holds: (rows, at) => holdsNumber(rows[at + column.status], (status) => status >= first && status <= last),
    })),
  error: (value) => (listOf(value).includes("*") ? anyError : equals("error", value)),
  rule: (given) =>
    anyOf(given, (value) => ({
      // As `record` writes it: `{"decision":{"rules":["a","b"],…`. A cheap look first, since few rows have one.
      sql: "(instr(attempts, ?) > 0 AND EXISTS (SELECT 1 FROM json_each(attempts, '$.decision.rules') WHERE value = ?))",
      values: [JSON.stringify(value), value],
      holds: (rows, at) => decisionOf(rows[at + column.attempts])?.rules?.includes(value) === true,
    })),
  engine: (value) => ({
    sql: `(attempts LIKE '{"decision"%' AND ${engines[value].sql})`,
    values: [],
    holds: (rows, at) => engines[value].holds(decisionOf(rows[at + column.attempts])),
  }),
  stop: (value) => equals("stop", value),
  tool: (given) =>
    anyOf(given, (value) => ({
      sql: "(tools IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(tools) WHERE value = ?))",
      values: [value],
      holds: (rows, at) => readTools(rows[at + column.tools]).includes(value),
    })),
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

type Decision = { readonly rules?: readonly string[]; readonly strategy?: string };

/** As `record` writes it, where there was something to decide. */
export function decisionOf(attempts: RowValue | undefined): Decision | undefined {
  if (typeof attempts !== "string" || !attempts.startsWith("{")) return undefined;
  return (JSON.parse(attempts) as { readonly decision?: Decision }).decision;
}

/** A rule that decided comes before the strategy that chose among what it left. */
const engines: Readonly<
  Record<RoutingEngine, { readonly sql: string; readonly holds: (decision: Decision | undefined) => boolean }>
> = {
  rule: {
    sql: "json_array_length(attempts, '$.decision.rules') > 0",
    holds: (decision) => (decision?.rules?.length ?? 0) > 0,
  },
  strategy: {
    sql: "json_extract(attempts, '$.decision.strategy') IS NOT NULL AND ifnull(json_array_length(attempts, '$.decision.rules'), 0) = 0",
    holds: (decision) => decision?.strategy !== undefined && (decision.rules?.length ?? 0) === 0,
  },
};

export function readTools(text: RowValue | undefined): readonly string[] {
  return typeof text === "string" ? (JSON.parse(text) as readonly string[]) : [];
}

export function listOf<Value>(given: OneOrMore<Value>): readonly Value[] {
  return Array.isArray(given) ? (given as readonly Value[]) : [given as Value];
}

/** One of them must hold. */
function anyOf<Value>(given: OneOrMore<Value>, condition: (value: Value) => Condition): Condition {
  const all = listOf(given).map(condition);
  if (all.length === 1) return all[0]!;
  return {
    sql: `(${all.map(({ sql }) => sql).join(" OR ")})`,
    values: all.flatMap(({ values }) => values),
    holds: (rows, at) => all.some(({ holds }) => holds(rows, at)),
  };
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

function equals(name: RequestColumn, given: OneOrMore<string | number>): Condition {
  const index = column[name];
  const values = listOf(given);
  if (values.length !== 1) {
    const places = values.map(() => "?").join(", ");
    return { sql: `${name} IN (${places})`, values, holds: (rows, at) => values.includes(rows[at + index] as string) };
  }
  const [value] = values;
  return { sql: `${name} = ?`, values, holds: (rows, at) => rows[at + index] === value };
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
