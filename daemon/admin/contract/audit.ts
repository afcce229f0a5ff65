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

export type AuditExportQuery = { readonly since_ms?: number | undefined; readonly until_ms?: number | undefined };

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
