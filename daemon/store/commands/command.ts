/** What management may ask of the state writer, as values, and what it answers. */
import type { ChainHead } from "../../audit/chain.ts";
import type {
  KeyDefinition,
  KeyHash,
  KeyPolicy,
  RateLimit,
  ScopeDefinition,
  Window,
} from "../../governance/definitions.ts";

export type BudgetInput = { readonly limitNano: number; readonly window: Window };
export type LimitInput = Omit<RateLimit, "slot">;

/** Absent: as it was. Null: none. */
export type ScopeChange = {
  /** The whole list; a budget whose window was there before keeps what it has spent. */
  readonly budgets?: readonly BudgetInput[] | undefined;
  readonly limits?: readonly LimitInput[] | undefined;
  readonly concurrencyMax?: number | null | undefined;
};

export type Command =
  | ({
      readonly kind: "create_key";
      readonly publicId: string;
      readonly name: string;
      readonly prefix: string;
      /** SHA-256 of the secret; the secret itself never comes here. */
      readonly hash: Uint8Array;
      readonly policy: KeyPolicy;
      readonly expiresAtMs?: number | undefined;
    } & ScopeChange)
  /** Its scope may be changed in the same breath. */
  | ({
      readonly kind: "update_key";
      readonly keyId: number;
      readonly name?: string | undefined;
      readonly policy?: KeyPolicy | undefined;
      readonly disabled?: boolean | undefined;
      readonly expiresAtMs?: number | null | undefined;
    } & ScopeChange)
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
  | ({ readonly kind: "update_scope"; readonly scopeId: number } & ScopeChange)
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
};
