/** What management may ask of the state writer, as values, and what it answers. */
import type { ChainHead } from "../../audit/chain.ts";
import type {
  Balance,
  KeyDefinition,
  KeyHash,
  KeyPolicy,
  ProviderConfig,
  RateLimit,
  ScopeAttributes,
  ScopeDefinition,
  ScopeKind,
  ScopeSource,
  Window,
} from "../../governance/definitions.ts";
import type { Begun } from "../../governance/scopes.ts";
import type { Adjustment } from "./adjust.ts";
import type { Correction } from "./correct.ts";

export type BudgetInput = {
  readonly limitNano: number;
  readonly window: Window;
  readonly shadow?: boolean | undefined;
};
export type LimitInput = Omit<RateLimit, "slot">;

/** Absent: as it was. Null: none. */
export type ScopeChange = {
  /** The whole list but wallets, which stay; a budget whose window was there before keeps what it has spent. */
  readonly budgets?: readonly BudgetInput[] | undefined;
  readonly limits?: readonly LimitInput[] | undefined;
  readonly concurrencyMax?: number | null | undefined;
  /** All of its budgets begin anew, but for wallets: what was put in is spent once. */
  readonly resetsBudgets?: boolean | undefined;
};

/** A provider a key may use, with budgets and limits of its own; they keep their scope while the provider stays. */
export type ProviderChange = Omit<ProviderConfig, "scope"> & ScopeChange;

/** What a key is besides its secret and its own numbers. */
export type KeyChange = ScopeChange & {
  /** Its scope in the tree: a user, team or customer. Null: none. */
  readonly parentId?: number | null | undefined;
  /** The whole list; null: all providers. */
  readonly providers?: readonly ProviderChange[] | null | undefined;
  readonly attributes?: ScopeAttributes | undefined;
  readonly source?: ScopeSource | undefined;
  readonly deleteExpired?: boolean | undefined;
};

/** A key as it is made. */
export type NewKey = {
  readonly publicId: string;
  readonly name: string;
  readonly prefix: string;
  /** SHA-256 of the secret; the secret itself never comes here. */
  readonly hash: Uint8Array;
  readonly policy: KeyPolicy;
  readonly expiresAtMs?: number | undefined;
  readonly disabled?: boolean | undefined;
  readonly spentNano?: number | undefined;
  /** Its secret was made elsewhere. */
  readonly adopted?: boolean | undefined;
} & KeyChange;

/** As the audit trail calls it. */
export type TemplateResource = "budget" | "access_group";

export type Command =
  | ({ readonly kind: "create_key" } & NewKey)
  /** All of them or none. */
  | { readonly kind: "create_keys"; readonly keys: readonly NewKey[] }
  /** Its scope may be changed in the same breath. */
  | ({
      readonly kind: "update_key";
      readonly keyId: number;
      readonly name?: string | undefined;
      readonly policy?: KeyPolicy | undefined;
      readonly disabled?: boolean | undefined;
      readonly expiresAtMs?: number | null | undefined;
    } & KeyChange)
  | { readonly kind: "revoke_key"; readonly keyId: number }
  | {
      readonly kind: "rotate_key";
      readonly keyId: number;
      readonly prefix: string;
      readonly hash: Uint8Array;
      /** Until when the old secrets still open the key; absent: not at all. */
      readonly graceUntilMs?: number | undefined;
    }
  | { readonly kind: "delete_key"; readonly keyId: number }
  | ({
      readonly kind: "create_scope";
      readonly scopeKind: ScopeKind;
      readonly publicId: string;
      readonly name: string;
      readonly parentId?: number | undefined;
      readonly source?: ScopeSource | undefined;
      readonly attributes?: ScopeAttributes | undefined;
      /** Spent elsewhere before, in the windows of its budgets that are under way. */
      readonly spentNano?: number | undefined;
    } & ScopeChange)
  | ({
      readonly kind: "update_scope";
      readonly scopeId: number;
      readonly name?: string | undefined;
      readonly parentId?: number | null | undefined;
      readonly source?: ScopeSource | undefined;
      /** All of them. */
      readonly attributes?: ScopeAttributes | undefined;
    } & ScopeChange)
  /** Refused while something is below it. */
  | { readonly kind: "delete_scope"; readonly scopeId: number }
  /** Null: the override ends now. */
  | {
      readonly kind: "set_override";
      readonly scopeId: number;
      readonly slot: number;
      readonly extraNano: number | null;
      readonly extraUntilMs?: number | undefined;
    }
  /** What was spent in the budget's window does not count from now on. */
  | { readonly kind: "reset_budget"; readonly scopeId: number; readonly slot: number }
  /** Makes the scope's wallet if it has none. A negative amount takes out. */
  | { readonly kind: "top_up"; readonly scopeId: number; readonly amountNano: number; readonly note: string }
  | {
      readonly kind: "create_token";
      readonly publicId: string;
      readonly name: string;
      readonly prefix: string;
      readonly hash: Uint8Array;
      readonly permissions: readonly string[];
      readonly within?: number | undefined;
      readonly expiresAtMs?: number | undefined;
    }
  | {
      readonly kind: "update_token";
      readonly publicId: string;
      readonly name: string;
      readonly permissions: readonly string[];
      readonly expiresAtMs: number | undefined;
    }
  | { readonly kind: "revoke_token"; readonly publicId: string }
  /** A budget, or a group of models, that keys and owners are given by name. */
  | {
      readonly kind: "put_template";
      readonly id: string;
      readonly fields: Readonly<Record<string, unknown>>;
      readonly isNew: boolean;
      readonly resource: TemplateResource;
    }
  | { readonly kind: "delete_template"; readonly id: string; readonly resource: TemplateResource }
  /** A routing rule or a price: made where the id is new. */
  | {
      readonly kind: "put_own";
      readonly publicId: string;
      readonly entry: "rule" | "price";
      readonly name: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "delete_own"; readonly publicId: string }
  /** A management action that is kept elsewhere (a config reload), told to the audit trail. `before` and `after` are redacted by the caller. */
  | {
      readonly kind: "audit";
      readonly action: string;
      readonly target: string;
      readonly before?: unknown;
      readonly after?: unknown;
    }
  /** Writes the file so that it is known to be writable. */
  | { readonly kind: "probe" }
  | { readonly kind: "checkpoint" }
  /** The shared tables count in these budgets from this moment on. */
  | ({ readonly kind: "begin_budgets" } & Begun)
  /** What settled requests should have cost; the settled rows stay. */
  | { readonly kind: "adjust"; readonly entries: readonly Adjustment[] }
  /** What was charged for came to nothing; does nothing the second time. */
  /** What a batch came to; done once. */
  | { readonly kind: "correct"; readonly entry: Correction }
  /** The sums of the log have the entries of this note. */
  | { readonly kind: "summed"; readonly note: number }
  /** A worker ended: what it held until then and nobody has settled is settled as estimated. */
  | { readonly kind: "settle_lost"; readonly worker: number; readonly heldUntilMs: number }
  /** Keeps a dump of the shared-memory tables, which holds every change up to `change`, for a quick boot. */
  | { readonly kind: "snapshot"; readonly change: number; readonly tables: Uint8Array };

export type CommandResult = {
  /** The change counter after the command. */
  readonly change: number;
  readonly head: ChainHead;
  /** The key as it is now; absent when the command deleted it or touched none. */
  readonly key?: KeyDefinition;
  /** All hashes of that key: they replace what was known. */
  readonly hashes: readonly KeyHash[];
  readonly scopes: readonly ScopeDefinition[];
  /** What a new scope has spent, where it was said to have spent anything. */
  readonly balances?: readonly Balance[] | undefined;
  /** Other keys that became different, as those of a team that moved. */
  readonly touched?: readonly KeyDefinition[];
  /** The entry that corrected a batch; absent: one had before. */
  readonly adjusted?: Adjustment;
  readonly deletedScopes?: readonly number[];
  readonly deletedKeys?: readonly number[];
  /** Of a command that made several, each as if it had been made alone. */
  readonly made?: readonly CommandResult[];
};
