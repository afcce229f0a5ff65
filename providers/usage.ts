/** What an answer is said to have used, whatever the convention it was told in. */

/**
 * Tokens, every field a count. `undefined` means the upstream did not say: unknown is not zero.
 * `input` is the whole prompt, cached parts included (OpenAI's convention); Anthropic's halves are added up by its dialect.
 */
export type Usage = {
  readonly input?: number | undefined;
  readonly output?: number | undefined;
  readonly cacheRead?: number | undefined;
  /** Written to the provider's cache with a five-minute life. */
  readonly cacheWrite5m?: number | undefined;
  /** Written to the provider's cache with a one-hour life. */
  readonly cacheWrite1h?: number | undefined;
  /** Part of `output`. */
  readonly reasoning?: number | undefined;
  readonly audioInput?: number | undefined;
  readonly audioOutput?: number | undefined;
  /** Part of `cacheRead` and of `audioInput`. */
  readonly audioCacheRead?: number | undefined;
  /** Part of `output`: pictures, where the provider counts them in tokens. */
  readonly imageOutput?: number | undefined;
  /** Part of `input`: pictures, where the provider counts them in tokens. */
  readonly imageInput?: number | undefined;
  /** Part of `cacheRead` and of `imageInput`. */
  readonly imageCacheRead?: number | undefined;
  /** Pictures that were made. */
  readonly images?: number | undefined;
  /** Characters that were spoken. */
  readonly characters?: number | undefined;
  /** Sound that was listened to, in milliseconds. */
  readonly audioMs?: number | undefined;
  /** Film that was asked for, in milliseconds, and the size of its picture as the provider writes it: `1280x720`. */
  readonly videoMs?: number | undefined;
  readonly videoSize?: string | undefined;
  /** Search units of a ranking. */
  readonly searches?: number | undefined;
  /** Pages of a document that were read. */
  readonly pages?: number | undefined;
  /** In place of them, where they were annotated as well. */
  readonly annotatedPages?: number | undefined;
  /** Requests to server-side tools such as web search. */
  readonly serverToolRequests?: number | undefined;
  /** How much of what it found was read, where a request costs by that: `low`, `medium` or `high`. */
  readonly searchContext?: string | undefined;
  /** Searches of files that the provider keeps. */
  readonly fileSearches?: number | undefined;
  /** Gigabytes of all containers that code was run in. */
  readonly containerGb?: number | undefined;
  /** `flex`, `priority`, `batch` …, as the provider names it. */
  readonly serviceTier?: string | undefined;
};
