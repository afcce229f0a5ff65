/** Virtual keys: what is asked of them and how they are shown. */
import type { BudgetRequest, BudgetView, LimitChange, LimitRequest, LimitView } from "./scopes.ts";

export type CreateKeyRequest = {
  readonly name: string;
  /** Exact `provider/model`, bare names, or one trailing `*`. Absent: all; `[]`: none. */
  readonly models?: readonly string[] | undefined;
  /** One of the two, or neither: the key never expires. */
  readonly expires_in_ms?: number | undefined;
  readonly expires_at_ms?: number | undefined;
  readonly budgets?: readonly BudgetRequest[] | undefined;
  readonly limits?: readonly LimitRequest[] | undefined;
  readonly concurrency_max?: number | undefined;
};

export type UpdateKeyRequest = {
  readonly name?: string | undefined;
  readonly models?: readonly string[] | undefined;
  readonly expires_in_ms?: number | undefined;
  readonly expires_at_ms?: number | null | undefined;
  readonly disabled?: boolean | undefined;
  /** Replaces the list. A budget whose window stays the same keeps what was spent in it. */
  readonly budgets?: readonly BudgetRequest[] | undefined;
  /** Merged into the list by metric and window. */
  readonly limits?: readonly LimitChange[] | undefined;
  readonly concurrency_max?: number | null | undefined;
};

/** Until `grace_ms` has passed the old secret works too; 0 (the default): it stops at once. */
export type RotateKeyRequest = { readonly grace_ms?: number | undefined };

export type KeyState = "active" | "disabled" | "expired" | "revoked";

export type KeyView = {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly state: KeyState;
  readonly created_at_ms: number;
  readonly expires_at_ms: number | null;
  readonly revoked_at_ms: number | null;
  readonly models: readonly string[];
  readonly budgets: readonly BudgetView[];
  readonly limits: readonly LimitView[];
  readonly concurrency_max: number | null;
  /** While a rotation's grace runs: when the old secret stops. */
  readonly old_secret_expires_at_ms: number | null;
};

/** The only answer that ever holds a secret. */
export type KeySecretAnswer = { readonly key: KeyView; readonly secret: string };
export type KeyAnswer = { readonly key: KeyView };
export type KeyListQuery = {
  /** 1–1000, default 100. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
  /** Revoked keys too. */
  readonly all?: boolean | undefined;
};
export type KeyListAnswer = { readonly keys: readonly KeyView[]; readonly next: string | null };
