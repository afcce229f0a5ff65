/** What the lines of a file ask for that may be made a batch: summed up while it goes up, since nobody here sees it again. */

/** Of all requests that name one model. */
export type CallSum = {
  /** As they name it; empty: the path does. */
  readonly model: string;
  requests: number;
  bytes: number;
  /** Of the longest one. */
  bytesMax: number;
  /** Whose bytes do not bound the tokens of their prompt. */
  loose: number;
  /** Some prompt has parts that cost more than plain input. */
  dearest: boolean;
  /** Tokens of answers that are capped, all together, and answers that are not. */
  capped: number;
  open: number;
  /** As many tokens as such answers usually have. */
  usual: number;
  /** Tools that the provider runs in them. */
  tools?: ToolSum;
};

export type ToolSum = {
  /** How often they may be called, all together; whether all of the requests say so. */
  readonly calls: number;
  readonly isBounded: boolean;
  readonly hasFee: boolean;
  readonly searchesFiles: boolean;
  readonly containerGb?: number | undefined;
  /** One whose cost nobody tells. */
  readonly unpriced?: string | undefined;
};

export type BatchFile = {
  readonly sums: readonly CallSum[];
  /** Some line asks for text. */
  readonly generates: boolean;
  /** Models that are called beside the requests' own, as the provider names them. */
  readonly inner?: readonly string[];
};
