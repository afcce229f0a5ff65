/** What conditions handle: values as requests bring them, bytes, times, and failures that are values too. */
import { Duration, UnsignedInt } from "@marcbachmann/cel-js/evaluator";

/** Why a condition has no answer, in the library's words. */
export class Failure {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** The library has to be asked. */
export const unsure = new Failure("");

/** Of a value without members; undefined: it has some, is a time, or is of no kind that a request can bring. */
export function kindOf(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
      return "string";
    case "bigint":
      return "int";
    case "number":
      return "double";
    case "boolean":
      return "bool";
    default:
      return value === null ? "null" : undefined;
  }
}

/** As errors call it: lists and maps by the first of their members. */
export function typeOf(value: unknown): string | undefined {
  const kind = kindOf(value);
  if (kind !== undefined) return kind;
  if (value instanceof Date) return "google.protobuf.Timestamp";
  if (value instanceof Duration) return "google.protobuf.Duration";
  if (value instanceof Uint8Array) return "bytes";
  if (Array.isArray(value)) return withMember("list<", value.length === 0 ? "dyn" : typeOf(value[0]));
  if (!isRecord(value)) return undefined;
  for (const name in value) return withMember("map<string, ", typeOf(value[name]));
  return "map<dyn, dyn>";
}

function withMember(start: string, member: string | undefined): string | undefined {
  return member === undefined ? undefined : `${start}${member}>`;
}

/** Whether two values are equal, members and all; undefined: the library has to be asked. */
export function same(a: unknown, b: unknown): boolean | undefined {
  if (kindOf(a) !== undefined && kindOf(b) !== undefined) return equal(a, b);
  if (a instanceof UnsignedInt && b instanceof UnsignedInt) return a.valueOf() === b.valueOf();
  const [type, other] = [kindWithMembers(a), kindWithMembers(b)];
  if (type === undefined || other === undefined) return undefined;
  if (type !== other) return false;
  if (a instanceof Date) return a.getTime() === (b as Date).getTime();
  if (a instanceof Duration) return a.seconds === (b as Duration).seconds && a.nanos === (b as Duration).nanos;
  if (a instanceof Uint8Array) return Buffer.compare(a, b as Uint8Array) === 0;
  if (Array.isArray(a)) return a === b || sameItems(a, b as readonly unknown[]);
  return a === b || sameMembers(a as Members, b as Members);
}

type Members = Readonly<Record<string, unknown>>;

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean | undefined {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) {
    const found = same(a[index], b[index]);
    if (found !== true) return found;
  }
  return true;
}

function sameMembers(a: Members, b: Members): boolean | undefined {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  for (const name of names) {
    if (name === "__proto__") return undefined;
    const found = Object.hasOwn(b, name) ? same(a[name], b[name]) : false;
    if (found !== true) return found;
  }
  return true;
}

/** Of two values without members. An `int` is a BigInt, which the language compares with a number exactly. */
function equal(a: unknown, b: unknown): boolean {
  if (typeof a === "bigint" && typeof b === "number") return a >= b && a <= b;
  if (typeof a === "number" && typeof b === "bigint") return a >= b && a <= b;
  return a === b;
}

function kindWithMembers(value: unknown): string | undefined {
  if (Array.isArray(value)) return "list";
  return isRecord(value) ? "map" : typeOf(value);
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** As JSON has them, and bytes. */
export function isPlain(value: unknown): boolean {
  return (
    typeof value === "string" ||
    kindOf(value) !== undefined ||
    Array.isArray(value) ||
    isRecord(value) ||
    value instanceof Uint8Array
  );
}
