/**
 * What is typed after `/`, or after `bifrost logs`: words that must all hold. `text` anywhere, `!text` nowhere,
 * `field:value` in one column, `field:one,other` either of them, `field:>2s` compared. Hides parsing; a table says what its fields are.
 */

export type FieldValue = string | number | null | undefined;
/** Fields by name, in lower case; the text that is searched is all of them. */
export type Fields<Row> = Readonly<Record<string, (row: Row) => FieldValue>>;

export type Filter<Row> = {
  readonly matches: (row: Row) => boolean;
  /** What is wrong with it: an unknown field, a comparison with no number. The rest holds all the same. */
  readonly problem: string | undefined;
};

const comparison = /^(>=|<=|>|<|=)\s*\$?(\d+(?:\.\d+)?)(ms|s|m|h|k)?$/;
const units: Readonly<Record<string, number>> = { "": 1, ms: 1, s: 1_000, m: 60_000, h: 3_600_000, k: 1_000 };

export function parseFilter<Row>(text: string, fields: Fields<Row>): Filter<Row> {
  const tests: ((row: Row) => boolean)[] = [];
  let problem: string | undefined;
  for (const word of words(text)) {
    const inverse = word.startsWith("!");
    const said = inverse ? word.slice(1) : word;
    if (said === "") continue;
    const [, name, wanted] = /^([a-z_]+):(.*)$/i.exec(said) ?? [];
    const field = name === undefined ? undefined : fields[name.toLowerCase()];
    if (name !== undefined && field === undefined)
      problem ??= `no field "${name}"; there are ${Object.keys(fields).join(", ")}`;
    if (name?.toLowerCase() === "status")
      for (const status of choices(wanted!))
        if (/^\d|xx$/i.test(status) && !/^[1-5](\d{0,2}|xx)$/i.test(status))
          problem ??= `no status is "${status}": write 429, 5xx or >=400`;
    for (const choice of field === undefined ? [] : choices(wanted!))
      if (/^[<>]/.test(choice) && !comparison.test(choice))
        problem ??= `"${said}" compares with no number: write such as latency:>2s, cost:>0.01 or in:>=1k`;
    const holds =
      field === undefined || wanted === undefined
        ? anywhere(said.replaceAll(heldComma, ",").toLowerCase(), fields)
        : anyOf(field, choices(wanted), name!.toLowerCase());
    tests.push(inverse ? (row) => !holds(row) : holds);
  }
  return { matches: (row) => tests.every((test) => test(row)), problem };
}

/** What a list by name could be asked for: the first word that must stand in a name or an id. */
export function soughtName(text: string): string | undefined {
  for (const word of words(text)) {
    const [, name, wanted] = /^(?:(name|id):)?([^:!].*)$/i.exec(word) ?? [];
    if (wanted === undefined || wanted.includes(heldComma) || (name !== undefined && wanted.includes(","))) continue;
    if (name !== undefined || !/^[a-z_]+:/i.test(wanted)) return wanted;
  }
  return undefined;
}

/** Split at spaces; quotes hold words together: `key:"team blue"`, and keep a comma what it is. */
function words(text: string): string[] {
  return [...text.matchAll(/(?:[^\s"]|"[^"]*"?)+/g)].map(([word]) =>
    word.replace(/"([^"]*)"?/g, (_, quoted: string) => quoted.replaceAll(",", heldComma)),
  );
}

const heldComma = "\u0000";

function choices(wanted: string): readonly string[] {
  return wanted.split(",").map((choice) => choice.replaceAll(heldComma, ","));
}

function anyOf<Row>(field: (row: Row) => FieldValue, wanted: readonly string[], name: string): (row: Row) => boolean {
  const all = name === "status" ? wanted.map((status) => statusWords[status.toLowerCase()] ?? status) : wanted;
  return (row) => {
    const value = field(row);
    return all.some((each) => compare(value, each));
  };
}

const statusWords: Readonly<Record<string, string>> = { success: "<400", error: ">=400" };

function anywhere<Row>(wanted: string, fields: Fields<Row>): (row: Row) => boolean {
  const all = Object.values(fields);
  return (row) => all.some((field) => textOf(field(row)).toLowerCase().includes(wanted));
}

function compare(value: FieldValue, wanted: string): boolean {
  const [, sign, amount, unit] = comparison.exec(wanted) ?? [];
  if (sign !== undefined) return typeof value === "number" && ordered(value, sign, Number(amount) * units[unit ?? ""]!);
  const [, first] = /^([1-5])xx$/i.exec(wanted) ?? [];
  if (first !== undefined) return String(value ?? "").startsWith(first);
  if (wanted === "") return value === null || value === undefined || value === "";
  return typeof value === "number"
    ? String(value) === wanted
    : textOf(value).toLowerCase().includes(wanted.toLowerCase());
}

function ordered(value: number, sign: string, limit: number): boolean {
  switch (sign) {
    case ">":
      return value > limit;
    case ">=":
      return value >= limit;
    case "<":
      return value < limit;
    case "<=":
      return value <= limit;
    default:
      return value === limit;
  }
}

function textOf(value: FieldValue): string {
  return value === null || value === undefined ? "" : String(value);
}
