/** The schema as a page for people: every key, what it means, its type and default. */
import { configJsonSchema } from "./json-schema.ts";

/** The parts of a JSON Schema node that a reader cares about. */
type Node = {
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | false;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
};

export type ConfigKey = {
  /** `providers.<name>.keys[].value`. */
  readonly path: string;
  readonly description: string;
  readonly kind: string;
  readonly usual: string | undefined;
};

/** Every key of the config, in the order of the file. */
export function configKeys(): readonly ConfigKey[] {
  return below(configJsonSchema() as Node, "");
}

/** Markdown, one table a section. */
export function renderReference(): string {
  const sections = new Map<string, ConfigKey[]>();
  for (const key of configKeys()) {
    const section = key.path.split(".")[0] ?? "";
    sections.set(section, [...(sections.get(section) ?? []), key]);
  }
  return [...sections].map(([section, keys]) => renderSection(section, keys)).join("\n");
}

function renderSection(section: string, keys: readonly ConfigKey[]): string {
  const [head, ...rest] = keys;
  const rows = (rest.length === 0 ? keys : rest).map(({ path, description, kind, usual }) =>
    ["", `\`${path}\``, kind, usual === undefined ? "" : `\`${usual}\``, description.replaceAll("|", "\\|"), ""]
      .join(" | ")
      .trim(),
  );
  const intro = rest.length === 0 ? [] : [head?.description ?? "", ""];
  return [
    `### \`${section}\``,
    "",
    ...intro,
    "| key | value | default | meaning |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

function below(node: Node, prefix: string): readonly ConfigKey[] {
  const inner = open(node);
  const named = Object.entries(inner.properties ?? {}).flatMap(([name, child]) => {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    const { description = "", default: usual } = child;
    const key = { path, description, kind: kindOf(child), usual: usual === undefined ? undefined : String(usual) };
    return [key, ...below(child, path)];
  });
  const each = inner.additionalProperties;
  return [
    ...named,
    ...(each ? below(each, `${prefix}.<name>`) : []),
    ...(inner.items ? below(inner.items, `${prefix}[]`) : []),
  ];
}

/** Through "or nothing". */
function open(node: Node): Node {
  return node.anyOf?.find(({ type }) => type === "object") ?? node;
}

function kindOf(node: Node): string {
  if (node.anyOf !== undefined)
    return node.anyOf
      .filter(({ type }) => type !== "null")
      .map(kindOf)
      .join(" or ");
  if (node.enum !== undefined) return node.enum.map((value) => `\`${value}\``).join(", ");
  if (node.type === "array") return "list";
  if (node.type === "object") return node.properties === undefined ? "names and values" : "keys";
  if (node.type === "integer") return `${node.minimum} to ${node.maximum}`;
  if (node.type === "boolean") return "true or false";
  if (node.type === "number") return "number";
  if (node.pattern?.includes("/")) return "budget";
  if (node.pattern?.includes("i?B")) return "size";
  return node.pattern === undefined ? "text" : "duration";
}
