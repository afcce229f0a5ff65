/**
 * Operators of conditions between two operands. Hides which types have them, what the library says of those that have
 * not, and that a value which is written out is not asked for again with each request.
 */
import type { CheckedNode, Step } from "./condition-closure.ts";
import { computed, sameTime } from "./condition-functions.ts";
import { Failure, isRecord, same, typeOf, unsure } from "./condition-value.ts";

export type Operand = { readonly node: CheckedNode; readonly step: Step };

/** What two values come to; undefined: the operator is not for these. */
type Compute = (first: unknown, second: unknown) => unknown;

/** Undefined: there is no such operator. */
export function binary(op: string, left: Operand, right: Operand): Step | undefined {
  if (op === "==" || op === "!=") return equality(op === "==", left, right);
  if (op === "in") return membership(left, right);
  const compute = comparisons[op] ?? arithmetic[op];
  return compute === undefined ? undefined : applied(left, right, compute, noOperator(op, left.node, right.node));
}

/** The left operand is asked first, and its failure told. */
function applied(left: Operand, right: Operand, compute: Compute, wrong: Compute): Step {
  const { step: first } = left;
  const { step: second } = right;
  if (right.node.op === "value") {
    const constant = right.node.args;
    if (compute === arithmetic["+"] && typeof constant === "string")
      return (facts) => {
        const value = first(facts);
        if (typeof value === "string") return value + constant;
        return value instanceof Failure ? value : (compute(value, constant) ?? wrong(value, constant));
      };
    return (facts) => {
      const value = first(facts);
      if (value instanceof Failure) return value;
      return compute(value, constant) ?? wrong(value, constant);
    };
  }
  return (facts) => {
    const value = first(facts);
    if (value instanceof Failure) return value;
    const other = second(facts);
    if (other instanceof Failure) return other;
    return compute(value, other) ?? wrong(value, other);
  };
}

function equality(wanted: boolean, left: Operand, right: Operand): Step {
  const compare: Compute = (first, second) => {
    const found = same(first, second);
    return found === undefined ? unsure : found === wanted;
  };
  const constant = right.node.op === "value" ? right.node.args : undefined;
  if (typeof constant !== "string") return applied(left, right, compare, compare);
  const { step: first } = left;
  return (facts) => {
    const value = first(facts);
    if (typeof value === "string") return (value === constant) === wanted;
    return value instanceof Failure ? value : compare(value, constant);
  };
}

type Ordered = string | number; // and times, which the language orders by their milliseconds
const ordered = (holds: (a: Ordered, b: Ordered) => boolean): Compute => {
  return (first, second) => (haveOrder(first, second) ? holds(first as Ordered, second as Ordered) : undefined);
};
const comparisons: Readonly<Record<string, Compute>> = {
  "<": ordered((a, b) => a < b),
  "<=": ordered((a, b) => a <= b),
  ">": ordered((a, b) => a > b),
  ">=": ordered((a, b) => a >= b),
};
const arithmetic: Readonly<Record<string, Compute>> = Object.fromEntries(
  ["+", "-", "*", "/", "%"].map((op) => [op, (first: unknown, second: unknown) => computed(op, first, second)]),
);

/** The language compares an `int` with a `double` as CEL does. */
function haveOrder(a: unknown, b: unknown): boolean {
  const type = typeof a;
  if (type === "number" || type === "bigint") return typeof b === "number" || typeof b === "bigint";
  if (type === "object") return sameTime(a, b) !== undefined;
  return type === typeof b && (type === "string" || type === "boolean");
}

/** The failure of two values that an operator is not for; the last one is kept, since types seldom change. */
function noOperator(op: string, left: CheckedNode, right: CheckedNode): Compute {
  let one: string | undefined;
  let other: string | undefined;
  let last = unsure;
  return (first, second) => {
    const [a, b] = [typeOf(first), typeOf(second)];
    if (a === undefined || b === undefined) return unsure;
    if (a !== one || b !== other) {
      [one, other] = [a, b];
      last = new Failure(`no such overload: ${typeText(left, a)} ${op} ${typeText(right, b)}`);
    }
    return last;
  };
}

/** As the library tells of an operand: by its declared type, or by the value's where that is open. */
function typeText({ checkedType }: CheckedNode, type: string): string {
  return checkedType === undefined || checkedType.hasDynType ? `dyn<${type}>` : checkedType.name;
}

/** In a list, or among the names of a map. */
function membership(left: Operand, right: Operand): Step {
  const { step: first } = left;
  const { step: second } = right;
  const wrong = noOperator("in", left.node, right.node);
  return (facts) => {
    const value = first(facts);
    if (value instanceof Failure) return value;
    const within = second(facts);
    if (Array.isArray(within)) return isAmong(value, within);
    if (within instanceof Failure) return within;
    if (!isRecord(within)) return wrong(value, within);
    if (typeof value !== "string") return unsure;
    return Object.hasOwn(within, value) && within[value] !== undefined;
  };
}

function isAmong(value: unknown, list: readonly unknown[]): unknown {
  if (typeof value === "string") return list.includes(value);
  for (const item of list) {
    const found = same(value, item);
    if (found === undefined) return unsure;
    if (found) return true;
  }
  return false;
}
