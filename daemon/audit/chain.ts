/**
 * The audit chain: how a record's hash follows from the one before. Hides the canonical form, which `docs/audit.md`
 * repeats for verifiers in other languages.
 */
import { hash } from "node:crypto";

/** The columns of `records` that a hash covers, in their order. */
export type ChainRow = {
  readonly seq: number;
  readonly holdId: string;
  readonly at: number;
  readonly keyId: number;
  readonly scopes: string;
  readonly cost: number | null;
  readonly tokens: number | null;
  readonly flags: number;
  readonly record: string;
};

/** Where a chain stands: the last record's number and hash (64 hex digits). An empty chain stands at 0 and its genesis. */
export type ChainHead = { readonly seq: number; readonly hash: string };

/**
 * SHA-256 over the previous hash in hex and the nine columns, joined by line feeds, a null as nothing. Only `record`,
 * the last, may itself hold a line feed: no two rows have the same bytes.
 */
export function nextHash(
  previous: string,
  seq: number,
  holdId: string,
  at: number,
  keyId: number,
  scopes: string,
  cost: number | null,
  tokens: number | null,
  flags: number,
  record: string,
): string {
  return hash(
    "sha256",
    `${previous}\n${seq}\n${holdId}\n${at}\n${keyId}\n${scopes}\n${cost ?? ""}\n${tokens ?? ""}\n${flags}\n${record}`,
    "hex",
  );
}

/** A text that stands before the last column must be one line, or a byte could move from one column to the next. */
export function oneLine(text: string): string {
  return text.includes("\n") ? text.replaceAll("\n", " ") : text;
}
