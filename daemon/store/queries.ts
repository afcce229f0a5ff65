/** What the reader thread answers: the questions, their answers, and which file each is for. */

import type { ChainHead } from "../audit/chain.ts";
import type { ExportPage } from "../audit/export.ts";
import type { RecordPage } from "../audit/records.ts";
import type { Verification } from "../audit/verify.ts";
import type { Balance } from "../governance/definitions.ts";
import type { Definitions } from "./definitions.ts";
import type { FileCheck } from "./file-check.ts";
import type { LedgerCheck } from "./ledger-check.ts";
import type { LogFilter } from "./log-filter.ts";
import type { SumsAnswer, SumsQuestion } from "./log-sums.ts";
import type { SettledPage } from "./reprice-page.ts";
import type { ContentRow, LogPage, LogTail, RequestRow } from "./request-log.ts";
import type { DimensionName } from "./rollup-groups.ts";
import type { FacetRow } from "./rollups.ts";
import type { LogSort } from "./sorted-page.ts";

export type Query =
  | {
      readonly kind: "log_page";
      readonly filter: LogFilter;
      readonly limit: number;
      readonly before?: number | undefined;
    }
  | {
      readonly kind: "log_sorted";
      readonly filter: LogFilter;
      readonly limit: number;
      readonly sort: LogSort;
      readonly before?: number | undefined;
    }
  | {
      readonly kind: "log_tail";
      readonly filter: LogFilter;
      readonly limit: number;
      readonly after?: number | undefined;
    }
  | { readonly kind: "request"; readonly id: string }
  | { readonly kind: "content"; readonly id: string }
  | { readonly kind: "session"; readonly session: string; readonly limit: number }
  | { readonly kind: "log_sums"; readonly question: SumsQuestion }
  | {
      readonly kind: "facets";
      readonly dimension: DimensionName;
      readonly match?: string | undefined;
      readonly limit: number;
    }
  /** What is still to be offloaded, oldest first, and objects that are to be deleted. */
  | { readonly kind: "offload"; readonly contents: number; readonly gone: number }
  | { readonly kind: "audit_verify"; readonly expected?: ChainHead | undefined }
  /** From the first record: `after: 0`. */
  | { readonly kind: "audit_export"; readonly after: number; readonly limit: number }
  /** Newest first; `changes`: management actions alone. */
  | {
      readonly kind: "audit_page";
      readonly limit: number;
      readonly before?: number | undefined;
      readonly changes: boolean;
    }
  /** Settled records of a time, and what adjusted them. From the first: `after: 0`. */
  | {
      readonly kind: "settled_page";
      readonly after: number;
      readonly limit: number;
      readonly sinceMs: number;
      readonly untilMs: number;
    }
  /** `live`: balances from shared memory, to compare while nothing runs. */
  | { readonly kind: "ledger_check"; readonly live?: readonly Balance[] | undefined }
  /** Both files, page by page: a reader that is asked this answers nothing else for seconds. */
  | { readonly kind: "file_check" }
  /** Which target each of these holds is for, of those on disk. */
  | { readonly kind: "hold_targets"; readonly holdIds: readonly string[] }
  | { readonly kind: "spend"; readonly sinceMs?: number | undefined }
  /** Keys and scopes that changed after a change number; 0: all. */
  | { readonly kind: "definitions"; readonly since: number };

export type KeySpend = {
  readonly keyId: number;
  readonly costNano: number;
  readonly tokens: number;
  readonly records: number;
};

export type QueryAnswer = {
  readonly log_page: LogPage;
  readonly log_sorted: LogPage;
  readonly log_tail: LogTail;
  readonly request: RequestRow | undefined;
  readonly content: ContentRow | undefined;
  readonly session: readonly RequestRow[];
  readonly log_sums: SumsAnswer;
  readonly facets: readonly FacetRow[];
  readonly offload: { readonly contents: readonly ContentRow[]; readonly gone: readonly string[] };
  readonly audit_verify: Verification;
  readonly audit_export: ExportPage;
  readonly audit_page: RecordPage;
  readonly settled_page: SettledPage;
  readonly ledger_check: LedgerCheck;
  readonly file_check: readonly FileCheck[];
  readonly hold_targets: ReadonlyMap<string, string>;
  readonly spend: readonly KeySpend[];
  readonly definitions: Definitions;
};
