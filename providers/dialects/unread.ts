/**
 * What a parser passes over. A client's request is read field by field, and a field further in that has no place in our
 * vocabulary would be lost without a word; here it is found, by tables of what each dialect reads, and named as the
 * client wrote it: `messages[].content[].zzz`. Beside the fields that are read, a table holds those that say nothing
 * (an item's id, its status), which clients send back as they got them.
 */
import { isObject, type Shape } from "../json.ts";

export type Fields = {
  readonly known: ReadonlySet<string>;
  readonly inner: Readonly<Record<string, Inner>>;
  /** How the dialect spells fields, where it knows several ways. */
  readonly spell?: (object: Shape) => Shape;
};
/** Of each object in a field; undefined: all of it is read, or it is kept whole. */
type Inner = Fields | ((value: Shape) => Fields | undefined);

export function fields(names: string, inner: Readonly<Record<string, Inner>> = {}, spell?: Fields["spell"]): Fields {
  return { known: new Set(names.split(/\s+/)), inner, ...(spell === undefined ? {} : { spell }) };
}

/** @param places the fields of a request to look into; what else it holds at its top is the parser's to report */
export function unreadFields(source: Shape, places: Readonly<Record<string, Inner>>): readonly string[] {
  const found = new Set<string>();
  for (const name in places) if (source[name] !== undefined) look(source[name], places[name]!, name, found);
  return found.size === 0 ? none : [...found];
}

const none: readonly string[] = [];
/** More names than a header can tell; who sends that many different ones is not helped by them. */
const namesMax = 64;

function look(value: unknown, inner: Inner, at: string, found: Set<string>): void {
  if (Array.isArray(value)) {
    for (const item of value) look(item, inner, at.endsWith("[]") ? at : `${at}[]`, found);
    return;
  }
  if (!isObject(value)) return;
  const told = typeof inner === "function" ? inner(value) : inner;
  if (told === undefined) return;
  const object = told.spell === undefined ? value : told.spell(value);
  for (const key in object) {
    const within = object[key];
    if (!told.known.has(key)) {
      if (!isEmpty(within) && found.size < namesMax) found.add(`${at}.${key.slice(0, 64)}`);
    } else if (told.inner[key] !== undefined) look(within, told.inner[key], `${at}.${key}`, found);
  }
}

/** Not given, or a list of nothing: clients keep what an answer had no word for. */
function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}
