/** What a config declares of owners, keys and limits: plain data, and no secret but its hash. */
import type { KeyPolicy, ScopeAttributes } from "../governance/definitions.ts";
import type { BudgetInput, LimitInput, ProviderChange } from "../store/commands/command.ts";

export type OwnerName = { readonly kind: "customer" | "team" | "user" | "key"; readonly name: string };

export type DeclaredNumbers = {
  readonly budgets: readonly BudgetInput[];
  readonly limits: readonly LimitInput[];
  readonly concurrencyMax?: number;
};

export type DeclaredScope = DeclaredNumbers & {
  readonly kind: "customer" | "team" | "user" | "model_limit" | "provider_limit" | "end_user" | "tag";
  readonly name: string;
  readonly parent?: OwnerName;
  readonly attributes: ScopeAttributes;
};

export type DeclaredKey = DeclaredNumbers & {
  readonly name: string;
  /** SHA-256 of the secret, hex. */
  readonly hash: string;
  readonly prefix: string;
  readonly policy: KeyPolicy;
  /** null: every provider. */
  readonly providers: readonly ProviderChange[] | null;
  readonly disabled: boolean;
  readonly expiresAtMs?: number;
  readonly parent?: OwnerName;
  readonly attributes: ScopeAttributes;
};

/** How requests name end users or tags, and what a name gets that nothing is known of. */
export type NameRules = {
  readonly header: string;
  readonly required: boolean;
  readonly keptMax: number;
  readonly each?: DeclaredNumbers;
};

export type GovernanceData = {
  /** Owners before what belongs to them. */
  readonly scopes: readonly DeclaredScope[];
  readonly keys: readonly DeclaredKey[];
  readonly endUsers?: NameRules;
  readonly tags?: NameRules;
};
