/**
 * CEL as rules use it: a typed environment, checked and bounded when a config is loaded. Hides the library, and that
 * `matches` runs on an engine that is linear in its input: the library's own backtracks.
 *
 * Loaded only where there are rules; a start without them does not pay for it.
 */
import { Environment } from "@marcbachmann/cel-js/evaluator";
import { RE2JS } from "re2js";
import { type CheckedNode, closureOf } from "./condition-closure.ts";
import { Failure, unsure } from "./condition-value.ts";
import type { Facts } from "./facts.ts";

export type Condition = {
  /** Throws nothing: what cannot be evaluated is a value too. */
  readonly test: (facts: Facts) => boolean | Failure;
  /** Names of the facts that it looks at. */
  readonly uses: ReadonlySet<string>;
};

const limits = { maxAstNodes: 300, maxDepth: 24, maxListElements: 200, maxMapEntries: 50, maxCallArguments: 8 };
const patternLengthMax = 512;
const rememberedMax = 256;
/** Walk over a list; one within another would be a product of what callers send. */
const walks = new Set(["all", "exists", "exists_one", "map", "filter"]);
/** The name under which our own `matches` stands. */
const linear = "matchesLinear";

/** Facts and their types; `facts.ts` has the values. */
const factTypes = {
  model: "string",
  provider: "string",
  request_type: "string",
  stream: "bool",
  headers: "map<string, string>",
  params: "map<string, dyn>",
  key: "string",
  key_id: "string",
  user: "string",
  team: "string",
  customer: "string",
  virtual_key_name: "string",
  virtual_key_id: "string",
  team_name: "string",
  customer_name: "string",
  budget_used: "double",
  tokens_used: "double",
  request: "double",
  tokens: "int",
  max_tokens: "int",
  has_tools: "bool",
  hour: "int",
  weekday: "int",
  now: "google.protobuf.Timestamp",
} as const satisfies Readonly<Record<Exclude<keyof Facts, "isOf" | "moveTo">, string>>;

/** With the text that it was asked about last: a model's name, most often the same again. */
type Pattern = { readonly compiled: RE2JS; text: string | undefined; found: boolean };
const patterns = new Map<string, Pattern>();
const environment = Object.entries(factTypes)
  .reduce((made, [name, type]) => made.registerVariable(name, type), new Environment({ limits }))
  .registerFunction(`string.${linear}(string): bool`, (text: string, pattern: string) =>
    finds(patterns.get(pattern)!, text),
  );

function finds(pattern: Pattern, text: string): boolean {
  if (pattern.text === text) return pattern.found;
  pattern.found = pattern.compiled.matcher(text).find();
  // What callers send may be long, and is not kept.
  pattern.text = text.length <= rememberedMax ? text : undefined;
  return pattern.found;
}

/** Throws an Error that says what is wrong. */
export function compileCondition(when: string): Condition {
  const parsed = environment.parse(when);
  const uses = new Set<string>();
  prepare(parsed.ast as unknown, uses, false);
  const { valid, type, error } = parsed.check();
  if (!valid) throw new Error(firstLine(error));
  if (String(type) !== "bool") throw new Error(`says ${String(type)}, but a condition is true or false`);
  const quick = closureOf(parsed.ast as unknown as CheckedNode, (pattern, text) => finds(patterns.get(pattern)!, text));
  return {
    test: (facts) => {
      const answer = quick(facts);
      return answer === unsure ? evaluated(parsed, facts) : answer;
    },
    uses,
  };
}

/** By the library, whose error is told by its message: nobody sees a stack, and taking one costs more than all rules. */
function evaluated(evaluate: (facts: Record<string, unknown>) => unknown, facts: Facts): boolean | Failure {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return evaluate(facts as unknown as Record<string, unknown>) === true;
  } catch (error) {
    return new Failure(error instanceof Error ? error.message : String(error));
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** What is wrong with a condition; undefined: nothing. */
export function checkCondition(when: string): string | undefined {
  try {
    compileCondition(when);
    return undefined;
  } catch (error) {
    return `is no condition: ${firstLine(error)}`;
  }
}

type Node = { readonly op?: unknown; args?: unknown };

/** Puts our `matches` in place of the library's, and refuses what has no bound. */
function prepare(node: unknown, uses: Set<string>, isWalking: boolean): void {
  if (Array.isArray(node)) {
    for (const part of node) prepare(part, uses, isWalking);
    return;
  }
  if (typeof node !== "object" || node === null) return;
  const { op, args } = node as Node;
  if (op === "id" && typeof args === "string") uses.add(args);
  let walking = isWalking;
  if (op === "rcall" && Array.isArray(args)) {
    const name = String(args[0]);
    if (name === "matches") args[0] = readPattern(args[2]);
    if (walks.has(name)) {
      if (isWalking) throw new Error(`${name}() within another walk over a list is not allowed`);
      walking = true;
    }
  }
  if (op === "call" && Array.isArray(args) && args[0] === "matches")
    throw new Error('matches() is written after its text: model.matches("…")');
  prepare(args, uses, walking);
}

function readPattern(given: unknown): string {
  const [first] = Array.isArray(given) ? (given as Node[]) : [];
  const pattern = first?.args;
  if (first?.op !== "value" || typeof pattern !== "string")
    throw new Error("the pattern of matches() must be written out, so that it can be checked now");
  if (pattern.length > patternLengthMax)
    throw new Error(`the pattern of matches() must not be longer than ${patternLengthMax} characters`);
  if (!patterns.has(pattern)) {
    try {
      patterns.set(pattern, { compiled: RE2JS.compile(pattern), text: undefined, found: false });
    } catch (error) {
      throw new Error(`the pattern of matches() is not understood: ${firstLine(error)}`);
    }
  }
  return linear;
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n")[0] ?? "";
}
