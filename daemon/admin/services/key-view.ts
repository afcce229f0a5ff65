/** A key as the admin API shows it. Never a secret, never a hash. */
import type { KeyDefinition, Window } from "../../governance/definitions.ts";
import type { KeyState, KeyView } from "../contract/keys.ts";
import type { WireWindow } from "../contract/scopes.ts";
import type { StoredKey } from "./keys.ts";

/** A budget's counters at this moment; what is not known is absent. */
export type BudgetUsage = {
  readonly slot: number;
  readonly spentNano?: number | undefined;
  readonly heldNano?: number | undefined;
  readonly resetsAtMs?: number | undefined;
};

export function viewKey({ key, scopes, hashes }: StoredKey, usage: readonly BudgetUsage[], nowMs: number): KeyView {
  // The key's own scope is the narrowest; teams and customers above it are shown as themselves.
  const [scope] = scopes;
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
    budgets: (scope?.budgets ?? []).map(({ slot, limitNano, window }) => {
      const used = usage.find((each) => each.slot === slot);
      return {
        slot,
        limit_nano: limitNano,
        window: toWire(window),
        spent_nano: used?.spentNano ?? null,
        held_nano: used?.heldNano ?? null,
        resets_at_ms: used?.resetsAtMs ?? null,
      };
    }),
    limits: (scope?.limits ?? []).map(({ slot, metric, limit, windowMs }) => ({
      slot,
      metric,
      limit,
      window_ms: windowMs,
    })),
    concurrency_max: scope?.concurrencyMax ?? null,
    old_secret_expires_at_ms: ends.length === 0 ? null : Math.max(...ends),
  };
}

export function toWire(window: Window): WireWindow {
  return window.kind === "rolling" ? { kind: "rolling", length_ms: window.lengthMs } : window;
}

export function fromWire(window: WireWindow): Window {
  return window.kind === "rolling" ? { kind: "rolling", lengthMs: window.length_ms } : window;
}

function stateOf(key: KeyDefinition, nowMs: number): KeyState {
  if (key.revokedAtMs !== undefined) return "revoked";
  if (key.disabled) return "disabled";
  if (key.expiresAtMs !== undefined && key.expiresAtMs <= nowMs) return "expired";
  return "active";
}
