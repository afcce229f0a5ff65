/** What every importer begins and ends with. Hides how a file of another gateway is read. */
import { readSource } from "../config/source.ts";
import type { NeededVariable, ReportLine } from "./report.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export type Imported = {
  /** The config, as YAML. */
  readonly config: string;
  readonly report: readonly ReportLine[];
  readonly variables: readonly NeededVariable[];
};

/** Refuses what is somebody else's file: nothing would be left of it, least of all who may call. */
export function assertHas(root: Readonly<Record<string, unknown>>, keys: readonly string[], whose: string): void {
  if (keys.some((key) => Object.hasOwn(root, key))) return;
  throw new Error(`this is not ${whose}: it has none of ${keys.join(", ")}`);
}

const kindWords = { list: "a list", names: "settings by name" } as const;

/** A section that is something else says nothing; it must not be passed over as if it were not there. */
export function assertKinds(
  source: ReturnType<typeof readForeign>,
  kinds: Readonly<Record<string, keyof typeof kindWords>>,
  under: readonly string[] = [],
): void {
  let root: unknown = source.value;
  for (const step of under) root = (root as Record<string, unknown>)[step];
  for (const [name, kind] of Object.entries(kinds)) {
    const value = (root as Record<string, unknown>)[name];
    const found = Array.isArray(value) ? "list" : typeof value === "object" ? "names" : undefined;
    if (value === undefined || value === null || found === kind) continue;
    const path = [...under, name];
    const { line, column } = source.place({ path, atKey: true });
    throw new Error(`line ${line}, column ${column}: "${path.join(".")}" must be ${kindWords[kind]}`);
  }
}

/** A file of another gateway, YAML or JSON, with the lines of what is in it. Throws an Error that says where it is none. */
export function readForeign(text: string): Extract<ReturnType<typeof readSource>, { value: unknown }> {
  const source = readSource(text.replace(/^\uFEFF/, ""));
  if ("value" in source) return source;
  const [fault] = source.faults;
  const { line, column } = source.at(fault?.offset ?? 0);
  throw new Error(`line ${line}, column ${column}: ${fault?.message ?? "cannot be read"}`);
}
