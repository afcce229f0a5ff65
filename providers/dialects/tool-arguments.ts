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
  const value = longNumber.test(source) ? parseExactly(source) : parseJson(source);
  if (isObject(value) && nestsWithin(value, nestingLevelsMax)) return jsonObject(value);
  return { [rawArgumentsKey]: source };
}

/** More digits, or a larger power, than a double holds: an account number, say, which must not come out as another one. */
const longNumber = /\d{16}|\d[eE]\+?\d{3}/;

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
const exactJson = JSON as unknown as {
  parse(source: string, reviver: Reviver): unknown;
  rawJSON(source: string): unknown;
};

/** Numbers are kept as they were written, and `JSON.stringify` writes them so. */
function parseExactly(source: string): unknown {
  try {
    return exactJson.parse(source, (_key, value, { source: written }) =>
      typeof value === "number" && written !== undefined && longNumber.test(written)
        ? exactJson.rawJSON(written)
        : value,
    );
  } catch {
    return undefined;
  }
}

export function argumentsText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null || !nestsWithin(value, nestingLevelsMax)) return "{}";
  return JSON.stringify(value);
}
