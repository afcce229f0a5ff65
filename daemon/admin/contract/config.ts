/** The config file: its problems, its history, and what changed. */

export type ConfigProblem = {
  readonly line: number | null;
  readonly column: number | null;
  /** `providers.openai.base_url` */
  readonly field: string | null;
  readonly message: string;
};

/** `text` when given, else the file at `path`, else the file the daemon would load. */
export type ConfigValidateRequest = { readonly text?: string | undefined; readonly path?: string | undefined };
export type ConfigValidateAnswer = {
  readonly ok: boolean;
  readonly path: string | null;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly string[];
};

/** Absent `from`: what runs; absent `to`: the file on disk. Numbers are generations of the history. */
export type ConfigDiffQuery = { readonly from?: number | undefined; readonly to?: number | undefined };
export type ConfigDiffAnswer = {
  readonly from: string;
  readonly to: string;
  readonly same: boolean;
  /** Unified diff text, "" when the same. */
  readonly diff: string;
};

export type ConfigVersion = {
  readonly generation: number;
  readonly hash: string;
  readonly at_ms: number;
  /** `reload`, `boot`, `rollback to 3`. */
  readonly origin: string;
  readonly active: boolean;
};
export type ConfigHistoryAnswer = { readonly versions: readonly ConfigVersion[] };
export type ConfigRollbackRequest = { readonly generation: number };
