/**
 * Walks of conditions over a list, or over the names of a map: `exists`, `all`, `exists_one`, `map`, `filter`. Hides when
 * each ends, and whose failure is told.
 */
import type { Step } from "./condition-closure.ts";
import { Failure, isPlain, isRecord, typeOf, unsure } from "./condition-value.ts";

/** The variable of the walk that a node is in: there is one at most. */
export type Walk = { readonly name: string; item: unknown };

/** By name and number of bodies; undefined: there is no such walk. */
export function walkOf(name: string, bodies: number): Walked | undefined {
  return walks[`${name}/${bodies}`];
}

/** @param bodies what is asked of each item, in the order in which they are written */
type Walked = (over: Step, walk: Walk, bodies: readonly Step[]) => Step;

const walks: Readonly<Record<string, Walked>> = {
  "exists/1": (over, walk, [body]) => decided("exists", true, over, walk, body!),
  "all/1": (over, walk, [body]) => decided("all", false, over, walk, body!),
  "exists_one/1": (over, walk, [body]) => counted(over, walk, body!),
  "map/1": (over, walk, [body]) => each(over, walk, body!),
  "map/2": (over, walk, [only, body]) =>
    collected(only!, "map(var, filter, transform) filter predicate must return bool", over, walk, body!),
  "filter/1": (over, walk, [only]) =>
    collected(only!, "filter(var, predicate) predicate must return bool", over, walk, () => walk.item),
};

/** Ends at the first item that decides it: what failed before that is forgotten. */
function decided(name: string, ends: boolean, over: Step, walk: Walk, body: Step): Step {
  return (facts) => {
    const items = itemsOf(over(facts));
    if (items instanceof Failure) return items;
    let failure: Failure | undefined;
    for (let index = 0; index < items.length; index++) {
      walk.item = items[index];
      const found = isPlain(walk.item) ? body(facts) : unsure;
      if (found === ends) return ends;
      if (found === unsure) return unsure;
      if (found instanceof Failure) failure ??= found;
      else if (typeof found !== "boolean")
        failure ??= noBool(`${name}(var, predicate) predicate must return bool`, found);
      if (failure === unsure) return unsure;
    }
    return failure ?? !ends;
  };
}

/** Nothing may fail. */
function counted(over: Step, walk: Walk, body: Step): Step {
  return (facts) => {
    const items = itemsOf(over(facts));
    if (items instanceof Failure) return items;
    let count = 0;
    for (const item of items) {
      walk.item = item;
      const found = isPlain(item) ? body(facts) : unsure;
      if (found instanceof Failure) return found;
      if (typeof found !== "boolean") return noBool("exists_one(var, predicate) predicate must return bool", found);
      if (found) count++;
    }
    return count === 1;
  };
}

function each(over: Step, walk: Walk, body: Step): Step {
  return (facts) => {
    const items = itemsOf(over(facts));
    if (items instanceof Failure) return items;
    const { length } = items;
    const made = new Array<unknown>(length);
    for (let index = 0; index < length; index++) {
      const item = items[index];
      if (!isPlain(item)) return unsure;
      walk.item = item;
      const value = body(facts);
      if (value instanceof Failure) return value;
      made[index] = value;
    }
    return made;
  };
}

/** @param only which items */
function collected(only: Step, otherwise: string, over: Step, walk: Walk, body: Step): Step {
  return (facts) => {
    const items = itemsOf(over(facts));
    if (items instanceof Failure) return items;
    const made: unknown[] = [];
    for (const item of items) {
      walk.item = item;
      const found = isPlain(item) ? only(facts) : unsure;
      if (found instanceof Failure) return found;
      if (typeof found !== "boolean") return noBool(otherwise, found);
      if (!found) continue;
      const value = body(facts);
      if (value instanceof Failure) return value;
      made.push(value);
    }
    return made;
  };
}

function itemsOf(from: unknown): readonly unknown[] | Failure {
  if (Array.isArray(from) || from instanceof Failure) return from;
  if (isRecord(from)) return Object.keys(from);
  const type = typeof from === "object" && from !== null ? undefined : typeOf(from);
  return type === undefined
    ? unsure
    : new Failure(`Expression of type '${type}' cannot be range of a comprehension (must be list, map, or dynamic).`);
}

function noBool(otherwise: string, value: unknown): Failure {
  const type = typeOf(value);
  return type === undefined ? unsure : new Failure(`${otherwise}, got '${type}'`);
}
