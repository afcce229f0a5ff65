/** What one pass over a request's bytes found: values that decide, and where they stand. Hides nothing. */
import type { RoutePreferences } from "../routing/preferences.ts";

export type MaxTokensField = "max_tokens" | "max_completion_tokens" | "max_output_tokens";

/** A member of the top-level object, so that it can be read or cut out. */
export type Member = {
  readonly name: string;
  /** How many members stand before it. */
  readonly index: number;
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
  /** The commas beside it; -1: none. */
  readonly commaBefore: number;
  readonly commaAfter: number;
};

/** Offsets are bytes into the body, ends exclusive; both are -1 when the field is absent. */
export type RequestView = {
  /** Just after the opening brace. */
  readonly objectStart: number;
  /** Members of the top-level object. */
  readonly members: number;
  readonly model: string | undefined;
  /** What the body said where the path decided. */
  readonly bodyModel?: string | undefined;
  readonly bodyStream?: boolean | undefined;
  /** What the request says of its way, in its body or its headers. */
  readonly preferences?: RoutePreferences | undefined;
  /** The JSON string with its quotes. */
  readonly modelStart: number;
  readonly modelEnd: number;
  readonly stream: boolean;
  /** The provider is to go on when the call has ended. */
  readonly background: boolean;
  readonly n: number | undefined;
  /** The largest of the output caps sent, and the field that held it. `null` counts as not sent. */
  readonly maxTokens: number | undefined;
  readonly maxTokensField: MaxTokensField | undefined;
  /** The value of the cap, or of one sent as `null`, and that field's name. */
  readonly maxTokensStart: number;
  readonly maxTokensEnd: number;
  readonly maxTokensName: MaxTokensField | undefined;
  /** `stream_options.include_usage` is true. */
  readonly includeUsage: boolean;
  readonly includeUsageStart: number;
  readonly includeUsageEnd: number;
  readonly streamOptionsStart: number;
  readonly streamOptionsEnd: number;
  readonly fallbacks: readonly string[] | undefined;
  /** Members that only some hosts understand, in their order; undefined: none was sent, as is usual. */
  readonly noted: readonly Member[] | undefined;
  /** Just after the brace of the object that holds the cap in this dialect (`generationConfig`); -1: it is not there. */
  readonly capsStart: number;
  readonly capsEmpty: boolean;
  /** `tools` has at least one entry. */
  readonly toolsPresent: boolean;
  /** It has an `input` that is not null. */
  readonly inputPresent: boolean;
  readonly messagesStart: number;
  readonly messagesEnd: number;
  /** Bits of `sighting`: rare things that are somewhere in it. */
  readonly sighted: number;
};

export type Writable<T> = { -readonly [K in keyof T]: T[K] };

export function emptyView(): Writable<RequestView> {
  return {
    objectStart: -1,
    members: 0,
    model: undefined,
    modelStart: -1,
    modelEnd: -1,
    stream: false,
    background: false,
    n: undefined,
    maxTokens: undefined,
    maxTokensField: undefined,
    maxTokensStart: -1,
    maxTokensEnd: -1,
    maxTokensName: undefined,
    includeUsage: false,
    includeUsageStart: -1,
    includeUsageEnd: -1,
    streamOptionsStart: -1,
    streamOptionsEnd: -1,
    fallbacks: undefined,
    noted: undefined,
    capsStart: -1,
    capsEmpty: false,
    toolsPresent: false,
    inputPresent: false,
    messagesStart: -1,
    messagesEnd: -1,
    sighted: 0,
  };
}
