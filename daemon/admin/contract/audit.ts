/** Audit trail and ledger, proved. */

export type AuditVerifyAnswer = {
  readonly ok: boolean;
  readonly records: number;
  readonly first_at_ms: number | null;
  readonly last_at_ms: number | null;
  /** Hash of the last record, hex: note it elsewhere, and a later rewrite of everything shows. */
  readonly head: string | null;
  /** The first bad record. */
  readonly problem: { readonly record: number; readonly message: string } | null;
};

/** `faults`: in SQLite's words, the first three of a table. */
export type CheckedFile = { readonly file: string; readonly tables: number; readonly faults: readonly string[] };
export type StoreCheckAnswer = { readonly ok: boolean; readonly files: readonly CheckedFile[] };

export type AuditExportQuery = { readonly since_ms?: number | undefined; readonly until_ms?: number | undefined };

export type AuditListQuery = {
  /** 1–1000, default 50. */
  readonly limit?: number | undefined;
  /** Going back: `older` of the page before. */
  readonly before?: string | undefined;
  /** Only what was changed by somebody, without what requests cost. A page may be short, or empty, and still go on. */
  readonly changes?: boolean | undefined;
};

export type AuditRecordView = {
  /** Its place in the chain. */
  readonly record: number;
  readonly at_ms: number;
  readonly kind: "change" | "settlement";
  /** `local:<uid>`, or the key that asked. */
  readonly actor: string | null;
  /** `key.create`; of a settlement the route, or `attempt` for one that was not the last of its request. */
  readonly action: string;
  /** Public id of what was changed; of a settlement the request. */
  readonly target: string | null;
  /** `ok`, an error's code, or a status; empty for an attempt. */
  readonly outcome: string;
  readonly cost_nano: number | null;
  readonly tokens: number | null;
  /** Of the record, hex: it covers all records before. */
  readonly hash: string;
};
/** Newest first. */
export type AuditListAnswer = { readonly records: readonly AuditRecordView[]; readonly older: string | null };

export type LedgerProblem = {
  readonly scope: string;
  readonly budget: number | null;
  readonly window_start_ms: number | null;
  readonly balance_nano: number | null;
  readonly rows_nano: number | null;
  readonly message: string;
};

export type LedgerCheckAnswer = {
  readonly ok: boolean;
  readonly scopes: number;
  readonly settlements: number;
  readonly holds_open: number;
  /** Σ(actual − held) over settlements that cost more than was held: what a cap can have been passed by. */
  readonly overrun_nano: number;
  readonly problems: readonly LedgerProblem[];
};
