/** What the services of keys, owners and limits share: the rows, the shared tables, a clock, one change at a time. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { KnownNames } from "../../config/known-names.ts";
import type { Balance, KeyDefinition, ScopeDefinition } from "../../governance/definitions.ts";
import type { Command, CommandResult } from "../../store/commands/command.ts";
import type { Action, Reach } from "../admin-services.ts";
import type { StoredKey } from "./keys.ts";
import type { OwnerRows } from "./owner-rows.ts";
import type { ScopeUsage } from "./scope-view.ts";
import type { Turns } from "./turns.ts";

/** The shared tables. What is put is visible to every worker when the call returns. */
export type GovernanceMemory = {
  /** New or changed, with all its hashes and its own scopes. */
  put(stored: StoredKey): void;
  apply(change: MemoryChange): void;
  /** What is spent and held now. */
  usage(scope: ScopeDefinition): ScopeUsage;
};

export type MemoryChange = {
  readonly scopes?: readonly ScopeDefinition[] | undefined;
  /** What new ones have spent. */
  readonly balances?: readonly Balance[] | undefined;
  /** Keys whose secrets and own scopes stay as they are. */
  readonly touched?: readonly KeyDefinition[] | undefined;
  readonly deletedScopes?: readonly number[] | undefined;
  readonly deletedKeys?: readonly number[] | undefined;
};

export type Governance = {
  /** Absent: all there is. With it, `rows` reach no further either. */
  readonly reach?: Reach | undefined;
  readonly rows: OwnerRows;
  readonly memory: GovernanceMemory;
  readonly inTurn: Turns;
  readonly now: () => number;
  /** Names of the config in force; undefined where there is none at hand. */
  readonly known?: (() => Promise<KnownNames | undefined>) | undefined;
  /** `team_…`, random. */
  readonly publicId: (prefix: string) => string;
  /** Resolves when change and audit record are durable, together. */
  execute(command: Command, actor: string): Promise<CommandResult>;
};

/** What a client read is what it changes: `If-Match` names a version, or any with `*`. */
export function assertMatch(action: Action, etag: string): void {
  const { ifMatch } = action;
  if (ifMatch === undefined || ifMatch === "*" || ifMatch === etag) return;
  throw new GatewayError("precondition_failed", `it was changed meanwhile: it is ${etag} now, not ${ifMatch}`);
}

export function etagOf(change: number | undefined): string {
  return `"${change ?? 0}"`;
}

/** What a file declares only the file changes; else the next load would undo it. */
export function assertOurs(source: string | undefined, what: string): void {
  if (source !== "file") return;
  throw new GatewayError("conflict", `${what} is declared in the config file: change it there`);
}
