/** Portkey's queries, `{ "params.model": { "$eq": "x" } }`, in CEL. Hides which of its words have a counterpart. */
import { checkCondition } from "../routing/rule-engine.ts";
import { listOf, recordOf } from "./draft.ts";

const comparisons: Readonly<Record<string, string>> = {
  $eq: "==",
  $ne: "!=",
  $gt: ">",
  $gte: ">=",
  $lt: "<",
  $lte: "<=",
};

/** Undefined: it cannot be said. It holds only for what is asked by this name. */
export function conditionOf(query: unknown, name: string): string | undefined {
  const said = part(query);
  if (said === undefined) return undefined;
  const when = `model == ${JSON.stringify(name)} && ${said}`;
  return checkCondition(when) === undefined ? when : undefined;
}

function part(query: unknown): string | undefined {
  const parts = Object.entries(recordOf(query)).map(([key, value]) => {
    if (key === "$and" || key === "$or") return join(listOf(value).map(part), key === "$and" ? " && " : " || ");
    return comparison(key, value);
  });
  return join(parts, " && ");
}

function join(parts: readonly (string | undefined)[], word: string): string | undefined {
  if (parts.length === 0 || parts.includes(undefined)) return undefined;
  return parts.length === 1 ? parts[0] : `(${parts.join(word)})`;
}

function comparison(key: string, value: unknown): string | undefined {
  const [, name] = /^params\.([A-Za-z_]\w*)$/.exec(key) ?? [];
  // What a client says in its metadata is no fact of a request here, and the model is the name that leads to the rule.
  if (name === undefined || name === "model") return undefined;
  const fact = `params[${JSON.stringify(name)}]`;
  const tests = typeof value === "object" && value !== null ? Object.entries(value) : ([["$eq", value]] as const);
  const said = tests.map(([operator, operand]) => {
    const literal = typeof operand === "number" || typeof operand === "boolean" || typeof operand === "string";
    const word = comparisons[operator];
    if (word !== undefined && literal) return `${fact} ${word} ${JSON.stringify(operand)}`;
    if (operator === "$in" || operator === "$nin")
      return `${operator === "$nin" ? "!" : ""}(${fact} in ${JSON.stringify(listOf(operand))})`;
    if (operator === "$regex" && typeof operand === "string") return `${fact}.matches(${JSON.stringify(operand)})`;
    return undefined;
  });
  const joined = join(said, " && ");
  return joined === undefined ? undefined : `(${JSON.stringify(name)} in params && ${joined})`;
}
