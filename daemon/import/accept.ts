/**
 * What an importer made, without what the config would refuse: a stranger's file may say anything, and what is written
 * must load. Hides that one part that is taken out may leave another without what it needs.
 */
import { parse, stringify } from "yaml";
import { build } from "../config/build.ts";
import { checkSchema } from "../config/issues.ts";
import { type Finding, type Path, renderPath } from "../config/problems.ts";
import { loadPatterns, mentionsPattern } from "../governance/model-patterns.ts";
import { checkCondition } from "../routing/rule-engine.ts";
import type { Imported } from "./foreign.ts";
import { type ReportLine, soundsBinding } from "./report.ts";

const roundsMax = 40;

export async function accepted<Made extends Imported>(imported: Made): Promise<Made> {
  const { config } = imported;
  const environment = Object.fromEntries(imported.variables.map(({ name }) => [name, `stands-for-${name}`]));
  const value: unknown = parse(config);
  const lost: ReportLine[] = [];
  for (let round = 0; round < roundsMax; round += 1) {
    const findings = (await findingsIn(value, environment)).filter((finding) => !isOfHost(finding, value));
    if (findings.length === 0) break;
    if (round + 1 === roundsMax) throw new Error(`cannot be made a config: ${describe(findings[0]!)}`);
    // The last of a list first, so that the places of the others hold.
    for (const finding of findings.toSorted(byPlace)) if (remove(value, finding.path)) lost.push(lineOf(finding));
  }
  if (lost.length === 0) return imported;
  const heading = config.split("\n").filter((line) => line.startsWith("# "));
  const body = stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd();
  return { ...imported, config: `${[...heading, body].join("\n")}\n`, report: [...lost, ...imported.report] };
}

async function findingsIn(value: unknown, environment: Readonly<Record<string, string>>): Promise<readonly Finding[]> {
  const { file, findings } = checkSchema(value);
  if (findings.length > 0) return findings;
  if (mentionsPattern(file.governance)) await loadPatterns();
  const inputs = { environment, directory: "/", number: 1, hash: "", now: Date.now(), checkRule: checkCondition };
  return build(file, { ...inputs, knownModel: undefined, faulty: [] }).problems;
}

/** What a variable will say, and whether it is set where the daemon runs, is no fault of the file. */
function isOfHost({ path, message }: Finding, value: unknown): boolean {
  const at = path.reduce<unknown>((inner, step) => (inner as Record<PropertyKey, unknown> | undefined)?.[step], value);
  return (typeof at === "string" && /^(?:env|file)\.[A-Za-z_]/.test(at)) || /^has no key: set /.test(message);
}

/** What bound somebody is a protection that is gone. */
function lineOf(finding: Finding): ReportLine {
  const { path } = finding;
  const security = path[0] === "governance" || path.some((step) => soundsBinding(String(step)));
  const message = `what was made of it is no setting: ${finding.message}; left out`;
  return { outcome: "dropped", line: 1, setting: renderPath(path), message, security };
}

function describe({ path, message }: Finding): string {
  return `${renderPath(path)} ${message}`;
}

function byPlace(one: Finding, other: Finding): number {
  for (let at = 0; at < Math.min(one.path.length, other.path.length); at += 1) {
    const [a, b] = [one.path[at]!, other.path[at]!];
    if (a !== b) return typeof a === "number" && typeof b === "number" ? b - a : String(b) < String(a) ? -1 : 1;
  }
  return other.path.length - one.path.length;
}

/** False: it went with another. */
function remove(root: unknown, path: Path): boolean {
  let parent: unknown = root;
  for (const step of path.slice(0, -1)) parent = (parent as Record<string | number, unknown> | undefined)?.[step];
  const last = path.at(-1);
  if (last === undefined || typeof parent !== "object" || parent === null || !Object.hasOwn(parent, last)) return false;
  if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else delete (parent as Record<string, unknown>)[String(last)];
  return true;
}
