/**
 * Tool arguments are JSON text in OpenAI's dialect and a value in Anthropic's. Hides what becomes of text that is no
 * JSON object: models do write such, and a conversation that holds one must go on.
 */
import type { JsonObject } from "../exchange.ts";
import { isObject, jsonObject, nestingLevelsMax, nestsWithin, parseJson } from "../json.ts";

/** Where text that is no JSON object is kept, whole, in Anthropic's `input`. */
export const rawArgumentsKey = "raw_arguments";

export function argumentsObject(source: string): JsonObject {
  if (source.trim() === "") return {};
  const value = parseJson(source);
  if (isObject(value) && nestsWithin(value, nestingLevelsMax)) return jsonObject(value);
  return { [rawArgumentsKey]: source };
}

export function argumentsText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null || !nestsWithin(value, nestingLevelsMax)) return "{}";
  return JSON.stringify(value);
}
