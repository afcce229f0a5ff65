/** What every wire's honest answer is made of, so that each tells the same in its own words. */

/** Multi-byte on purpose: a split inside a character must not show. */
export const answerPieces = ["Hel", "lo wör", "ld 🌍", " and 日本"] as const;
export const answerText = answerPieces.join("");
export const answerUsage = { input: 11, output: 7 } as const;

/** A frame as it goes over the wire: text, or bytes where the wire is binary. */
export type WireFrame = string | Buffer;

/** A stream in the three parts that decide what a failure may still change. */
export type StreamParts = {
  /** Nothing a person would see: the role chunk, `message_start`, a ping. */
  readonly preamble: readonly WireFrame[];
  readonly content: readonly WireFrame[];
  /** Finish reason and usage. */
  readonly finish: readonly WireFrame[];
  /** The wire's last word; none where a stream just ends. */
  readonly terminal: readonly WireFrame[];
};

export type StreamOptions = {
  readonly model: string;
  readonly pieces?: readonly string[];
  /** OpenAI sends its usage chunk only when asked. */
  readonly includeUsage?: boolean;
  readonly usage?: { readonly input: number; readonly output: number } | undefined;
  /** Says usage a second time, cumulatively larger: the last one counts. */
  readonly usageTwice?: boolean;
};

/** One wire, as an upstream talks it. */
export type WireTalk = {
  readonly contentType: string;
  readonly parts: (options: StreamOptions) => StreamParts;
  readonly whole: (options: StreamOptions) => string;
  readonly errorBody: (status: number, message: string) => string;
  /** An error told inside a stream that began well. */
  readonly errorFrame: (message: string) => WireFrame;
  /** A frame that nobody can read. */
  readonly malformed: WireFrame;
};

export const eventStreamType = "text/event-stream; charset=utf-8";

export function usageOf(options: StreamOptions): { readonly input: number; readonly output: number } | undefined {
  return "usage" in options ? options.usage : answerUsage;
}

export function data(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

export function named(event: string, value: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(value)}\n\n`;
}
