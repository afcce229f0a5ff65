/**
 * Routing rules and prices of the database, put among those of the config file. Hides what makes one sound, and that the
 * file's own come first: what the file declares only the file changes.
 */
import type { Build } from "./build.ts";
import { buildRule, type RuleEntry } from "./build-routing.ts";
import type { GenerationData } from "./generation.ts";
import type { Finding } from "./problems.ts";
import { renderPath } from "./problems.ts";
import { buildPrice, type Names, type PriceEntry } from "./references.ts";

export type OwnEntry = {
  readonly id: string;
  readonly kind: "rule" | "price";
  readonly name: string;
  /** As the config file has it, without its name. */
  readonly fields: Readonly<Record<string, unknown>>;
};

export type WithOwn = {
  readonly data: GenerationData;
  /** By id: why an entry is not in force. */
  readonly faults: ReadonlyMap<string, string>;
};

export const disabledFault = "is disabled";

export async function withOwn(data: GenerationData, entries: readonly OwnEntry[]): Promise<WithOwn> {
  if (entries.length === 0) return { data, faults: new Map() };
  const faults = new Map<string, string>();
  const hasConditions = entries.some(({ kind, fields }) => kind === "rule" && fields["when"] !== undefined);
  const checkRule = hasConditions ? (await import("../routing/rule-engine.ts")).checkCondition : undefined;
  const names: Names = {
    providers: data.providers,
    faulty: new Set(),
    aliases: data.aliases,
    groups: new Set(Object.keys(data.routing.groups)),
  };
  const sound = <Made>(entry: OwnEntry, isFiles: boolean, make: (build: Build) => Made): readonly Made[] => {
    const found: Finding[] = [];
    const made = make({ ...nowhere, checkRule, report: (finding) => void found.push(finding) });
    if (isFiles) found.unshift({ path: [], message: "the config file has one of this name" });
    if (found[0] === undefined) return [made];
    faults.set(entry.id, textOf(found[0]));
    return [];
  };
  const ofKind = (kind: OwnEntry["kind"]) => entries.filter((entry) => entry.kind === kind);
  const rules = ofKind("rule").flatMap((entry) => {
    const isFiles = data.routing.rules.some(({ name }) => name === entry.name);
    const written = { ...entry.fields, name: entry.name } as RuleEntry;
    const made = sound(entry, isFiles, (build) => buildRule(written, [], names, build)).flat();
    if (made.length === 0 && !faults.has(entry.id)) faults.set(entry.id, disabledFault);
    return made;
  });
  const prices = ofKind("price").flatMap((entry) => {
    const isFiles = data.prices.some(({ match }) => match === entry.name);
    const { description: _, ...price } = entry.fields;
    return sound(entry, isFiles, (build) => buildPrice(entry.name, price as PriceEntry, [], names, build));
  });
  const isExact = ({ match }: { readonly match: string }): boolean => !match.endsWith("/*");
  return {
    data: {
      ...data,
      routing: { ...data.routing, rules: [...data.routing.rules, ...rules] },
      // The first that fits counts: one model's before the file's for all of a provider, and all of a provider's after.
      prices: [...prices.filter(isExact), ...data.prices, ...prices.filter((price) => !isExact(price))],
    },
    faults,
  };
}

/** Nothing of these refers to a secret or a file. */
const nowhere: Omit<Build, "report"> = {
  environment: {},
  directory: "",
  number: 0,
  hash: "",
  now: 0,
  warn: () => undefined,
  watch: () => undefined,
  secret: () => undefined,
  proxy: () => undefined,
};

function textOf({ path, message, suggestion }: Finding): string {
  const at = renderPath(path);
  const hint = suggestion === undefined ? "" : ` (did you mean "${suggestion}"?)`;
  return `${at === "" ? "" : `"${at}": `}${message}${hint}`;
}
