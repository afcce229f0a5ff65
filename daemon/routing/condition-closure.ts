/**
 * A checked condition as a tree of closures, for the part of CEL that rules are mostly written in. Hides how a condition
 * fails without anything being thrown: an exception costs more than a whole decision, and a rule that asks for a header
 * that most requests lack fails with each of them.
 *
 * The library stays the reference. Where a value is met whose treatment is not plain, the answer is `unsure`, and the
 * library is asked. `test/daemon/routing/condition-closure.test.ts` holds the two against each other.
 */
import { functions, type Handle, methods, noOverload } from "./condition-functions.ts";
import { binary } from "./condition-operators.ts";
import { Failure, isPlain, isRecord, kindOf, typeOf, unsure } from "./condition-value.ts";
import { type Walk, walkOf } from "./condition-walks.ts";
import type { Facts } from "./facts.ts";

/** The library's node, once its types are checked. */
export type CheckedNode = {
  readonly op: string;
  readonly args: unknown;
  readonly checkedType?: { readonly name: string; readonly kind: string; readonly hasDynType: boolean };
};

export type Find = (pattern: string, text: string) => boolean;

export type Step = (facts: Facts) => unknown;
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
      return member(stepOf(parts[0]!, at), (args as readonly [CheckedNode, string])[1]);
    case "[]":
      return parts[1]!.op === "value" && typeof parts[1]!.args === "string"
        ? member(stepOf(parts[0]!, at), parts[1]!.args)
        : access(stepOf(parts[0]!, at), stepOf(parts[1]!, at));
    case "||":
    case "&&":
      return logic(op === "||", stepOf(parts[0]!, at), stepOf(parts[1]!, at));
    case "!_":
      return not(stepOf(args as CheckedNode, at));
    case "?:":
      return choice(stepOf(parts[0]!, at), stepOf(parts[1]!, at), stepOf(parts[2]!, at));
    case "list":
      return list(parts, at);
    case "map":
      return map(args as readonly (readonly [CheckedNode, CheckedNode])[], at);
    case "-_":
      return minus(stepOf(args as CheckedNode, at));
    case "call":
      return call(args as readonly [string, readonly CheckedNode[]], at);
    case "rcall":
      return method(args as readonly [string, CheckedNode, readonly CheckedNode[]], at);
    default:
      return Array.isArray(args) && args.length === 2
        ? (binary(op, ...operands(parts, at)) ?? always(unsure))
        : always(unsure);
  }
}

function operands([left, right]: readonly CheckedNode[], at: Compiling) {
  const operand = (node: CheckedNode) => ({ node, step: stepOf(node, at) });
  return [operand(left!), operand(right!)] as const;
}

function variable(name: string, walk: Walk | undefined): Step {
  if (walk?.name === name) return () => walk.item;
  return known[name] ?? ((facts) => facts[name as keyof Facts] ?? unsure);
}

/** Facts that most rules ask for: read by a name that stands in the code, which is several times as fast. */
const known: Readonly<Record<string, Step>> = {
  __proto__: null as never,
  model: (facts) => facts.model ?? unsure,
  headers: (facts) => facts.headers ?? unsure,
  params: (facts) => facts.params ?? unsure,
  stream: (facts) => facts.stream ?? unsure,
  tokens: (facts) => facts.tokens ?? unsure,
  has_tools: (facts) => facts.has_tools ?? unsure,
  key: (facts) => facts.key ?? unsure,
  team: (facts) => facts.team ?? unsure,
  customer: (facts) => facts.customer ?? unsure,
  budget_used: (facts) => facts.budget_used ?? unsure,
  request_type: (facts) => facts.request_type ?? unsure,
  hour: (facts) => facts.hour ?? unsure,
  now: (facts) => facts.now ?? unsure,
};

/** By a name that is written out; the failure of who has none is kept. */
function member(left: Step, name: string): Step {
  const none = new Failure(`No such key: ${name}`);
  return (facts) => {
    const from = left(facts);
    if (from instanceof Failure) return from;
    const value = Array.isArray(from) ? undefined : memberOf(from, name);
    return value === undefined ? none : value;
  };
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
  if (Array.isArray(from)) return itemOf(from, key);
  if (kindOf(key) === undefined) return unsure;
  if (!isRecord(from)) return isPlain(from) ? undefined : unsure;
  const name = String(key);
  if (!Object.hasOwn(from, name)) return undefined;
  const value = from[name];
  return value === undefined || isPlain(value) ? value : unsure;
}

function itemOf(list: readonly unknown[], index: unknown): unknown {
  if (typeof index !== "bigint" && typeof index !== "number") return undefined;
  const value = list[Number(index)];
  return value === undefined || isPlain(value) ? value : unsure;
}

function missing(from: unknown, key: unknown): Failure {
  if (!Array.isArray(from) || (typeof key !== "bigint" && typeof key !== "number"))
    return kindOf(key) === undefined ? unsure : new Failure(`No such key: ${key}`);
  const bound = key < 0 ? "< 0" : `>= size ${from.length || undefined}`;
  return new Failure(`No such key: index out of bounds, index ${Number(key)} ${bound}`);
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
  const type = typeOf(value);
  return type === undefined ? unsure : new Failure(`Logical operator requires bool operands, got '${type}'`);
}

function not(operand: Step): Step {
  return (facts) => {
    const value = operand(facts);
    if (typeof value === "boolean") return !value;
    if (value instanceof Failure) return value;
    const type = typeOf(value);
    return type === undefined ? unsure : new Failure(`no such overload: !${type}`);
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

function minus(operand: Step): Step {
  return (facts) => {
    const value = operand(facts);
    if (value instanceof Failure) return value;
    if (typeof value === "bigint" || typeof value === "number") return -value;
    const type = typeOf(value);
    return type === undefined ? unsure : new Failure(`no such overload: -${type}`);
  };
}

/** Items are asked from the last to the first, and the first error on this way is the one that is told. */
function list(nodes: readonly CheckedNode[], at: Compiling): Step {
  if (nodes.every(({ op }) => op === "value")) return always(nodes.map(({ args }) => args));
  const steps = nodes.map((node) => stepOf(node, at));
  return (facts) => {
    const items = new Array<unknown>(steps.length);
    for (let index = steps.length - 1; index >= 0; index--) {
      const value = steps[index]!(facts);
      if (value instanceof Failure) return value;
      items[index] = value;
    }
    return items;
  };
}

/** Names that the library leaves out of maps. */
const leftOut: readonly unknown[] = ["__proto__", "constructor", "prototype"];

function map(entries: readonly (readonly [CheckedNode, CheckedNode])[], at: Compiling): Step {
  const steps = entries.map(([name, value]) => [stepOf(name, at), stepOf(value, at)] as const);
  return (facts) => {
    const made: Record<string, unknown> = {};
    for (const [named, held] of steps) {
      const name = named(facts);
      if (name instanceof Failure) return name;
      const value = held(facts);
      if (value instanceof Failure) return value;
      if (typeof name !== "string") return unsure;
      if (!leftOut.includes(name)) made[name] = value;
    }
    return made;
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
  const call = (values: readonly unknown[]): unknown => {
    const value = handle?.(values[0], values[1], values[2]);
    return value === undefined ? noOverload(name, values, isMethod) : value;
  };
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
    const value = handle(a, b, c);
    return value === undefined ? noOverload(name, [a, b, c].slice(0, operands.length), isMethod) : value;
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

/** What its type is, is known with its value only. */
function isOpen({ checkedType }: CheckedNode): boolean {
  return checkedType === undefined || checkedType.hasDynType;
}

function method([name, receiver, args]: readonly [string, CheckedNode, readonly CheckedNode[]], at: Compiling): Step {
  const walked = args[0]?.op === "id" ? walkOf(name, args.length - 1) : undefined;
  if (walked !== undefined) {
    const walk: Walk = { name: args[0]!.args as string, item: undefined };
    const bodies = args.slice(1).map((body) => stepOf(body, { ...at, walk }));
    return walked(stepOf(receiver, at), walk, bodies);
  }
  const matches: Handle = (text, pattern) =>
    typeof text === "string" && typeof pattern === "string" ? at.find(pattern, text) : unsure;
  const isListed = name === "join" && receiver.checkedType?.kind === "list" && !args.some(isOpen);
  const handle = name === "matchesLinear" ? matches : methods[isListed ? "joinList" : name];
  return applied(name, handle, [receiver, ...args], true, at);
}
