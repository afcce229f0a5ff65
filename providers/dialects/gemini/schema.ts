/**
 * JSON Schema ⇄ what Gemini takes. Hides Google's older schema, an excerpt of OpenAPI's with types in capitals, which
 * clients still write; and which words of JSON Schema the newer fields pass over.
 */
import type { Json, JsonObject } from "../../exchange.ts";
import { isObject, jsonObject, nestingLevelsMax } from "../../json.ts";

/** Words that bind elsewhere and say nothing there. */
const passedOver: ReadonlySet<string> = new Set(
  `pattern minLength maxLength multipleOf exclusiveMinimum exclusiveMaximum uniqueItems contains minContains maxContains
  minProperties maxProperties patternProperties propertyNames dependentRequired dependentSchemas dependencies not allOf
  if then else const unevaluatedItems unevaluatedProperties`.split(/\s+/),
);
/** Words whose value is one schema, or a list or a map of them. */
const single = new Set(["items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"]);
const several = new Set(["anyOf", "oneOf", "allOf", "prefixItems"]);
const named = new Set(["properties", "$defs", "definitions", "patternProperties", "dependentSchemas"]);

/** Names what is not obeyed. A fixed value is one that a list of one can say, so that is what it becomes. */
export function encodeSchema(schema: JsonObject, note: (word: string) => void): JsonObject {
  return encodeLevel(schema, note, 0);
}

function encodeLevel(schema: JsonObject, note: (word: string) => void, level: number): JsonObject {
  let changed: Record<string, Json> | undefined;
  const set = (key: string, value: Json): void => {
    changed ??= { ...schema };
    changed[key] = value;
  };
  for (const key in schema) {
    const value = schema[key]!;
    if (key === "const" && (typeof value === "string" || typeof value === "number")) {
      set("enum", [value]);
      delete (changed as Record<string, Json> | undefined)?.["const"];
      continue;
    }
    if (passedOver.has(key)) note(key);
    if (level >= nestingLevelsMax) continue;
    const inner = encodeWord(key, value, note, level + 1);
    if (inner !== value) set(key, inner);
  }
  return changed ?? schema;
}

function encodeWord(key: string, value: Json, note: (word: string) => void, level: number): Json {
  if (single.has(key) && isObject(value)) return encodeLevel(jsonObject(value), note, level);
  if (several.has(key) && Array.isArray(value)) return mapList(value, (item) => encodeWord("items", item, note, level));
  if (named.has(key) && isObject(value)) {
    return mapValues(jsonObject(value), (item) => encodeWord("items", item, note, level));
  }
  return value;
}

function mapList(items: readonly Json[], change: (item: Json) => Json): readonly Json[] {
  const made = items.map(change);
  return made.some((item, index) => item !== items[index]) ? made : items;
}

function mapValues(items: JsonObject, change: (item: Json) => Json): JsonObject {
  let made: Record<string, Json> | undefined;
  for (const key in items) {
    const item = change(items[key]!);
    if (item !== items[key]) {
      made ??= { ...items };
      made[key] = item;
    }
  }
  return made ?? items;
}

const counts: ReadonlySet<string> = new Set([
  "minItems",
  "maxItems",
  "minLength",
  "maxLength",
  "minProperties",
  "maxProperties",
]);

/** Google's older schema as JSON Schema: types in small letters, `nullable` as a type, counts as numbers. */
export function parseSchema(schema: JsonObject): JsonObject {
  const parsed: Record<string, Json> = {};
  for (const key in schema) {
    const value = schema[key]!;
    if (key === "nullable" || key === "propertyOrdering" || key === "__proto__") continue;
    if (key === "type" && typeof value === "string") parsed[key] = value.toLowerCase();
    else if (counts.has(key) && typeof value === "string") parsed[key] = Number(value);
    else if (key === "example") parsed["examples"] = [value];
    else if (key === "items" && isObject(value)) parsed[key] = parseSchema(jsonObject(value));
    else if (key === "anyOf" && Array.isArray(value)) parsed[key] = value.map(parseItem);
    else if (key === "properties" && isObject(value)) parsed[key] = mapValues(jsonObject(value), parseItem);
    else if (key !== "type" || value !== "TYPE_UNSPECIFIED") parsed[key] = value;
  }
  if (schema["nullable"] !== true) return parsed;
  if (typeof parsed["type"] === "string") parsed["type"] = [parsed["type"], "null"];
  if (Array.isArray(parsed["enum"])) parsed["enum"] = [...parsed["enum"], null];
  return parsed;
}

function parseItem(item: Json): Json {
  return isObject(item) ? parseSchema(jsonObject(item)) : item;
}
