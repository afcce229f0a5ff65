/**
 * What the schema library finds → findings in our words. Hides its issue codes, and finds what a misspelt key was
 * meant to be by walking the schema.
 */
import type { z } from "zod";
import { type Finding, nearest, type Path } from "./problems.ts";
import { type ConfigFile, configSchema } from "./schema.ts";

export type Checked = {
  /** What is left when the faulty parts are taken out, so that the rest can be checked as well. */
  readonly file: ConfigFile;
  readonly findings: readonly Finding[];
};

export function checkSchema(value: unknown): Checked {
  const result = configSchema.safeParse(value);
  if (result.success) return { file: value as ConfigFile, findings: [] };
  const findings = result.error.issues.flatMap((issue) => explain(issue, value));
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { file: {}, findings };
  return { file: soundPart(value, result.error.issues), findings };
}

/** Taking one part out may make another incomplete, and so on; what is not sound by then says nothing more. */
const roundsMax = 4;

function soundPart(value: object, issues: readonly z.core.$ZodIssue[]): ConfigFile {
  const pruned = structuredClone(value);
  let faults = issues;
  for (let round = 0; round < roundsMax; round++) {
    for (const issue of faults) prune(pruned, issue);
    const result = configSchema.safeParse(pruned);
    if (result.success) return pruned as ConfigFile;
    faults = result.error.issues;
  }
  return {};
}

function explain(issue: z.core.$ZodIssue, value: unknown): readonly Finding[] {
  const path = issue.path as Path;
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(path, key));
  const given = valueAt(value, path);
  if (given === undefined) return [{ path: path.slice(0, -1), message: `needs ${String(path.at(-1))}`, atKey: true }];
  if (issue.code === "invalid_value") {
    const choices = issue.values.map(String);
    const suggestion = typeof given === "string" ? nearest(given, choices) : undefined;
    return [{ path, message: `must be one of ${choices.join(", ")}`, suggestion }];
  }
  if (issue.code === "invalid_type") {
    const said = issue.message.startsWith("Invalid input")
      ? `expected ${kinds[issue.expected] ?? issue.expected}`
      : issue.message;
    return [
      { path, message: `${said}, got ${kindOf(given)}`, ...(path.length === 0 ? {} : { atKey: given === null }) },
    ];
  }
  return [{ path, message: issue.message }];
}

function unknownKey(path: Path, key: string): Finding {
  const at = [...path, key];
  const here = keysAt(path);
  const near = nearest(key, here);
  if (near !== undefined) return { path: at, message: "unknown key", suggestion: near, atKey: true };
  const elsewhere = Object.keys(configSchema.shape).filter((section) => keysAt([section]).includes(key));
  const home = elsewhere.find((section) => path[0] !== section);
  const suggestion = home === undefined ? undefined : `${home}.${key}`;
  return { path: at, message: `unknown key; known here: ${here.join(", ")}`, suggestion, atKey: true };
}

/** The keys that an object at this path may have; none where any name is allowed. */
function keysAt(path: Path): readonly string[] {
  let schema: z.core.$ZodType | undefined = configSchema;
  for (const step of path) {
    const { def } = unwrap(schema)._zod as { def: Inner };
    schema = def.shape?.[String(step)] ?? def.valueType ?? def.element;
    if (schema === undefined) return [];
  }
  return Object.keys((unwrap(schema)._zod as { def: Inner }).def.shape ?? {});
}

/** The parts of a schema's definition that lead further down; which are there depends on its kind. */
type Inner = {
  readonly innerType?: z.core.$ZodType;
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly valueType?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
};

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const inner = (schema._zod as { def: Inner }).def.innerType;
  return inner === undefined ? schema : unwrap(inner);
}

/** Removes what the issue is about; of a list, the whole item, so that positions stay those of the text. */
function prune(root: object, issue: z.core.$ZodIssue): void {
  const keys = issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
  for (const path of keys as Path[]) {
    const missing = valueAt(root, path) === undefined;
    const gone = missing ? path.slice(0, -1) : path;
    const list = gone.findIndex((step) => typeof step === "number");
    const target = list === -1 || issue.code === "unrecognized_keys" ? gone : gone.slice(0, list);
    const parent = valueAt(root, target.slice(0, -1));
    const last = target.at(-1);
    if (typeof parent === "object" && parent !== null && last !== undefined) Reflect.deleteProperty(parent, last);
  }
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[step];
  }
  return value;
}

const kinds: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "keys and values",
  record: "keys and values",
};

function kindOf(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  return kinds[typeof value] ?? typeof value;
}
