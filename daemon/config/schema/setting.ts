/** What the sections of the schema are made of. Hides how descriptions and defaults hang on a setting. */
import { z } from "zod";
import { picoPerTokenMax } from "../../../providers/catalog/price.ts";
import { durationPattern, sizePattern } from "../units.ts";

/** Most entries of a list, where nothing says otherwise. */
export const listMax = 10_000;
const textMax = 4_096;

/** Attaches what a person reads; `fallback` is the default, shown and never applied here. */
export function setting<T extends z.ZodType>(type: T, description: string, fallback?: unknown): z.ZodOptional<T> {
  const about = fallback === undefined ? { description } : { description, default: fallback };
  return type.optional().meta(about) as z.ZodOptional<T>;
}

/** A section whose keys are all commented out is nothing in YAML; it says nothing, and that is no fault. */
export function section<T extends z.ZodType>(type: T, description: string): z.ZodOptional<z.ZodNullable<T>> {
  return setting(type.nullable(), description);
}

export const text = z
  .string()
  .min(1, "must not be empty")
  .max(textMax, `must not be longer than ${textMax} characters`);
export const flag = z.boolean();
export const duration = z
  .string("expected a duration such as 30s, 5m or 2h")
  .regex(durationPattern, "expected a duration such as 30s, 5m or 2h");
export const size = z
  .string("expected a size such as 512KB or 32MB")
  .regex(sizePattern, "expected a size such as 512KB or 32MB");
export const whole = z.int("expected a whole number");
/** The catalog takes no more, a million tokens or a request. */
const priceMax = picoPerTokenMax / 1e6;
export const dollars = z
  .number("expected a number of dollars")
  .min(0, "must not be negative")
  .max(priceMax, `must not be more than ${priceMax}`);
