/**
 * Reading what a client sent, strictly: the first field of the wrong type is refused by name, as the client wrote it
 * (`messages[2].content`). Hides how such a refusal is worded; absent and `null` are both "not given".
 */
import type { JsonObject } from "../exchange.ts";
import { GatewayError } from "../gateway-error.ts";
import { isObject, jsonObject, nestingLevelsMax, nestsWithin, type Shape } from "../json.ts";

export function refuse(param: string, problem: string): never {
  throw new GatewayError("invalid_request", `${param}: ${problem}`, { source: "client", param });
}

/** The whole body: an object, and not nested so deep that writing it out again would overflow the stack. */
export function requestBody(body: unknown): Shape {
  if (!isObject(body)) {
    throw new GatewayError("invalid_request", "the request body must be a JSON object", { source: "client" });
  }
  if (nestsWithin(body, nestingLevelsMax)) return body;
  const param = Object.keys(body).find((key) => !nestsWithin(body[key], nestingLevelsMax - 1)) ?? "";
  return refuse(param, `nested deeper than ${nestingLevelsMax} levels`);
}

export function optionalText(object: Shape, key: string, at = key): string | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  return typeof value === "string" ? value : refuse(at, "must be a string");
}

export function requiredText(object: Shape, key: string, at = key): string {
  return optionalText(object, key, at) ?? refuse(at, "is required and must be a string");
}

export function optionalNumber(object: Shape, key: string): number | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  return typeof value === "number" ? value : refuse(key, "must be a number");
}

/** A whole number of at least `least`. */
export function optionalInteger(object: Shape, key: string, least: number, at = key): number | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value;
  return refuse(at, `must be a whole number of at least ${least}`);
}

export function optionalFlag(object: Shape, key: string, at = key): boolean | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  return typeof value === "boolean" ? value : refuse(at, "must be true or false");
}

export function optionalList(object: Shape, key: string, at = key): readonly unknown[] | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  return Array.isArray(value) ? value : refuse(at, "must be an array");
}

export function optionalObject(object: Shape, key: string, at = key): JsonObject | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  return isObject(value) ? jsonObject(value) : refuse(at, "must be an object");
}

export function requiredObject(value: unknown, at: string): Shape {
  return isObject(value) ? value : refuse(at, "must be an object");
}

/** `stop` and `stop_sequences`: every item a string. */
export function textList(value: readonly unknown[], at: string): readonly string[] {
  for (let index = 0; index < value.length; index++) {
    if (typeof value[index] !== "string") refuse(`${at}[${index}]`, "must be a string");
  }
  return value as readonly string[];
}

/** The fields of `object` that are given and not in `known`, whole. Undefined when there are none. */
export function unknownFields(object: Shape, known: ReadonlySet<string>): JsonObject | undefined {
  let extra: Record<string, unknown> | undefined;
  for (const key in object) {
    if (known.has(key) || key === "__proto__" || object[key] === null || object[key] === undefined) continue;
    extra ??= {};
    extra[key] = object[key];
  }
  return extra === undefined ? undefined : jsonObject(extra);
}
