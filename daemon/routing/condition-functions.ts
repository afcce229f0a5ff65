/**
 * Functions and arithmetic of conditions: what the library would answer, and its error as a value. Hides what the
 * library takes too long for: its `duration()` backtracks over what callers send, and a time zone costs it 70 µs.
 */
import { Duration, UnsignedInt } from "@marcbachmann/cel-js/evaluator";
import { Failure, isRecord, typeOf, unsure } from "./condition-value.ts";

/** Undefined: there is no such function of these types. */
export type Handle = (first: unknown, second?: unknown, third?: unknown) => unknown;

/** Where the library has to be asked, unless an operand fails. */
const ask: Handle = () => unsure;
const onBytes = (does: (bytes: Buffer) => unknown): Handle => {
  return (bytes) => (bytes instanceof Uint8Array ? does(asBuffer(bytes)) : undefined);
};

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** `name(argument)`. */
export const functions: Readonly<Record<string, Handle>> = {
  __proto__: null as never,
  bytes: (value) => (typeof value === "string" ? bytesOf(value) : value instanceof Uint8Array ? value : undefined),
  type: ask,
  size: sizeOf,
  dyn: (value) => value,
  uint(value) {
    const isDouble = typeof value === "number";
    const whole = typeof value === "string" ? readWhole(value) : isDouble ? wholeOf(value) : value;
    if (whole !== undefined && typeof whole !== "bigint") return unsure;
    return whole !== undefined && BigInt.asUintN(64, whole) === whole
      ? new UnsignedInt(whole)
      : new Failure(`uint() type error: ${isDouble ? "unsigned integer overflow" : "cannot convert to uint"}`);
  },
  int(value) {
    if (typeof value === "bigint") return value;
    if (typeof value === "number") return wholeOf(value) ?? new Failure("int() type error: integer overflow");
    if (typeof value !== "string") return undefined;
    const whole = readWhole(value);
    return whole !== undefined && fits(whole) ? whole : new Failure("int() type error: cannot convert to int");
  },
  double(value) {
    if (typeof value === "number") return value;
    if (typeof value === "bigint") return Number(value);
    if (typeof value !== "string") return undefined;
    const named = namedNumbers.get(value.toLowerCase());
    if (named !== undefined) return named;
    const parsed = value === "" || value !== value.trim() ? Number.NaN : Number(value);
    return Number.isNaN(parsed) ? new Failure("double() type error: cannot convert to double") : parsed;
  },
  string(value) {
    if (value === Number.POSITIVE_INFINITY) return "+Inf";
    if (value === Number.NEGATIVE_INFINITY) return "-Inf";
    if (value instanceof Uint8Array) return asBuffer(value).toString();
    return value === null || typeof value === "object" ? undefined : String(value);
  },
  bool(value) {
    if (typeof value !== "string") return typeof value === "boolean" ? value : undefined;
    return truths.get(value) ?? new Failure(`bool() conversion error: invalid string value "${value}"`);
  },
  timestamp(value) {
    if (typeof value === "bigint")
      return dated(Number(value) * 1000, "timestamp() requires a valid integer unix timestamp");
    if (typeof value !== "string") return undefined;
    const ms = value.length < 20 || value.length > 30 ? Number.NaN : Date.parse(value);
    return dated(ms, "timestamp() requires a string in ISO 8601 format");
  },
  duration: (value) => (typeof value === "string" ? durationOf(value) : undefined),
};

const wholeNumber = /^(?:[-+]?\d+|0[bB][01]+|0[oO][0-7]+|0X[\da-fA-F]+|)$/;
const readWhole = (text: string): bigint | undefined =>
  text.length <= 20 && wholeNumber.test(text) ? BigInt(text) : undefined;
const wholeOf = (value: number): bigint | undefined => (Number.isFinite(value) ? BigInt(Math.trunc(value)) : undefined);
const fits = (whole: bigint): boolean => BigInt.asIntN(64, whole) === whole;
const namedNumbers: ReadonlyMap<string, number> = new Map([
  ...["inf", "+inf", "infinity", "+infinity"].map((name) => [name, Number.POSITIVE_INFINITY] as const),
  ...["-inf", "-infinity"].map((name) => [name, Number.NEGATIVE_INFINITY] as const),
  ["nan", Number.NaN],
]);
const truths: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "true", "TRUE", "True"].map((word) => [word, true] as const),
  ...["0", "f", "false", "FALSE", "False"].map((word) => [word, false] as const),
]);

function sizeOf(value: unknown): unknown {
  if (typeof value === "string") return BigInt(isAscii.test(value) ? value.length : [...value].length);
  if (Array.isArray(value) || value instanceof Uint8Array) return BigInt(value.length);
  return isRecord(value) ? BigInt(Object.keys(value).length) : undefined;
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
const isAscii = /^[\x00-\x7f]*$/;

/** From the first year to the last of four digits. */
function dated(ms: number, otherwise: string): Date | Failure {
  return ms <= 253_402_300_799_999 && ms >= -62_135_596_800_000 ? new Date(ms) : new Failure(otherwise);
}

const durationMax = 128;
const durationPart = /(\d*)(?:\.(\d*))?(ns|us|µs|ms|s|m|h)/y;
const unitNanos: Readonly<Record<string, bigint>> = {
  h: 3_600_000_000_000n,
  m: 60_000_000_000n,
  s: 1_000_000_000n,
  ms: 1_000_000n,
  us: 1_000n,
  µs: 1_000n,
  ns: 1n,
};

/** What was made last: rules ask for the same of one request, and nothing changes bytes. */
let lastMade: { readonly text: string; readonly bytes: Buffer } = { text: "", bytes: Buffer.alloc(0) };
const madeMax = 4_096;

function bytesOf(text: string): Buffer {
  if (lastMade.text === text) return lastMade.bytes;
  const bytes = Buffer.from(text);
  if (text.length <= madeMax) lastMade = { text, bytes };
  return bytes;
}

/** What was read last: rules ask for the same of one request. */
let lastRead: { readonly text: string; readonly duration: Duration | Failure } | undefined;

function durationOf(text: string): Duration | Failure {
  if (lastRead?.text !== text) lastRead = { text, duration: readDuration(text) };
  return lastRead.duration;
}

function readDuration(text: string): Duration | Failure {
  const negative = text[0] === "-";
  let at = negative || text[0] === "+" ? 1 : 0;
  let nanos = 0n;
  do {
    durationPart.lastIndex = at;
    const part = text.length <= durationMax ? durationPart.exec(text) : null;
    if (part === null)
      return new Failure(`Invalid duration string: ${text === "" ? "''" : text.slice(at, at + durationMax)}`);
    const [all, whole, fraction = "", unit] = part;
    const scale = unitNanos[unit!]!;
    nanos += BigInt(whole!) * scale + (BigInt(fraction.slice(0, 13).padEnd(13, "0")) * scale) / 10_000_000_000_000n;
    at += all.length;
  } while (at < text.length);
  const [seconds, rest] = [nanos / 1_000_000_000n, Number(nanos % 1_000_000_000n)];
  return negative ? new Duration(-seconds, -rest) : new Duration(seconds, rest);
}

const onText = (does: (text: string) => unknown): Handle => {
  return (text) => (typeof text === "string" ? does(text) : undefined);
};
const onTexts = (does: (text: string, other: string) => unknown): Handle => {
  return (text, other) => (typeof text === "string" && typeof other === "string" ? does(text, other) : undefined);
};

/** `text.indexOf(part)`, from the place where it may start if that is told. */
const search = (name: string, does: (text: string, part: string, from?: number) => number): Handle => {
  return (text, part, from) => {
    if (typeof text !== "string" || typeof part !== "string") return undefined;
    if (from === undefined) return BigInt(does(text, part));
    if (typeof from !== "bigint") return undefined;
    if (part === "") return from;
    const start = Number(from);
    return start < 0 || start >= text.length
      ? new Failure(`string.${name}(search, fromIndex): fromIndex out of range`)
      : BigInt(does(text, part, start));
  };
};

const ofDate: Readonly<Record<string, (date: Date) => number>> = {
  getDate: (date) => date.getUTCDate(),
  getDayOfMonth: (date) => date.getUTCDate() - 1,
  getDayOfWeek: (date) => date.getUTCDay(),
  getDayOfYear: (date) => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000),
  getFullYear: (date) => date.getUTCFullYear(),
  getHours: (date) => date.getUTCHours(),
  getMinutes: (date) => date.getUTCMinutes(),
  getMonth: (date) => date.getUTCMonth(),
  getSeconds: (date) => date.getUTCSeconds(),
  getMilliseconds: (date) => date.getUTCMilliseconds(),
};
const ofDuration: Readonly<Record<string, (duration: Duration) => bigint>> = {
  getHours: (duration) => duration.getHours(),
  getMinutes: (duration) => duration.getMinutes(),
  getSeconds: (duration) => duration.getSeconds(),
  getMilliseconds: (duration) => duration.getMilliseconds(),
};

const notOnlyTexts = new Failure("string.join(): list must contain only strings");
const notOnlyTextsBy = new Failure("string.join(separator): list must contain only strings");
const outOfBytes = new Failure("Bytes index out of range");

/** `receiver.name(arguments)`. */
export const methods: Readonly<Record<string, Handle>> = {
  __proto__: null as never,
  // What is declared as a list is asked for no more; of others the first tells whether this is for them.
  join: (list, by) =>
    Array.isArray(list) && typeof (list[0] ?? "") === "string" ? methods["joinList"]!(list, by) : undefined,
  joinList(list, by) {
    if (!Array.isArray(list) || (by !== undefined && typeof by !== "string")) return undefined;
    let joined = "";
    for (let index = 0; index < list.length; index++) {
      const item: unknown = list[index];
      if (typeof item !== "string") return by === undefined ? notOnlyTexts : notOnlyTextsBy;
      joined = index === 0 ? item : by === undefined || by === "" ? joined + item : joined + by + item;
    }
    return joined;
  },
  json: ask,
  hex: onBytes((bytes) => bytes.toString("hex")),
  base64: onBytes((bytes) => bytes.toString("base64")),
  string: onBytes((bytes) => bytes.toString()),
  at(bytes, index) {
    if (!(bytes instanceof Uint8Array) || typeof index !== "bigint") return undefined;
    return index < 0n || index >= bytes.length ? outOfBytes : BigInt(bytes[Number(index)]!);
  },
  size: sizeOf,
  startsWith: onTexts((text, part) => text.startsWith(part)),
  endsWith: onTexts((text, part) => text.endsWith(part)),
  contains: onTexts((text, part) => text.includes(part)),
  lowerAscii: onText((text) => text.toLowerCase()),
  upperAscii: onText((text) => text.toUpperCase()),
  trim: onText((text) => text.trim()),
  indexOf: search("indexOf", (text, part, from) => text.indexOf(part, from)),
  lastIndexOf: search("lastIndexOf", (text, part, from) => text.lastIndexOf(part, from)),
  substring(text, from, to) {
    if (typeof text !== "string" || typeof from !== "bigint") return undefined;
    if (to !== undefined && typeof to !== "bigint") return undefined;
    const [start, end] = [Number(from), to === undefined ? text.length : Number(to)];
    const wrong = start < 0 || start > text.length ? "start" : end < start || end > text.length ? "end" : undefined;
    return wrong === undefined
      ? text.substring(start, end)
      : new Failure(`string.substring(start, end): ${wrong} index out of range`);
  },
  split(text, by, most) {
    if (typeof text !== "string" || typeof by !== "string") return undefined;
    if (most !== undefined && typeof most !== "bigint") return undefined;
    const parts = text.split(by);
    const limit = Number(most ?? -1n);
    if (limit < 0 || parts.length <= limit) return parts;
    return limit === 0 ? [] : [...parts.slice(0, limit - 1), parts.slice(limit - 1).join(by)];
  },
  ...Object.fromEntries(Object.keys(ofDate).map((name) => [name, partOfTime(name)])),
};

function partOfTime(name: string): Handle {
  const [date, duration] = [ofDate[name]!, ofDuration[name]];
  return (time, zone) => {
    if (time instanceof Duration) return zone === undefined ? duration?.(time) : undefined;
    if (!(time instanceof Date)) return undefined;
    if (Number.isNaN(time.getTime())) return unsure;
    if (zone !== undefined && typeof zone !== "string") return undefined;
    // Which the library asks of no zone, and of the empty one.
    const isPlain = name === "getMilliseconds" || (zone === "" && name === "getDayOfYear");
    if (zone === undefined || isPlain) return BigInt(date(time));
    const there = wallClockIn(zone, time.getTime());
    return there instanceof Failure ? there : BigInt(date(there));
  };
}

/**
 * A zone with its offset from UTC in the quarter of an hour that was asked about last: it changes at none's middle. And
 * with the time that was asked about last, as clocks show it there: rules ask of one moment.
 */
type Zone = {
  readonly format: Intl.DateTimeFormat;
  quarter: number;
  offsetMs: number;
  ms: number;
  readonly shown: Date;
};
const zones = new Map<string, Zone | Failure>();
const zonesMax = 64;
const zoneNameMax = 64;
const quarterMs = 900_000;
const wallClock = { hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric" } as const;

function wallClockIn(name: string, ms: number): Date | Failure {
  let zone = zones.get(name);
  if (zone === undefined) {
    zone = openZone(name);
    // Callers may name zones: those of the config are soon known again.
    if (zones.size >= zonesMax) zones.clear();
    if (name.length <= zoneNameMax) zones.set(name, zone);
  }
  if (zone instanceof Failure) return zone;
  if (zone.ms === ms) return zone.shown;
  const quarter = Math.floor(ms / quarterMs);
  if (zone.quarter !== quarter) {
    const start = quarter * quarterMs;
    const parts = Object.fromEntries(zone.format.formatToParts(start).map(({ type, value }) => [type, Number(value)]));
    const { year, month, day, hour, minute, second } = parts as Record<
      keyof typeof wallClock | "minute" | "second",
      number
    >;
    zone.offsetMs = Date.UTC(year, month - 1, day, hour, minute, second) - start;
    zone.quarter = quarter;
  }
  zone.ms = ms;
  zone.shown.setTime(ms + zone.offsetMs);
  return zone.shown;
}

function openZone(name: string): Zone | Failure {
  const wrong = new Failure(`Invalid time zone specified: ${name}`);
  if (name.length > zoneNameMax) return wrong;
  try {
    const options = { ...wallClock, minute: "numeric", second: "numeric", timeZone: name } as const;
    return {
      format: new Intl.DateTimeFormat("en-US", options),
      quarter: Number.NaN,
      offsetMs: 0,
      ms: Number.NaN,
      shown: new Date(0),
    };
  } catch {
    return wrong;
  }
}

/** Of two values whose types have the operator; undefined: they have not. */
export function computed(operator: string, a: unknown, b: unknown): unknown {
  if (typeof a === "bigint") return typeof b === "bigint" ? wholes(operator, a, b) : undefined;
  if (typeof a === "number") return typeof b === "number" ? doubles(operator, a, b) : undefined;
  if (typeof a === "string") return typeof b === "string" && operator === "+" ? a + b : undefined;
  if (operator === "+" && Array.isArray(a)) return Array.isArray(b) ? [...a, ...b] : undefined;
  if (operator === "+" && a instanceof Uint8Array) return b instanceof Uint8Array ? Buffer.concat([a, b]) : undefined;
  return times(operator, a, b);
}

const divisionByZero = new Failure("division by zero");
const moduloByZero = new Failure("modulo by zero");

function wholes(operator: string, a: bigint, b: bigint): unknown {
  if (operator === "/") return b === 0n ? divisionByZero : a / b;
  if (operator === "%") return b === 0n ? moduloByZero : a % b;
  const result = operator === "+" ? a + b : operator === "-" ? a - b : a * b;
  return fits(result) ? result : new Failure(`integer overflow: ${result}`);
}

function doubles(operator: string, a: number, b: number): number | undefined {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    default:
      return undefined;
  }
}

function times(operator: string, a: unknown, b: unknown): unknown {
  const minus = operator === "-";
  if (!minus && operator !== "+") return undefined;
  if (a instanceof Duration) {
    if (b instanceof Duration) return minus ? a.subtractDuration(b) : a.addDuration(b);
    return b instanceof Date && !minus ? a.extendTimestamp(b) : undefined;
  }
  if (!(a instanceof Date)) return undefined;
  if (b instanceof Duration) return minus ? b.subtractTimestamp(a) : b.extendTimestamp(a);
  if (!minus || !(b instanceof Date)) return undefined;
  const between = a.getTime() - b.getTime();
  return Number.isNaN(between) ? unsure : Duration.fromMilliseconds(between);
}

/** Two times of a kind; undefined: they are none. */
export function sameTime(a: unknown, b: unknown): boolean | undefined {
  if (a instanceof Date) return b instanceof Date ? a.getTime() === b.getTime() : undefined;
  if (!(a instanceof Duration && b instanceof Duration)) return undefined;
  return a.seconds === b.seconds && a.nanos === b.nanos;
}

/** Nothing is called so for these. */
export function noOverload(name: string, values: readonly unknown[], isMethod: boolean): Failure {
  const types = values.map(typeOf);
  if (types.includes(undefined)) return unsure;
  const [receiver, ...rest] = types;
  const call = isMethod ? `${receiver!.split("<")[0]}.${name}(${rest.join(", ")})` : `${name}(${types.join(", ")})`;
  return new Failure(`found no matching overload for '${call}'`);
}
