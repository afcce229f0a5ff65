/**
 * A checked condition as a tree of closures, for the part of CEL that rules are mostly written in. Hides how a condition
 * fails without anything being thrown: an exception costs more than a whole decision, and a rule that asks for a header
 * that most requests lack fails with each of them.
 *
 * The library stays the reference. Where a value is met whose treatment is not plain, the answer is `unsure`, and the
 * library is asked. `test/daemon/routing/condition-closure.test.ts` holds the two against each other.
 */
import type { Facts } from "./facts.ts";

/** Why a condition has no answer, in the library's words. */
export class Failure {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

export const unsure = new Failure("");

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
    return value === undefined ? missing(key) : value;
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
  return value !== undefined && isPlain(value) ? value : unsure;
}

function missing(key: unknown): Failure {
  return typeof key === "string" ? new Failure(`No such key: ${key}`) : unsure;
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
    return chosen === true ? yes(facts) : chosen === false ? no(facts) : unsure;
  };
}

function equality(wanted: boolean, left: Step, right: Step): Step {
  return (facts) => {
    const first = left(facts);
    if (first instanceof Failure) return first;
    const second = right(facts);
    if (second instanceof Failure) return second;
    if (kindOf(first) === undefined || kindOf(second) === undefined) return unsure;
    return equal(first, second) === wanted;
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
  return (facts) => {
    const first = left(facts);
    if (first instanceof Failure) return first;
    const second = right(facts);
    if (second instanceof Failure) return second;
    if (haveOrder(first, second)) return holds(first as Ordered, second as Ordered);
    const [one, other] = [typeText(leftNode, first), typeText(rightNode, second)];
    return one === undefined || other === undefined ? unsure : new Failure(`no such overload: ${one} ${op} ${other}`);
  };
}

type Ordered = string | number;
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
  return typeof a === typeof b && (typeof a === "string" || typeof a === "boolean");
}

/** As the library tells of an operand: by its declared type, or by the value's where that is open. */
function typeText({ checkedType }: CheckedNode, value: unknown): string | undefined {
  const kind = kindOf(value);
  return kind === undefined || checkedType === undefined
    ? undefined
    : checkedType.kind === "dyn"
      ? `dyn<${kind}>`
      : checkedType.name;
}

/** In a list that is written out, or among the names of a map of known type. */
function membership(leftNode: CheckedNode, rightNode: CheckedNode, at: Compiling): Step {
  const left = stepOf(leftNode, at);
  const right = stepOf(rightNode, at);
  const isMap = rightNode.checkedType?.kind === "map" && leftNode.checkedType?.name === "string";
  if (!isMap && rightNode.op !== "list") return always(unsure);
  return (facts) => {
    const value = left(facts);
    if (value instanceof Failure) return value;
    const within = right(facts);
    if (within instanceof Failure) return within;
    if (isMap)
      return isRecord(within)
        ? Object.hasOwn(within, value as string) && within[value as string] !== undefined
        : unsure;
    if (kindOf(value) === undefined) return unsure;
    return (within as readonly unknown[]).some((item) => equal(value, item));
  };
}

function call([name, args]: readonly [string, readonly CheckedNode[]], at: Compiling): Step {
  if (name === "has") return presence(args[0]!, at);
  if (args.length !== 1) return always(unsure);
  const handle = calls[name];
  return handle === undefined ? always(unsure) : applied(stepOf(args[0]!, at), handle);
}

function applied(operand: Step, handle: (value: unknown) => unknown): Step {
  return (facts) => {
    const value = operand(facts);
    return value instanceof Failure ? value : handle(value);
  };
}

const calls: Readonly<Record<string, (value: unknown) => unknown>> = {
  size: (value) => sizeOf(value),
  int: (value) => {
    if (typeof value === "bigint") return value;
    if (typeof value !== "string") return unsure;
    if (/^-?\d{1,18}$/.test(value)) return BigInt(value);
    // Of other notations, and of what may be too large, the library knows.
    return /^[-+]?(?:\d*|0[xob].*)$/i.test(value) ? unsure : new Failure("int() type error: cannot convert to int");
  },
  double: (value) => {
    if (typeof value === "number") return value;
    if (typeof value !== "string" || /inf|nan/i.test(value)) return unsure;
    const parsed = value === "" || value !== value.trim() ? Number.NaN : Number(value);
    return Number.isNaN(parsed) ? new Failure("double() type error: cannot convert to double") : parsed;
  },
};

function sizeOf(value: unknown): unknown {
  if (typeof value === "string") return BigInt(isAscii.test(value) ? value.length : [...value].length);
  if (Array.isArray(value)) return BigInt(value.length);
  return isRecord(value) ? BigInt(Object.keys(value).length) : unsure;
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
const isAscii = /^[\x00-\x7f]*$/;

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
      if (value === undefined) return index === names.length - 1 ? false : missing(name);
    }
    return value instanceof Failure ? value : true;
  };
}

function method([name, receiver, args]: readonly [string, CheckedNode, readonly CheckedNode[]], at: Compiling): Step {
  const [first, second] = args;
  if (name === "size" && args.length === 0) return applied(stepOf(receiver, at), sizeOf);
  const walk = walks[name];
  if (walk !== undefined && args.length === 2 && first!.op === "id")
    return walked(walk, stepOf(receiver, at), first!.args as string, second!, at);
  const text = name === "matchesLinear" ? at.find : texts[name];
  if (text === undefined || args.length !== 1) return always(unsure);
  const of = stepOf(receiver, at);
  const argument = stepOf(first!, at);
  return (facts) => {
    // The argument is asked first, and its error is the one that is told.
    const wanted = argument(facts);
    if (wanted instanceof Failure) return wanted;
    const whole = of(facts);
    if (whole instanceof Failure) return whole;
    if (typeof whole !== "string" || typeof wanted !== "string") return unsure;
    return name === "matchesLinear" ? text(wanted, whole) : text(whole, wanted);
  };
}

const texts: Readonly<Record<string, (text: string, part: string) => boolean>> = {
  startsWith: (text, part) => text.startsWith(part),
  endsWith: (text, part) => text.endsWith(part),
  contains: (text, part) => text.includes(part),
};

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
    if (items === undefined) return unsure;
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

/** Of a value without members; undefined: it has some, or is of no kind that a request can bring. */
function kindOf(value: unknown): string | undefined {
  return value === null ? "null" : kinds[typeof value];
}

const kinds: Readonly<Record<string, string>> = {
  string: "string",
  bigint: "int",
  number: "double",
  boolean: "bool",
};

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** As JSON has them. */
function isPlain(value: unknown): boolean {
  return kindOf(value) !== undefined || Array.isArray(value) || isRecord(value);
}
