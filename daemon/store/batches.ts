/**
 * A batch that was made, until it is corrected by what it came to: kept by its id and by those of the files that hold its
 * results.
 */
import type { Price } from "../../providers/catalog/price.ts";

export type BatchNote = {
  /** What it was settled by, and the request that made it. */
  readonly holdId: string;
  readonly request: string;
  readonly at: number;
  readonly target: string;
  /** 0: not known. */
  readonly requests: number;
  /** Null: unpriced. */
  readonly costNano: number | null;
  /** The provider may run tools: what a sum of tokens does not tell of. */
  readonly tools?: boolean;
  /** As the provider calls them, at the prices of when it was made; null: not known. Empty: its file was not read. */
  readonly models: readonly { readonly name: string; readonly free: boolean; readonly price: Price | null }[];
};
