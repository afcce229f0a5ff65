/** Settled requests at the prices of today. */

export type RepriceRequest = {
  readonly since_ms: number;
  readonly until_ms: number;
  /** `provider/model`; absent: all. */
  readonly model?: string | undefined;
  /** Tells the differences and changes nothing. */
  readonly dry_run?: boolean | undefined;
};

export type RepricedModel = {
  readonly model: string;
  readonly requests: number;
  readonly before_nano: number;
  readonly after_nano: number;
  readonly difference_nano: number;
};

export type RepriceAnswer = {
  readonly dry_run: boolean;
  /** Day of the price table. */
  readonly prices: string;
  readonly looked_at: number;
  /** Their price is not known now, or their provider is no longer configured: they stay as they are. */
  readonly skipped: number;
  readonly adjusted: number;
  readonly difference_nano: number;
  readonly models: readonly RepricedModel[];
};
