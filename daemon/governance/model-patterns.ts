/**
 * Entries of model lists that are regular expressions: `regex:gpt-4.*`. Hides the engine, which is linear in what it
 * reads, and that it is loaded with the first such entry: who has none does not pay for it.
 *
 * Workers decide without waiting, so whoever puts an entry where they see it has them load the engine first.
 */
import type { RE2JS } from "re2js";

const prefix = "regex:";
const charactersMax = 256;
/** Each step is asked of each character of a name: what repeats by the thousand held a worker for 0.4 s a name. */
const stepsMax = 512;
/** Distinct expressions that a thread keeps compiled; at the bound it begins anew. */
const compiledMax = 1_024;

type Compiled = {
  readonly expression: RE2JS;
  /** It speaks of `provider/model`, not of the model alone. */
  readonly full: boolean;
};

let engine: typeof RE2JS | undefined;
const compiled = new Map<string, Compiled>();

export async function loadPatterns(): Promise<void> {
  engine ??= (await import("re2js")).RE2JS;
}

/** For who has it already. */
export function givePatternEngine(given: typeof RE2JS): void {
  engine = given;
}

export function isPattern(entry: string): boolean {
  return entry.startsWith(prefix);
}

/** Whether a value that is to be stored, or a text of JSON or YAML, may hold an entry that is one. */
export function mentionsPattern(value: unknown): boolean {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text?.includes(prefix) === true;
}

/** What is wrong with an entry; undefined: nothing. The engine is loaded. */
export function patternFault(entry: string): string | undefined {
  if (entry.length > charactersMax) return `has more than ${charactersMax} characters`;
  if (entry === prefix) return "names no model";
  try {
    const steps = compile(entry).expression.programSize();
    return steps > stepsMax ? "repeats too often: name fewer repetitions, or use * or +" : undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return `is not understood: ${message.replace(/^error parsing regexp: |\(\?i\)/g, "")}`;
  }
}

/** The whole name, whatever its case. */
export function matchesPattern(entry: string, provider: string, model: string): boolean {
  const { expression, full } = compile(entry);
  return expression.matches(full ? `${provider}/${model}` : model);
}

function compile(entry: string): Compiled {
  const known = compiled.get(entry);
  if (known !== undefined) return known;
  // Not "matches nothing": in a list of blocked models that would block nobody.
  if (engine === undefined) throw new Error("a model list with a regular expression was seen before its engine");
  const text = entry.slice(prefix.length);
  const made = { expression: engine.compile(text, engine.CASE_INSENSITIVE), full: hasSlash(text) };
  if (compiled.size >= compiledMax) compiled.clear();
  compiled.set(entry, made);
  return made;
}

/** A slash that stands for itself; `[^/]` is no word about a provider. */
function hasSlash(text: string): boolean {
  return text.replaceAll(/\[\^?\]?[^\]]*\]/g, "").includes("/");
}
