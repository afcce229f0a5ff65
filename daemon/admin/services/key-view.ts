/** A key as the admin API shows it. Never a secret, never a hash. */
import type { KeyDefinition, ProviderConfig, ScopeDefinition } from "../../governance/definitions.ts";
import type { KeyState, KeyView, ProviderConfigView } from "../contract/keys.ts";
import type { OwnerReference } from "../contract/owners.ts";
import { etagOf } from "./governance.ts";
import type { StoredKey } from "./keys.ts";
import { type ScopeUsage, unused, viewBudgets, viewLimits } from "./scope-view.ts";

export function viewKey(
  { key, scopes, hashes }: StoredKey,
  usageOf: (scope: ScopeDefinition) => ScopeUsage,
  parent: OwnerReference | null,
  nowMs: number,
): KeyView {
  // Its own scope is the first; those of its owners are shown as themselves.
  const [scope] = scopes;
  const usage = scope === undefined ? unused : usageOf(scope);
  const ends = hashes.flatMap(({ expiresAtMs }) =>
    expiresAtMs !== undefined && expiresAtMs > nowMs ? [expiresAtMs] : [],
  );
  return {
    id: key.publicId,
    name: key.name,
    prefix: key.prefix,
    state: stateOf(key, nowMs),
    created_at_ms: key.createdAtMs,
    expires_at_ms: key.expiresAtMs ?? null,
    revoked_at_ms: key.revokedAtMs ?? null,
    models: key.policy.models,
    budgets: scope === undefined ? [] : viewBudgets(scope, usage),
    limits: scope === undefined ? [] : viewLimits(scope, usage),
    concurrency_max: scope?.concurrencyMax ?? null,
    description: scope?.attributes?.description ?? null,
    metadata: scope?.attributes?.metadata ?? {},
    source: key.source ?? "database",
    parent,
    blocked: key.policy.blocked ?? [],
    providers: key.policy.providers?.map((config) => viewProvider(config, scopes, usageOf)) ?? null,
    delete_expired: key.deleteExpired ?? false,
    content: key.policy.content ?? null,
    unsupported: key.policy.unsupported ?? null,
    raw: key.policy.raw ?? false,
    operations: key.policy.operations ?? null,
    aliases: key.policy.aliases ?? {},
    required: key.policy.required ?? [],
    in_flight: usage.inFlight ?? null,
    etag: etagOf(changeOf({ key, scopes })),
    old_secret_expires_at_ms: ends.length === 0 ? null : Math.max(...ends),
  };
}

/** A budget's override and a wallet's top-up change the key's own scope alone. */
export function changeOf({ key, scopes }: Pick<StoredKey, "key" | "scopes">): number {
  return Math.max(key.change ?? 0, scopes[0]?.change ?? 0);
}

function viewProvider(
  { provider, weight, models, blocked, credentials, scope: id }: ProviderConfig,
  scopes: readonly ScopeDefinition[],
  usageOf: (scope: ScopeDefinition) => ScopeUsage,
): ProviderConfigView {
  const scope = scopes.find((each) => each.id === id);
  const usage = scope === undefined ? unused : usageOf(scope);
  return {
    provider,
    weight: weight ?? null,
    models: models ?? null,
    blocked: blocked ?? [],
    credentials: credentials ?? null,
    budgets: scope === undefined ? [] : viewBudgets(scope, usage),
    limits: scope === undefined ? [] : viewLimits(scope, usage),
    concurrency_max: scope?.concurrencyMax ?? null,
  };
}

function stateOf(key: KeyDefinition, nowMs: number): KeyState {
  if (key.revokedAtMs !== undefined) return "revoked";
  if (key.disabled) return "disabled";
  if (key.expiresAtMs !== undefined && key.expiresAtMs <= nowMs) return "expired";
  return "active";
}
