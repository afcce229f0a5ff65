/** How an answer ends, in one vocabulary for all dialects. */
export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter" | "refusal" | "pause" | "error";

/** How an answer ended, as the log tells it. */
export type Ending = {
  readonly reason: FinishReason;
  /** Names of the tools that it calls. */
  readonly tools: readonly string[];
  /** The provider's own word for the reason. */
  readonly native?: string | undefined;
  /** The provider's own id of the answer. */
  readonly id?: string | undefined;
  /** What the answer said that the client's language has no place for; undefined: nothing. */
  readonly untold?: readonly string[] | undefined;
};
