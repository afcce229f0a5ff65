/** Routing rules and prices as the admin API shows them, the config file's and the database's alike. */
import { builtInPrices } from "../../config/build-providers.ts";
import type { GenerationData } from "../../config/generation.ts";
import { disabledFault } from "../../config/own-config.ts";
import type { HopData, RuleData } from "../../config/routing-data.ts";
import type { StoredOwn } from "../../store/own-config.ts";
import type { PriceRuleView, RuleTarget, RuleView } from "../contract/routing.ts";
import { etagOf } from "./governance.ts";

type Counts = { readonly held: number; readonly errors: number };

const none: Counts = { held: 0, errors: 0 };

export function fileRules({ routing }: GenerationData, counts: ReadonlyMap<string, Counts>): readonly RuleView[] {
  return routing.rules.map((rule) => ({
    ...{ id: null, name: rule.name, source: "file", fault: null, description: null, enabled: true, etag: null },
    ...{ when: rule.when, scope: scopeText(rule.scope), priority: rule.priority, chain: rule.chain },
    targets: rule.targets.map(viewHop),
    strategy: rule.strategy ?? null,
    fallbacks: rule.fallbacks ?? null,
    ...(counts.get(rule.name) ?? none),
  }));
}

export function viewRule(
  { id, name, fields, change }: StoredOwn,
  fault: string | undefined,
  counts: Counts = none,
): RuleView {
  const { fallbacks, targets = [] } = fields as {
    readonly fallbacks?: string | readonly string[];
    readonly targets?: readonly (string | Partial<HopData>)[];
  };
  const text = (field: string): string | null => (fields[field] as string | undefined) ?? null;
  return {
    ...{ id, name, source: "database", etag: etagOf(change), description: text("description") },
    fault: fault === disabledFault ? null : (fault ?? null),
    enabled: fields["enabled"] !== false,
    when: text("when") ?? "",
    scope: text("scope") ?? "global",
    priority: (fields["priority"] as number | undefined) ?? 0,
    targets: targets.map((hop) => viewHop(typeof hop === "string" ? { target: hop } : hop)),
    strategy: text("strategy"),
    fallbacks: fallbacks === undefined ? null : typeof fallbacks === "string" ? [fallbacks] : fallbacks,
    chain: fields["chain"] === true,
    ...counts,
  };
}

/** Those of the built-in test models come last, and are nobody's. */
export function filePrices({ prices, providers }: GenerationData): readonly PriceRuleView[] {
  return prices.slice(0, prices.length - builtInPrices(providers).length).map(({ match, ...price }) => ({
    ...{ id: null, match, source: "file", fault: null, description: null, etag: null },
    price: written(price),
  }));
}

export function viewPrice({ id, name, fields, change }: StoredOwn, fault: string | undefined): PriceRuleView {
  const { description, ...price } = fields;
  return {
    ...{ id, match: name, source: "database", fault: fault ?? null, etag: etagOf(change), price },
    description: (description as string | undefined) ?? null,
  };
}

function viewHop({ target = "", weight = 1, retries }: Partial<HopData>): RuleTarget {
  return { target, weight, retries: retries ?? null };
}

function scopeText(scope: RuleData["scope"]): string {
  return scope.kind === "global" ? "global" : `${scope.kind}:${scope.name}`;
}

/** `cacheWrite5m` → `cache_write_5m`, as the file has it. */
function written(price: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(price).map(([name, value]) => [
      name === "character" ? "characters" : name.replaceAll(/[A-Z]|\d+/g, (part) => `_${part.toLowerCase()}`),
      Array.isArray(value) ? value.map((tier: object) => written(tier)) : value,
    ]),
  );
}
