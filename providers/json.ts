/**
 * Reading JSON that somebody else wrote, field by field, without a schema library. Hides the checks: a field of the
 * wrong type reads as absent, so that a decoder says only what it wants and never throws on an odd upstream.
 */
import type { Json, JsonObject } from "./exchange.ts";

/** What may stand in any field of an object we did not make. */
export type Shape = { readonly [key: string]: unknown };

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const nothing: Shape = Object.freeze({});

/** The object, or an empty one: `shape(shape(x).y).z` is undefined however wrong `x` is. */
export function shape(value: unknown): Shape {
  return isObject(value) ? value : nothing;
}

export function isObject(value: unknown): value is Shape {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A number of things: whole and not negative, else undefined. Unknown is not zero. */
export function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The text, unless it is empty. */
export function words(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A row of a table by a word from outside, which may be `constructor`. */
export function lookup<T>(table: Readonly<Record<string, T>>, key: string | undefined): T | undefined {
  return key !== undefined && Object.hasOwn(table, key) ? table[key] : undefined;
}

/** Only the fields that are known, so that merging one value into another overwrites nothing with nothing. */
export function known<T extends object>(value: T): T {
  const told: Partial<T> = {};
  for (const key in value) if (value[key] !== undefined) told[key] = value[key];
  return told as T;
}

/** What `JSON.parse` made is Json by construction; this only says so. */
export function json(value: unknown): Json {
  return value as Json;
}

export function jsonObject(value: Shape): JsonObject {
  return value as JsonObject;
}

/** The object, unless it nests so deep that writing it out again would overflow the stack. */
export function writable(value: unknown): JsonObject | undefined {
  return isObject(value) && nestsWithin(value, nestingLevelsMax) ? jsonObject(value) : undefined;
}

/** The parsed text, or undefined where it is no JSON. */
export function parseJson(source: string): unknown {
  try {
    return JSON.parse(source) as unknown;
  } catch {
    return undefined;
  }
}

/** Whether a value nests at most `levels` deep. Walks with a list of its own: the stack is what it protects. */
export function nestsWithin(value: unknown, levels: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    const below: unknown[] = [];
    for (const item of level) {
      if (typeof item !== "object" || item === null) continue;
      if (depth >= levels) return false;
      for (const inner of Array.isArray(item) ? item : Object.values(item)) {
        if (typeof inner === "object" && inner !== null) below.push(inner);
      }
    }
    level = below;
  }
  return true;
}

/** Levels of nesting a request or a tool's arguments may have: `JSON.stringify` recurses, and overflows near 5,000. */
export const nestingLevelsMax = 256;
