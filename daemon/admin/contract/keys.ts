/** Virtual keys: what is asked of them and how they are shown. */
import type { ContentLevel } from "./logs.ts";
import type { OwnerReference, ParentRequest, Source } from "./owners.ts";
import type { BudgetRequest, BudgetView, LimitChange, LimitRequest, LimitView, ListOrder, ListPage } from "./scopes.ts";

/** A provider the key may use, with budgets and limits of its own. */
export type ProviderConfigRequest = {
  readonly provider: string;
  /** Share of the calls that name no provider; absent or 0: only when the provider is named. */
  readonly weight?: number | undefined;
  /** Absent: all; `[]`: none. */
  readonly models?: readonly string[] | undefined;
  readonly blocked?: readonly string[] | undefined;
  /** Names of the provider's credentials. Absent or `["*"]`: all; `[]`: none. */
  readonly credentials?: readonly string[] | undefined;
  readonly budgets?: readonly BudgetRequest[] | undefined;
  readonly limits?: readonly LimitRequest[] | undefined;
  readonly concurrency_max?: number | undefined;
};

export type ProviderConfigView = {
  readonly provider: string;
  readonly weight: number | null;
  /** null: all. */
  readonly models: readonly string[] | null;
  readonly blocked: readonly string[];
  readonly credentials: readonly string[] | null;
  readonly budgets: readonly BudgetView[];
  readonly limits: readonly LimitView[];
  readonly concurrency_max: number | null;
};

type KeyParent = Omit<ParentRequest, "key">;

export type CreateKeyRequest = KeyParent & {
  readonly name: string;
  /** Exact `provider/model`, bare names, or one trailing `*`. Absent: all; `[]`: none. */
  readonly models?: readonly string[] | undefined;
  /** One of the two, or neither: the key never expires. */
  readonly expires_in_ms?: number | undefined;
  readonly expires_at_ms?: number | undefined;
  readonly budgets?: readonly BudgetRequest[] | undefined;
  readonly limits?: readonly LimitRequest[] | undefined;
  readonly concurrency_max?: number | undefined;
  readonly description?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Of the allowed models, these not. */
  readonly blocked?: readonly string[] | undefined;
  /** Absent: every provider; `[]`: none. */
  readonly providers?: readonly ProviderConfigRequest[] | undefined;
  /** Take the key away once it has expired. */
  readonly delete_expired?: boolean | undefined;
  /** What is kept of what is said with it. Absent: as `record.content` says. */
  readonly content?: ContentLevel | undefined;
  /** What becomes of a parameter that a target cannot be told. Absent or null: as the provider says. */
  readonly unsupported?: OnUnsupported | null | undefined;
  /** May be shown the bodies that pass between gateway and provider, where `auth.raw_bodies` is `keys`. */
  readonly raw?: boolean | undefined;
  /** What it may ask for: `embeddings`. Absent or null: everything; `[]`: nothing. */
  readonly operations?: readonly string[] | null | undefined;
  /** Names of its own for models, or for other names: it may call what they stand for, or may not. */
  readonly aliases?: Readonly<Record<string, string>> | null | undefined;
  /** What each of its requests must have in its body: `user`, `metadata.project`. */
  readonly required?: readonly string[] | null | undefined;
};

/** `strict`: refused, by name. `drop`: left out, and named in the answer. */
export type OnUnsupported = "strict" | "drop";

/** A key that another gateway made: its secret is not known, and goes on working. */
export type AdoptKeyRequest = CreateKeyRequest & {
  /** 64 hexadecimal digits. */
  readonly secret_sha256: string;
  /** For recognition: `sk-…4711`. */
  readonly prefix?: string | undefined;
  readonly disabled?: boolean | undefined;
  /** Spent there before: counts in the windows of its budgets that are under way. */
  readonly spent_nano?: number | undefined;
};

/** At most a hundred. Those that are not there yet are made, all of them or none. */
export type AdoptKeysRequest = { readonly keys: readonly AdoptKeyRequest[] };
export type AdoptKeysAnswer = {
  readonly keys: readonly { readonly id: string; readonly name: string }[];
  /** Names of those that are there already, by name or by secret, and stay as they are. */
  readonly present: readonly string[];
};

export type UpdateKeyRequest = KeyParent & {
  readonly name?: string | undefined;
  readonly models?: readonly string[] | null | undefined;
  readonly expires_in_ms?: number | undefined;
  readonly expires_at_ms?: number | null | undefined;
  readonly disabled?: boolean | null | undefined;
  /** What was spent in the windows of its budgets, and of its providers', does not count from now on; wallets stay. */
  readonly reset_budget_usage?: boolean | undefined;
  /** Replaces the list. A budget whose window stays the same keeps what was spent in it. */
  readonly budgets?: readonly BudgetRequest[] | null | undefined;
  /** Merged into the list by metric and window. */
  readonly limits?: readonly LimitChange[] | null | undefined;
  readonly concurrency_max?: number | null | undefined;
  readonly description?: string | null | undefined;
  /** Merged name by name; null takes a name away. */
  readonly metadata?: Readonly<Record<string, string | null>> | null | undefined;
  readonly blocked?: readonly string[] | null | undefined;
  /** Replaces the list; null: every provider. */
  readonly providers?: readonly ProviderConfigRequest[] | null | undefined;
  readonly delete_expired?: boolean | null | undefined;
  /** null: as `record.content` says. */
  readonly content?: ContentLevel | null | undefined;
  /** null: as the provider says. */
  readonly unsupported?: OnUnsupported | null | undefined;
  readonly raw?: boolean | null | undefined;
  /** null: everything. */
  readonly operations?: readonly string[] | null | undefined;
  /** Replaces them all; null: none. */
  readonly aliases?: Readonly<Record<string, string>> | null | undefined;
  readonly required?: readonly string[] | null | undefined;
};

/** Until `grace_ms` has passed the old secret works too; 0 (the default): it stops at once. */
export type RotateKeyRequest = { readonly grace_ms?: number | undefined };

/** Several at once, by id or name. */
export type RotateKeysRequest = RotateKeyRequest & { readonly ids: readonly string[] };

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
  readonly description: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly source: Source;
  readonly parent: OwnerReference | null;
  readonly blocked: readonly string[];
  /** null: every provider. */
  readonly providers: readonly ProviderConfigView[] | null;
  readonly delete_expired: boolean;
  /** null: as `record.content` says. */
  readonly content: ContentLevel | null;
  /** null: as the provider says. */
  readonly unsupported: OnUnsupported | null;
  readonly raw: boolean;
  /** null: everything. */
  readonly operations: readonly string[] | null;
  readonly aliases: Readonly<Record<string, string>>;
  readonly required: readonly string[];
  readonly in_flight: number | null;
  readonly etag: string;
  /** While a rotation's grace runs: when the old secret stops. */
  readonly old_secret_expires_at_ms: number | null;
};

/** The only answer that ever holds a secret. */
export type KeySecretAnswer = KeyAnswer & { readonly secret: string };
/** `warnings`: names in what was asked that nothing answers to; absent: there are none. */
export type KeyAnswer = { readonly key: KeyView; readonly warnings?: readonly string[] | undefined };
/** In the order asked. What was rotated before another failed is rotated: its new secret is here and nowhere else. */
export type KeySecretsAnswer = {
  readonly rotated: readonly KeySecretAnswer[];
  readonly failed: readonly { readonly id: string; readonly code: string; readonly message: string }[];
};
export type KeyListQuery = ListOrder & {
  /** Revoked keys too. */
  readonly all?: boolean | undefined;
  /** In the name or the id, wherever. */
  readonly search?: string | undefined;
  /** Those directly below it, by id or name. */
  readonly customer?: string | undefined;
  readonly team?: string | undefined;
  readonly user?: string | undefined;
  /** The same, as the Go gateway's clients say it. */
  readonly customer_id?: string | undefined;
  readonly team_id?: string | undefined;
};
export type KeyListAnswer = ListPage & { readonly keys: readonly KeyView[] };
