/** Models and their prices. */

export type ModelView = {
  /** `provider/model` */
  readonly id: string;
  readonly provider: string;
  readonly free: boolean;
  /** Nano-dollars per million tokens; null: unpriced, which is not free. */
  readonly input_nano_per_million: number | null;
  readonly output_nano_per_million: number | null;
  readonly context_tokens: number | null;
  readonly output_max_tokens: number | null;
  /** All rates in force now, in the words and units of the config: `input`, `cache_write_1h`, `image`. null: unpriced. */
  readonly prices: PriceView | null;
  /** What it can do: `tools`, `vision`; null: not known. */
  readonly capabilities: readonly string[] | null;
  /** What its provider serves: `chat`, `embeddings`. */
  readonly operations: readonly string[];
};
export type RatesView = { readonly [rate: string]: number };
export type PriceView = {
  readonly [rate: string]: number | readonly RatesView[] | { readonly [tier: string]: number };
};
export type ModelsQuery = { readonly provider?: string | undefined };
export type ModelsAnswer = {
  readonly models: readonly ModelView[];
  /** Alias → target. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Day of the price table. */
  readonly catalog_date: string;
};
