/**
 * For a key and a model at a provider: may it be called, and which scopes does the call draw on? Worked out once and
 * remembered until the key or the directory changes, so that a request only looks it up.
 */
import { isListed, isWithin, mayCall, noModel, providerConfig } from "./access.ts";
import { type KeyPolicy, scopesPerRequestMax } from "./definitions.ts";
import { createDirectoryReader, type LimitRule, type NamesOfRequests, type OwnerRules } from "./directory.ts";
import type { KeyReader } from "./key-table.ts";
import type { Tables } from "./tables.ts";

export type Plan = {
  /** Undefined: it may. Otherwise what forbids it. */
  readonly refusal: PlanRefusal | undefined;
  /** The key's own scope first, then its provider's, its owners', and the limits that count the call. */
  readonly scopes: readonly number[];
  /** The same as rows have it: `3,17`. */
  readonly text: string;
};

export type PlanRefusal =
  | { readonly kind: "model" }
  /** `team "research"` is disabled. */
  | { readonly kind: "disabled"; readonly label: string }
  | { readonly kind: "too_many" };

export type Plans = {
  /** `keyRow` -1: a caller without a key, on whom the limits for everybody count. */
  find(keyRow: number, provider: string, model: string, target: string): Plan;
  /** What forbids a call for whom a request names: an end user, or a tag. Undefined: nothing. */
  refusal(named: readonly number[], provider: string, model: string): PlanRefusal | undefined;
  /** Scopes of the limits that count calls of this owner alone, whatever they call. */
  limitsOf(owner: number): readonly number[];
  /** The models that an owner allows and forbids; undefined: it says nothing. */
  rulesOf(owner: number): OwnerRules | undefined;
  /** How requests name end users and tags; undefined: nothing is counted for them. */
  names(): NamesOfRequests | undefined;
  /** Differs after each change of owners or limits. */
  version(): number;
};

/** Left for the end user and the tags of a request. */
const plannedScopesMax = scopesPerRequestMax - 4;
/** Keys and models that a worker keeps plans of; at the bound it begins anew. */
const rowsMax = 16_384;
const targetsMax = 1_024;

const everything: KeyPolicy = { models: ["*"] };

type Row = { key: number; directory: number; readonly plans: Map<string, Plan> };

export function createPlans(tables: Tables, keys: KeyReader): Plans {
  const directory = createDirectoryReader(tables);
  const rows = new Map<number, Row>();

  function find(keyRow: number, provider: string, model: string, target: string): Plan {
    const row = rowOf(keyRow);
    const known = model === noModel ? `${provider}/` : target; // a target that calls none is named like one that may call any
    let plan = row.plans.get(known);
    if (plan === undefined) {
      plan = make(keyRow, provider, model);
      if (row.plans.size >= targetsMax) row.plans.clear();
      row.plans.set(known, plan);
    }
    return plan;
  }

  function rowOf(keyRow: number): Row {
    const key = keyRow < 0 ? 0 : keys.version(keyRow);
    const version = directory.version();
    let row = rows.get(keyRow);
    if (row === undefined) {
      if (rows.size >= rowsMax) rows.clear();
      row = { key, directory: version, plans: new Map() };
      rows.set(keyRow, row);
    } else if (row.key !== key || row.directory !== version) {
      row.key = key;
      row.directory = version;
      row.plans.clear();
    }
    return row;
  }

  function make(keyRow: number, provider: string, model: string): Plan {
    const policy = keyRow < 0 ? everything : keys.policy(keyRow);
    const chain = keyRow < 0 ? [] : keys.scopes(keyRow);
    const { owners, limits } = directory.read();
    let refusal: PlanRefusal | undefined = mayCall(policy, provider, model) ? undefined : { kind: "model" };
    for (const scope of chain) {
      const forbids = refusalBy(owners[scope], provider, model);
      refusal = forbids?.kind === "disabled" ? forbids : (refusal ?? forbids);
    }
    const own = providerConfig(policy, provider)?.scope;
    const counting = limits.filter((limit) => counts(limit, chain, provider, model)).map(({ scope }) => scope);
    const scopes = [...chain.slice(0, 1), ...(own === undefined ? [] : [own]), ...chain.slice(1), ...counting];
    if (scopes.length > plannedScopesMax) refusal ??= { kind: "too_many" };
    return { refusal, scopes, text: scopes.join(",") };
  }

  function refusal(named: readonly number[], provider: string, model: string): PlanRefusal | undefined {
    const { owners } = directory.read();
    for (const scope of named) {
      const forbids = refusalBy(owners[scope], provider, model);
      if (forbids !== undefined) return forbids;
    }
    return undefined;
  }

  const limitsOf = (owner: number): readonly number[] =>
    directory.read().limits.flatMap((limit) => (limit.owner === owner ? [limit.scope] : []));

  return {
    find,
    refusal,
    limitsOf,
    rulesOf: (owner) => directory.read().owners[owner],
    names: () => directory.read().names,
    version: directory.version,
  };
}

function refusalBy(rules: OwnerRules | undefined, provider: string, model: string): PlanRefusal | undefined {
  if (rules === undefined) return undefined;
  if (rules.disabled) return { kind: "disabled", label: rules.label };
  return isWithin(rules, provider, model) ? undefined : { kind: "model" };
}

function counts(limit: LimitRule, chain: readonly number[], provider: string, model: string): boolean {
  if (limit.owner !== 0 && !chain.includes(limit.owner)) return false;
  if (limit.provider !== "*" && limit.provider !== provider) return false;
  return isListed([limit.model], provider, model);
}
