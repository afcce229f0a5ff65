/** OpenAI's own description of its API as validators. Hides the few places where it is no JSON Schema of 2020-12. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

/** Where it lies, if it does. */
export const specFile = join(process.env["BIFROST_CORPORA"] ?? "", "openai-openapi", "openai.json");

/** A reason to skip where the description is not at hand. */
export const noSpec =
  process.env["BIFROST_CORPORA"] !== undefined && existsSync(specFile)
    ? false
    : "BIFROST_CORPORA is not set: no description of OpenAI's API to check against";

/** The event's own description: of one among dozens, all others would be named wrong too. */
export function eventProblems(event: { readonly type: string }): readonly string[] {
  const name = eventNames().get(event.type);
  return name === undefined ? [`no event is of type ${event.type}`] : problems(name, event);
}

type Described = {
  readonly anyOf?: readonly { readonly $ref: string }[];
  readonly properties?: { readonly type?: { readonly enum?: readonly string[] } };
};

let names: Map<string, string> | undefined;

function eventNames(): ReadonlyMap<string, string> {
  if (names !== undefined) return names;
  names = new Map();
  const { components } = JSON.parse(readFileSync(specFile, "utf8")) as {
    components: { schemas: Record<string, Described> };
  };
  for (const { $ref } of components.schemas["ResponseStreamEvent"]!.anyOf!) {
    const name = $ref.slice($ref.lastIndexOf("/") + 1);
    for (const type of components.schemas[name]!.properties?.type?.enum ?? []) names.set(type, name);
  }
  return names;
}

const id = "https://api.openai.com/openapi.json";
let ajv: Ajv2020 | undefined;
const validators = new Map<string, ValidateFunction>();

/** What is wrong with `value` as a `name`, in words; empty when nothing is. */
export function problems(name: string, value: unknown): readonly string[] {
  const validate = validators.get(name) ?? compile(name);
  validators.set(name, validate);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

function compile(name: string): ValidateFunction {
  if (ajv === undefined) {
    ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false });
    ajv.addSchema({ $id: id, ...(standard(JSON.parse(readFileSync(specFile, "utf8"))) as object) });
  }
  return ajv.compile({ $ref: `${id}#/components/schemas/${name}` });
}

/** `nullable` is a word of an older description: here it is one more type. What it calls one of several overlaps: a message is two of them. */
function standard(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(standard);
  if (typeof value !== "object" || value === null) return value;
  const made: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key !== "nullable") made[key === "oneOf" ? "anyOf" : key] = standard(inner);
  }
  if ((value as { nullable?: unknown }).nullable !== true) return made;
  return { anyOf: [made, { type: "null" }] };
}
