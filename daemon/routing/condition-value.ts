/** What conditions handle: values as requests bring them, times, and failures that are values too. */
import { Duration } from "@marcbachmann/cel-js/evaluator";

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
  return value === null ? "null" : kinds[typeof value];
}

const kinds: Readonly<Record<string, string>> = {
  string: "string",
  bigint: "int",
  number: "double",
  boolean: "bool",
};

/** The same, of times too. */
export function typeOf(value: unknown): string | undefined {
  const kind = kindOf(value);
  if (kind !== undefined) return kind;
  if (value instanceof Date) return "google.protobuf.Timestamp";
  return value instanceof Duration ? "google.protobuf.Duration" : undefined;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** As JSON has them. */
export function isPlain(value: unknown): boolean {
  return kindOf(value) !== undefined || Array.isArray(value) || isRecord(value);
}
