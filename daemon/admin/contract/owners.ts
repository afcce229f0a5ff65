/** Owners of keys, and limits by model, provider, end user and tag: one shape, since each is a scope in the tree. */
import type { BudgetRequest, BudgetView, LimitChange, LimitRequest, LimitView, ListOrder, ListPage } from "./scopes.ts";

export type OwnerKind = "customer" | "team" | "user" | "end_user" | "tag" | "model_limit" | "provider_limit";

/** Who may change it: the config file, anybody with permission, or the daemon, which made it for a name it had not seen. */
export type Source = "file" | "database" | "runtime";

export type OwnerReference = { readonly kind: string; readonly id: string; readonly name: string };

/** Each by id or name, at most one. Which of them a kind may have its own routes say. */
export type ParentRequest = {
  readonly customer?: string | null | undefined;
  readonly team?: string | null | undefined;
  readonly user?: string | null | undefined;
  readonly key?: string | null | undefined;
};

export type CreateOwnerRequest = ParentRequest & {
  /** A model limit's and a provider limit's is made of what it counts when absent. */
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** What is below may call no more than this. Absent: all; `[]`: none. */
  readonly models?: readonly string[] | undefined;
  readonly blocked?: readonly string[] | undefined;
  readonly disabled?: boolean | undefined;
  /** A limit's own: which calls it counts. Absent: all. */
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
  readonly budgets?: readonly BudgetRequest[] | undefined;
  readonly limits?: readonly LimitRequest[] | undefined;
  readonly concurrency_max?: number | undefined;
  /** Spent elsewhere before: counts in the windows of its budgets that are under way. */
  readonly spent_nano?: number | undefined;
};

export type UpdateOwnerRequest = ParentRequest & {
  readonly name?: string | undefined;
  readonly description?: string | null | undefined;
  /** Merged name by name; null takes a name away. */
  readonly metadata?: Readonly<Record<string, string | null>> | null | undefined;
  readonly models?: readonly string[] | null | undefined;
  readonly blocked?: readonly string[] | null | undefined;
  readonly disabled?: boolean | null | undefined;
  /** What was spent in the windows of its budgets does not count from now on; wallets stay. */
  readonly reset_budget_usage?: boolean | undefined;
  /** Replaces the list but wallets. A budget whose window stays the same keeps what was spent in it. */
  readonly budgets?: readonly BudgetRequest[] | null | undefined;
  /** Merged into the list by metric and window. */
  readonly limits?: readonly LimitChange[] | null | undefined;
  readonly concurrency_max?: number | null | undefined;
};

export type OwnerView = {
  readonly id: string;
  readonly kind: OwnerKind;
  readonly name: string;
  readonly source: Source;
  readonly description: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly parent: OwnerReference | null;
  /** null: all. */
  readonly models: readonly string[] | null;
  readonly blocked: readonly string[];
  readonly disabled: boolean;
  /** A limit's own; null: this kind counts all that is below it. */
  readonly match: { readonly provider: string; readonly model: string } | null;
  readonly budgets: readonly BudgetView[];
  readonly limits: readonly LimitView[];
  readonly concurrency_max: number | null;
  readonly in_flight: number | null;
  readonly created_at_ms: number;
  readonly etag: string;
};

/** `warnings`: names in what was asked that nothing answers to; absent: there are none. */
export type OwnerAnswer = { readonly owner: OwnerView; readonly warnings?: readonly string[] | undefined };

export type OwnerListQuery = ListOrder & {
  /** In the name or the id, wherever. */
  readonly search?: string | undefined;
  /** Those directly below this customer or team, by id or name. */
  readonly customer?: string | undefined;
  readonly team?: string | undefined;
  /** The same, as the Go gateway's clients say it. */
  readonly customer_id?: string | undefined;
  readonly team_id?: string | undefined;
  /** Limits by model of this user or key. */
  readonly user?: string | undefined;
  readonly key?: string | undefined;
};
export type OwnerListAnswer = ListPage & { readonly owners: readonly OwnerView[] };

/** `cycles`: this window and the next `cycles - 1`. `until`: until then, whatever the window. */
export type OverrideRequest = {
  readonly extra_nano: number;
  readonly mode: "cycles" | "forever" | "until";
  readonly cycles?: number | undefined;
  readonly until_ms?: number | undefined;
};
export type BudgetAnswer = { readonly budget: BudgetView };

/** A budget with whose it is. */
export type OwnedBudget = BudgetView & { readonly owner: OwnerReference };
export type OwnedLimit = LimitView & { readonly owner: OwnerReference };
export type BudgetListQuery = {
  /** So many owners at most, each with all it has. */
  readonly limit?: number | undefined;
  readonly after?: string | undefined;
  /** In the owner's name or id, wherever. */
  readonly search?: string | undefined;
};
export type BudgetListAnswer = { readonly budgets: readonly OwnedBudget[]; readonly next: string | null };
export type LimitListAnswer = { readonly limits: readonly OwnedLimit[]; readonly next: string | null };

/** A negative amount takes out. */
export type TopUpRequest = { readonly amount_nano: number; readonly note?: string | undefined };
export type WalletEntry = {
  readonly at_ms: number;
  readonly amount_nano: number;
  readonly note: string;
  readonly actor: string;
};
export type WalletAnswer = {
  readonly owner: OwnerReference;
  /** Put in, less what is spent and held. */
  readonly left_nano: number | null;
  readonly put_in_nano: number;
  readonly spent_nano: number | null;
  readonly held_nano: number | null;
  /** The newest hundred, newest first. */
  readonly entries: readonly WalletEntry[];
};
