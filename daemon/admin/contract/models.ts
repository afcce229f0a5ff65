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
};
export type ModelsQuery = { readonly provider?: string | undefined };
export type ModelsAnswer = {
  readonly models: readonly ModelView[];
  /** Alias → target. */
  readonly aliases: Readonly<Record<string, string>>;
};
