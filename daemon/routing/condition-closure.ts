/**
 * A checked condition as a tree of closures, for the part of CEL that rules are mostly written in. Hides how a condition
 * fails without anything being thrown: an exception costs more than a whole decision, and a rule that asks for a header
 * that most requests lack fails with each of them.
 *
 * The library stays the reference. Where a value is met whose treatment is not plain, the answer is `unsure`, and the
 * library is asked. `test/daemon/routing/condition-closure.test.ts` holds the two against each other.
 */
import { computed, functions, type Handle, methods, noOverload, sameTime } from "./condition-functions.ts";
import { Failure, isPlain, isRecord, kindOf, typeOf, unsure } from "./condition-value.ts";
import type { Facts } from "./facts.ts";

/** The library's node, once its types are checked. */
export type CheckedNode = {
  readonly op: string;
  readonly args: unknown;
  readonly checkedType?: { readonly name: string; readonly kind: string };
};

export type Find = (pattern: string, text: string) => boolean;

type Step = (facts: Facts) => unknown;
/** The variable of the walk that a node is in: there is one at most. */
type Walk = { readonly name: string; item: unknown };
type Compiling = { readonly find: Find; readonly walk: Walk | undefined };

/** @param find how `matches` is answered */
export function closureOf(node: CheckedNode, find: Find): (facts: Facts) => boolean | Failure {
  const step = stepOf(node, { find, walk: undefined });
  return (facts) => {
    const value = step(facts);
    return value === true || value === false || value instanceof Failure ? value : unsure;
  };
}

const always = (value: unknown): Step => {
  return () => value;
};

function stepOf(node: CheckedNode, at: Compiling): Step {
  const { op, args } = node;
  const parts = args as readonly CheckedNode[];
  switch (op) {
    case "value":
      return always(args);
    case "id":
      return variable(args as string, at.walk);
    case ".":
      return access(stepOf(parts[0]!, at), always(Array.isArray(args) ? args[1] : undefined));
    case "[]":
      return access(stepOf(parts[0]!, at), stepOf(parts[1]!, at));
    case "||":
    case "&&":
      return logic(op === "||", stepOf(parts[0]!, at), stepOf(parts[1]!, at));
    case "!_":
      return not(stepOf(args as CheckedNode, at));
    case "?:":
      return choice(stepOf(parts[0]!, at), stepOf(parts[1]!, at), stepOf(parts[2]!, at));
    case "==":
    case "!=":
      return equality(op === "==", stepOf(parts[0]!, at), stepOf(parts[1]!, at));
    case "<":
    case "<=":
    case ">":
    case ">=":
      return comparison(op, parts[0]!, parts[1]!, at);
    case "in":
      return membership(parts[0]!, parts[1]!, at);
    case "list":
      return parts.every((part) => part.op === "value") ? always(parts.map((part) => part.args)) : always(unsure);
    case "+":
    case "-":
    case "*":
    case "/":
    case "%":
      return arithmetic(op, parts[0]!, parts[1]!, at);
    case "-_":
      return minus(stepOf(args as CheckedNode, at));
    case "call":
      return call(args as readonly [string, readonly CheckedNode[]], at);
    case "rcall":
      return method(args as readonly [string, CheckedNode, readonly CheckedNode[]], at);
    default:
      return always(unsure);
  }
}

function variable(name: string, walk: Walk | undefined): Step {
  if (walk?.name === name) return () => walk.item;
  return (facts) => facts[name as keyof Facts] ?? unsure;
}

function access(left: Step, right: Step): Step {
  return (facts) => {
    const from = left(facts);
    if (from instanceof Failure) return from;
    const key = right(facts);
    if (key instanceof Failure) return key;
    const value = memberOf(from, key);
    return value === undefined ? missing(from, key) : value;
  };
}

/** undefined: there is none. */
function memberOf(from: unknown, key: unknown): unknown {
  if (typeof key !== "string") return Array.isArray(from) ? itemOf(from, key) : unsure;
  if (!isRecord(from)) return isPlain(from) ? undefined : unsure;
  if (!Object.hasOwn(from, key)) return undefined;
  const value = from[key];
  return value === undefined || isPlain(value) ? value : unsure;
}

function itemOf(list: readonly unknown[], index: unknown): unknown {
  if (typeof index !== "bigint") return unsure;
  const value = list[Number(index)];
  return value === undefined || isPlain(value) ? value : unsure;
}

function missing(from: unknown, key: unknown): Failure {
  if (typeof key === "string") return new Failure(`No such key: ${key}`);
  if (!Array.isArray(from) || typeof key !== "bigint") return unsure;
  const bound = key < 0n ? "< 0" : `>= size ${from.length || undefined}`;
  return new Failure(`No such key: index out of bounds, index ${key} ${bound}`);
}

/** Errors of one side are forgotten where the other decides; where both sides fail, the right one is told. */
function logic(decisive: boolean, left: Step, right: Step): Step {
  return (facts) => {
    const first = left(facts);
    if (first === decisive) return decisive;
    const second = right(facts);
    if (second === decisive) return decisive;
    if (first === unsure || second === unsure) return unsure;
    if (second instanceof Failure) return second;
    if (typeof second !== "boolean") return noBool(second);
    if (first instanceof Failure || typeof first === "boolean") return first;
    return noBool(first);
  };
}

function noBool(value: unknown): Failure {
  const kind = kindOf(value);
  return kind === undefined ? unsure : new Failure(`Logical operator requires bool operands, got '${kind}'`);
}

function not(operand: Step): Step {
  return (facts) => {
    const value = operand(facts);
    if (typeof value === "boolean") return !value;
    if (value instanceof Failure) return value;
    const kind = kindOf(value);
    return kind === undefined ? unsure : new Failure(`no such overload: !${kind}`);
  };
}

function choice(condition: Step, yes: Step, no: Step): Step {
  return (facts) => {
    const chosen = condition(facts);
    if (chosen instanceof Failure) return chosen;
    if (typeof chosen === "boolean") return chosen ? yes(facts) : no(facts);
    const type = typeOf(chosen);
    return type === undefined ? unsure : new Failure(`Ternary condition must be bool, got '${type}'`);
  };
}

function equality(wanted: boolean, left: Step, right: Step): Step {
  return (facts) => {
    const first = left(facts);
    if (first instanceof Failure) return first;
    const second = right(facts);
    if (second instanceof Failure) return second;
    if (kindOf(first) !== undefined && kindOf(second) !== undefined) return equal(first, second) === wanted;
    const same = sameTime(first, second);
    return same === undefined ? unsure : same === wanted;
  };
}

/** Of two values without members. An `int` is a BigInt, which the language compares with a number exactly. */
function equal(a: unknown, b: unknown): boolean {
  if (typeof a === "bigint" && typeof b === "number") return a >= b && a <= b;
  if (typeof a === "number" && typeof b === "bigint") return a >= b && a <= b;
  return a === b;
}

function comparison(op: string, leftNode: CheckedNode, rightNode: CheckedNode, at: Compiling): Step {
  const left = stepOf(leftNode, at);
  const right = stepOf(rightNode, at);
  const holds = comparisons[op]!;
  const wrong = noOperator(op, leftNode, rightNode);
  return (facts) => {
    const first = left(facts);
    if (first instanceof Failure) return first;
    const second = right(facts);
    if (second instanceof Failure) return second;
    return haveOrder(first, second) ? holds(first as Ordered, second as Ordered) : wrong(first, second);
  };
}

function arithmetic(op: string, leftNode: CheckedNode, rightNode: CheckedNode, at: Compiling): Step {
  const left = stepOf(leftNode, at);
  const right = stepOf(rightNode, at);
  const wrong = noOperator(op, leftNode, rightNode);
  return (facts) => {
    const first = left(facts);
    if (first instanceof Failure) return first;
    const second = right(facts);
    if (second instanceof Failure) return second;
    return computed(op, first, second) ?? wrong(first, second);
  };
}

function minus(operand: Step): Step {
  return (facts) => {
    const value = operand(facts);
    if (value instanceof Failure) return value;
    if (typeof value === "bigint" || typeof value === "number") return -value;
    const type = typeOf(value);
    return type === undefined ? unsure : new Failure(`no such overload: -${type}`);
  };
}

/** The failure of two values that an operator is not for; the last one is kept, since types seldom change. */
function noOperator(op: string, left: CheckedNode, right: CheckedNode): (first: unknown, second: unknown) => Failure {
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

type Ordered = string | number; // and times, which the language orders by their milliseconds
const comparisons: Readonly<Record<string, (a: Ordered, b: Ordered) => boolean>> = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

/** The language compares an `int` with a `double` as CEL does. */
function haveOrder(a: unknown, b: unknown): boolean {
  const isNumber = (value: unknown): boolean => typeof value === "number" || typeof value === "bigint";
  if (isNumber(a)) return isNumber(b);
  if (typeof a === "object") return sameTime(a, b) !== undefined;
  return typeof a === typeof b && (typeof a === "string" || typeof a === "boolean");
}

/** As the library tells of an operand: by its declared type, or by the value's where that is open. */
function typeText({ checkedType }: CheckedNode, type: string): string {
  return checkedType === undefined || checkedType.kind === "dyn" ? `dyn<${type}>` : checkedType.name;
}

/** In a list that is written out, or among the names of a map of known type; of others only what fails is told. */
function membership(leftNode: CheckedNode, rightNode: CheckedNode, at: Compiling): Step {
  const left = stepOf(leftNode, at);
  const right = stepOf(rightNode, at);
  const isMap = rightNode.checkedType?.kind === "map" && leftNode.checkedType?.name === "string";
  const isList = rightNode.op === "list";
  const wrong = noOperator("in", leftNode, rightNode);
  return (facts) => {
    const value = left(facts);
    if (value instanceof Failure) return value;
    const within = right(facts);
    if (within instanceof Failure) return within;
    if (isMap)
      return isRecord(within)
        ? Object.hasOwn(within, value as string) && within[value as string] !== undefined
        : unsure;
    if (!isList) return wrong(value, within);
    if (kindOf(value) === undefined) return unsure;
    return (within as readonly unknown[]).some((item) => equal(value, item));
  };
}

function call([name, args]: readonly [string, readonly CheckedNode[]], at: Compiling): Step {
  if (name === "has") return presence(args[0]!, at);
  return applied(name, functions[name], args, false, at);
}

/** Arguments are asked from the last to the first, and the first error on this way is the one that is told. */
function applied(
  name: string,
  handle: Handle | undefined,
  operands: readonly CheckedNode[],
  isMethod: boolean,
  at: Compiling,
): Step {
  const call = (values: readonly unknown[]): unknown =>
    handle?.(values[0], values[1], values[2]) ?? noOverload(name, values, isMethod);
  if (handle !== undefined && operands.every(({ op }) => op === "value"))
    return always(call(operands.map(({ args }) => args)));
  const [first, second, third] = operands.map((operand) => stepOf(operand, at));
  // What is not known here may be a walk: its operands are no values.
  if (handle === undefined || first === undefined || operands.length > 3) return always(unsure);
  return (facts) => {
    const c = third?.(facts);
    if (c instanceof Failure) return c;
    const b = second?.(facts);
    if (b instanceof Failure) return b;
    const a = first(facts);
    if (a instanceof Failure) return a;
    return handle(a, b, c) ?? call([a, b, c].slice(0, operands.length));
  };
}

/** `has(a.b.c)`: all but the last must be there. */
function presence(node: CheckedNode, at: Compiling): Step {
  const names: string[] = [];
  let first = node;
  for (; first.op === "."; first = (first.args as readonly [CheckedNode, string])[0])
    names.unshift((first.args as readonly [CheckedNode, string])[1]);
  if (first.op !== "id") return always(unsure);
  const root = stepOf(first, at);
  return (facts) => {
    let value = root(facts);
    for (let index = 0; index < names.length; index++) {
      if (value instanceof Failure) return value;
      const name = names[index]!;
      value = Array.isArray(value) ? undefined : memberOf(value, name);
      if (value === undefined) return index === names.length - 1 ? false : missing(value, name);
    }
    return value instanceof Failure ? value : true;
  };
}

function method([name, receiver, args]: readonly [string, CheckedNode, readonly CheckedNode[]], at: Compiling): Step {
  const walk = walks[name];
  if (walk !== undefined && args.length === 2 && args[0]!.op === "id")
    return walked(walk, stepOf(receiver, at), args[0]!.args as string, args[1]!, at);
  const matches: Handle = (text, pattern) =>
    typeof text === "string" && typeof pattern === "string" ? at.find(pattern, text) : unsure;
  return applied(name, name === "matchesLinear" ? matches : methods[name], [receiver, ...args], true, at);
}

/** What ends a walk at once; undefined: it counts to the end, and nothing may fail. */
const walks: Readonly<Record<string, { readonly ends: boolean | undefined }>> = {
  exists: { ends: true },
  all: { ends: false },
  exists_one: { ends: undefined },
};

function walked(
  { ends }: { readonly ends: boolean | undefined },
  over: Step,
  name: string,
  body: CheckedNode,
  at: Compiling,
): Step {
  const walk: Walk = { name, item: undefined };
  const predicate = stepOf(body, { ...at, walk });
  return (facts) => {
    const from = over(facts);
    if (from instanceof Failure) return from;
    const items = Array.isArray(from) ? from : isRecord(from) ? Object.keys(from) : undefined;
    if (items === undefined) return noRange(from);
    let failure: Failure | undefined;
    let count = 0;
    for (const item of items) {
      if (!isPlain(item)) return unsure;
      walk.item = item;
      const found = predicate(facts);
      if (found === unsure) return unsure;
      if (found instanceof Failure) {
        if (ends === undefined) return found;
        failure ??= found;
      } else if (typeof found !== "boolean") return unsure;
      else if (found === ends) return ends;
      else if (found) count++;
    }
    return failure ?? (ends === undefined ? count === 1 : !ends);
  };
}

function noRange(value: unknown): Failure {
  const type = typeOf(value);
  return type === undefined
    ? unsure
    : new Failure(`Expression of type '${type}' cannot be range of a comprehension (must be list, map, or dynamic).`);
}
