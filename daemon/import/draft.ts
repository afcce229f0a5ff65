/** A config being put together, and its text. Hides the order of sections and how YAML is written. */
import { stringify } from "yaml";
import type { Path } from "../config/problems.ts";
import { configSchema } from "../config/schema.ts";

/** Maps, because names come from a stranger's file. */
type Section = Map<string, unknown>;

export type Draft = {
  set(path: readonly string[], value: unknown): void;
  has(path: readonly string[]): boolean;
  /** Adds to a list. */
  push(path: readonly string[], value: unknown): void;
  text(): string;
};

export function createDraft(heading: string): Draft {
  const root: Section = new Map();

  function sectionAt(path: readonly string[]): Section {
    let section = root;
    for (const step of path) {
      const next = section.get(step);
      if (next instanceof Map) section = next as Section;
      else {
        const made: Section = new Map();
        section.set(step, made);
        section = made;
      }
    }
    return section;
  }

  return {
    set: (path, value) => void sectionAt(path.slice(0, -1)).set(path.at(-1)!, value),
    has: (path) => sectionAt(path.slice(0, -1)).has(path.at(-1)!),
    push(path, value) {
      const section = sectionAt(path.slice(0, -1));
      const list = section.get(path.at(-1)!);
      if (Array.isArray(list)) list.push(value);
      else section.set(path.at(-1)!, [value]);
    },
    text() {
      const order = Object.keys(configSchema.shape);
      const sections = [...root].filter(([, value]) => !(value instanceof Map) || value.size > 0);
      const sorted = new Map(sections.toSorted(([one], [other]) => order.indexOf(one) - order.indexOf(other)));
      const body = sorted.size === 0 ? "{}\n" : stringify(sorted, { lineWidth: 0, aliasDuplicateObjects: false });
      return `${heading
        .split("\n")
        .map((line) => `# ${line}\n`)
        .join("")}${body.trimEnd()}\n`;
    },
  };
}

/** A stranger's word may be one that every object has. */
export function lookUp<Value>(table: Readonly<Record<string, Value>>, word: string): Value | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined;
}

export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A text, or a number that somebody wrote without quotes. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function textsOf(value: unknown): readonly string[] {
  return (typeof value === "string" ? [value] : listOf(value)).flatMap((each) => textOf(each) ?? []);
}

/** A number, or one in quotes; nothing that is below zero or without end. */
export function numberOf(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) && number >= 0 ? number : undefined;
}

export function wholeOf(value: unknown): number | undefined {
  const number = numberOf(value);
  return number === undefined ? undefined : Math.ceil(number);
}

/** Seconds → `2.5s`. Nothing for none, which would be a time of zero. */
export function secondsOf(value: unknown): string | undefined {
  const seconds = numberOf(value);
  return seconds === undefined || seconds === 0 ? undefined : `${Math.max(0.001, Number(seconds.toFixed(3)))}s`;
}

/** Dollars as a text without an exponent: `0.25`. */
export function dollarsOf(value: unknown): string | undefined {
  const dollars = numberOf(value);
  return dollars === undefined ? undefined : dollars.toFixed(9).replace(/\.?0+$/, "");
}

/** Whether a setting says anything: `false`, `null` and empty lists switch nothing on. */
export function isOn(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === "" || value === 0) return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

export type Entry = { readonly key: string; readonly value: unknown; readonly path: Path };

export function entriesOf(value: unknown, path: Path): readonly Entry[] {
  return Object.entries(recordOf(value)).map(([key, each]) => ({ key, value: each, path: [...path, key] }));
}
