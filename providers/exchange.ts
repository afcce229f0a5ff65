/**
 * The canonical vocabulary between dialects: what a caller asks, what a model answers, what it used, why it stopped.
 * A dialect translates to and from these; nothing else knows a wire format.
 */

import type {
  EmbeddingAnswer,
  EmbeddingRequest,
  ImageAnswer,
  ImageRequest,
  RerankAnswer,
  RerankRequest,
} from "./beside-chat.ts";
import type { Ending, FinishReason } from "./ending.ts";
import type { GatewayError } from "./gateway-error.ts";
import type { Operation } from "./operation.ts";
import type { Usage } from "./usage.ts";

export type DialectId = "openai-chat" | "openai-responses" | "anthropic" | "gemini" | "bedrock-converse" | "cohere";

/**
 * How a dialect cuts a stream into events on the wire. Whatever it is, a decoder gets an event's name and data and a
 * renderer writes them as server-sent events; the daemon puts them into frames. Only `json-array`, the elements of one
 * array, is written by the renderer itself, since an array begins, goes on and ends differently. `aws-event-chunks` is how Bedrock carries another dialect's stream:
 * each event's data, base64, in a `chunk` event of its own.
 */
export type Framing = "sse" | "json-array" | "aws-event-stream" | "aws-event-chunks";

export type {
  EmbeddingAnswer,
  EmbeddingRequest,
  Ending,
  FinishReason,
  ImageAnswer,
  ImageRequest,
  Operation,
  RerankAnswer,
  RerankRequest,
  Usage,
};

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** A cache marker on the part it follows; `ttl` as the caller wrote it. */
export type CacheMarker = { readonly ttl?: "5m" | "1h" };

export type Part =
  | { readonly type: "text"; readonly text: string; readonly cache?: CacheMarker; readonly citations?: Json }
  | { readonly type: "image"; readonly source: MediaSource; readonly detail?: string; readonly cache?: CacheMarker }
  | {
      readonly type: "document";
      readonly source: MediaSource;
      readonly title?: string;
      readonly extra?: JsonObject;
      readonly cache?: CacheMarker;
    }
  /** What a search of the caller's own found, to be cited; `citations` is `{enabled}`. */
  | {
      readonly type: "search_result";
      readonly source: string;
      readonly title: string;
      readonly texts: readonly string[];
      readonly citations?: Json;
      readonly cache?: CacheMarker;
    }
  /** `format` as OpenAI names it: `wav`, `mp3`. A recording by address or file id is a document with its media type. */
  | { readonly type: "audio"; readonly data: string; readonly format: string }
  | { readonly type: "video"; readonly source: MediaSource; readonly extra?: JsonObject; readonly cache?: CacheMarker }
  | {
      readonly type: "thinking";
      readonly text: string;
      /**
       * Opaque proof of origin; must return to its issuer byte for byte, and to nobody else: `signature.ts` tells whose
       * it is. It proves the part that follows where thinking itself is not told (Gemini signs calls and text).
       */
      readonly signature?: string;
    }
  | { readonly type: "redacted_thinking"; readonly data: string }
  | {
      readonly type: "tool_call";
      readonly id: string;
      readonly name: string;
      /** The arguments as JSON text, exactly as the model or caller wrote them. */
      readonly arguments: string;
      /** Of a custom tool of OpenAI's: the arguments are `{"input": text}`; see `custom-tool.ts`. */
      readonly custom?: true;
      readonly cache?: CacheMarker;
    }
  | {
      readonly type: "tool_result";
      readonly id: string;
      readonly content: readonly Part[];
      readonly isError?: boolean;
      /** Of a custom tool. */
      readonly custom?: true;
      readonly cache?: CacheMarker;
    }
  | { readonly type: "refusal"; readonly text: string }
  /** A block only its own dialect understands (server tool use and its results, containers …): kept whole. */
  | { readonly type: "opaque"; readonly dialect: DialectId; readonly value: JsonObject };

export type MediaSource =
  | { readonly kind: "url"; readonly url: string; readonly mediaType?: string }
  | { readonly kind: "base64"; readonly mediaType: string; readonly data: string }
  /** Uploaded to the provider before; only it knows the id. */
  | { readonly kind: "file"; readonly id: string; readonly mediaType?: string }
  | { readonly kind: "text"; readonly text: string };

export type Message = {
  readonly role: "system" | "developer" | "user" | "assistant";
  readonly parts: readonly Part[];
  readonly name?: string;
};

export type Tool =
  | {
      readonly type: "function";
      readonly name: string;
      readonly description?: string;
      /** JSON Schema of the arguments. */
      readonly parameters: JsonObject;
      readonly strict?: boolean;
      readonly cache?: CacheMarker;
      /** Fields that only the caller's own dialect defines (`defer_loading` …). */
      readonly extra?: JsonObject;
      /** OpenAI's custom tool that it stands for: `{name, description?, format?}`; see `custom-tool.ts`. */
      readonly custom?: JsonObject;
    }
  | { readonly type: "opaque"; readonly dialect: DialectId; readonly value: JsonObject };

export type ToolChoice =
  | {
      readonly type: "auto" | "none" | "required";
      /** Only these may be called; see `allowed-tools.ts`. */
      readonly allowed?: readonly string[];
    }
  | { readonly type: "tool"; readonly name: string; readonly custom?: true };

export type ResponseFormat =
  | { readonly type: "text" }
  | { readonly type: "json_object" }
  | ({ readonly type: "json_schema"; readonly name: string; readonly schema: JsonObject } & SchemaWords);
type SchemaWords = { readonly description?: string; readonly strict?: boolean };

export type Reasoning = {
  readonly effort?: string;
  readonly budgetTokens?: number;
  readonly enabled?: boolean;
  /** Whether and how the answer tells its thinking: `auto`, `concise`, `detailed`; `none` hides it. */
  readonly summary?: string;
};

/** One call to a chat model. Absent fields were absent in what the caller sent. */
export type Request = {
  /** The language the caller spoke: `extra` is in it, and what is dropped is named in it. */
  readonly dialect?: DialectId;
  readonly model: string;
  /** What it is, where `model` is the name of a deployment or a profile that does not tell. */
  readonly knownAs?: string;
  readonly messages: readonly Message[];
  readonly stream: boolean;
  /** The caller asked for a usage chunk at the end of a stream (`stream_options.include_usage`). */
  readonly includeUsage?: boolean;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly n?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly logprobs?: boolean;
  readonly topLogprobs?: number;
  readonly tools?: readonly Tool[];
  readonly toolChoice?: ToolChoice;
  readonly parallelToolCalls?: boolean;
  readonly responseFormat?: ResponseFormat;
  readonly reasoning?: Reasoning;
  readonly user?: string;
  readonly serviceTier?: string;
  readonly metadata?: JsonObject;
  /** Fields that only the caller's own dialect defines; they survive when the target speaks it, else are reported as dropped. */
  readonly extra?: JsonObject;
  /** Fields within messages, tools and settings that have no place here, as the caller named them: reported as dropped. */
  readonly unread?: readonly string[];
  /** Fields that an answer in the caller's dialect repeats, as it does. */
  readonly echo?: JsonObject;
};

/** What a model answers, in order, streamed or not. A body decodes to the same events as its stream. */
export type Event =
  | {
      readonly type: "start";
      readonly id?: string | undefined;
      readonly model?: string | undefined;
      /** What is known of the usage at the start (Anthropic tells the input half here). */
      readonly usage?: Usage | undefined;
    }
  | { readonly type: "text"; readonly delta: string; readonly choice?: number }
  | { readonly type: "refusal"; readonly delta: string; readonly choice?: number }
  | { readonly type: "thinking"; readonly delta: string; readonly choice?: number }
  | { readonly type: "thinking_signature"; readonly signature: string; readonly choice?: number }
  | { readonly type: "redacted_thinking"; readonly data: string; readonly choice?: number }
  | {
      readonly type: "tool_call_start";
      readonly index: number;
      readonly id: string;
      readonly name: string;
      /** A custom tool of OpenAI's: what follows is its input, plain text. */
      readonly custom?: true;
      readonly choice?: number;
    }
  | { readonly type: "tool_call_delta"; readonly index: number; readonly delta: string; readonly choice?: number }
  /** In its issuer's own shape; `citation.ts` reads the web page out of any. */
  | { readonly type: "citation"; readonly value: JsonObject; readonly choice?: number }
  /** A picture or recording that the model made, base64. */
  | { readonly type: "media"; readonly mediaType: string; readonly data: string; readonly choice?: number }
  /** In the shape of chat completions: `{content: [{token, logprob, bytes, top_logprobs}], refusal}`. */
  | { readonly type: "logprobs"; readonly value: Json; readonly choice?: number }
  | { readonly type: "opaque"; readonly dialect: DialectId; readonly value: JsonObject }
  /** One choice is complete. `usage` only when the wire tells it together with the reason. */
  | {
      readonly type: "finish";
      readonly reason: FinishReason;
      /** The provider's own word: `end_turn`, `SAFETY`. */
      readonly native?: string | undefined;
      readonly stopSequence?: string | undefined;
      readonly choice?: number;
      readonly usage?: Usage | undefined;
    }
  /** Cumulative: the last one wins, field by field. */
  | { readonly type: "usage"; readonly usage: Usage };

/** What is known of the host a request is encoded for, beyond its dialect. */
export type EncodeOptions = {
  /**
   * The host takes OpenRouter's extensions on messages: `cache_control`, `reasoning_content`, `reasoning_details`.
   * Absent: the dialect's own fields only, since OpenAI refuses a message with a field it does not know.
   */
  readonly extensions?: boolean;
  /** The host wants the thinking that led to a call of a tool back beside the call, as `reasoning_content`, and an empty one too. */
  readonly thinkingBack?: boolean;
  /** The host is only like OpenAI: it knows no custom tools. */
  readonly functionsOnly?: boolean;
  /** `stream_options` is refused by the host, which tells its usage unasked. */
  readonly usageUnasked?: boolean;
  /** What the host calls fields of the body that its language names otherwise; null: it refuses a request that has one. */
  readonly fields?: Readonly<Record<string, string | null>>;
};

/** A request body ready to be sent; the daemon adds host, credential and transport. */
export type UpstreamRequest = {
  readonly body: JsonObject;
  /** Headers the dialect itself requires (`anthropic-version`). */
  readonly headers: Readonly<Record<string, string>>;
  /** Request fields, as the caller named them, that this dialect cannot express. */
  readonly dropped: readonly string[];
};

/** Decodes one upstream stream. Throws `GatewayError` (`upstream_protocol`, `upstream_truncated`, or the error the stream itself carries). */
export type StreamDecoder = {
  /** `event` is the SSE event name or "" ; `data` the joined data lines. */
  push(event: string, data: string): readonly Event[];
  /**
   * True once the terminal event has been seen: what follows is ignored, and an end of bytes is a good end. No getter:
   * V8 gives every literal that has one a map of its own, which keeps the whole decoder until old space is swept.
   */
  finished(): boolean;
  /** The bytes have ended. Throws `upstream_truncated` when no terminal event came. */
  end(): readonly Event[];
};

/** Identity that the daemon stamps on what a dialect renders; dialects have neither clock nor random. */
export type RenderContext = {
  /** Id for the rendered answer when the upstream gave none. */
  readonly id: string;
  /** The model name the caller used. */
  readonly model: string;
  /** Unix time in whole seconds. */
  readonly created: number;
  readonly includeUsage?: boolean;
  /** The request's own `echo`. */
  readonly echo?: JsonObject | undefined;
  /** The caller's framing, where its dialect has more than one. */
  readonly framing?: Framing | undefined;
  /** Events that went by before: the stream was its upstream's own until it broke. */
  readonly sequence?: number;
};

/** Renders one stream to one client. Returns SSE text (see `Framing`), always whole events ("" for nothing to say). */
export type StreamRenderer = {
  push(event: Event): string;
  /** All events were pushed: closes what is open and says the terminal words (`[DONE]`, `message_stop`). */
  end(): string;
  /** The stream broke: the error in the dialect's own form, and nothing after it but what the dialect demands. */
  fail(error: GatewayError, requestId: string): string;
};

/**
 * What a frame of the diagonal means, learned without rebuilding it.
 * - `preamble`: nothing a person would see (role chunk, ping, `message_start`); the status may still change
 * - `content`: text, thinking, a tool call
 * - `finish`: a finish reason has gone by; usage may still follow
 * - `usage`: a chunk that exists only to carry usage (OpenAI's last, empty `choices`)
 * - `terminal`: the stream's last word (`[DONE]`, `message_stop`)
 * - `error`: the upstream reports a failure inside the stream; see `failure()`
 */
export type FrameKind = "preamble" | "content" | "finish" | "usage" | "terminal" | "error";

/**
 * Watches one response of the same dialect go by, for usage, errors and the end; it never changes a byte.
 * Frames and bodies come as latin1 text (one char a byte), so that searching is cheap and nothing is decoded.
 */
export type Tap = {
  /** One whole SSE event, its blank line not included. */
  frame(frame: string): FrameKind;
  /** The whole body of an answer that is not streamed: `error` when it holds a failure, else `terminal`. Takes its usage. */
  body(body: string): FrameKind;
  usage(): Usage | undefined;
  /** Where the stream stands, for whoever must go on in its place; absent in dialects that number nothing. */
  position?(): Partial<RenderContext>;
  /** What a frame or body of kind `error` reported, as `decodeFailure` reads it. */
  failure(): GatewayError | undefined;
  /** True once a finish reason or the terminal event has been seen, so that an end of bytes is a good end. */
  readonly finished: boolean;
  /** Bytes of visible output seen so far, for an estimate when the stream is cut before it told its usage. */
  readonly outputBytes: number;
  /** Undefined until the answer says why it ended; of many choices, the first that does. */
  ending(): Ending | undefined;
};

/** What stands in the path, not in the body, of dialects that name the model there. */
export type PathWords = { readonly model: string; readonly stream: boolean };

export type OperationOptions = {
  /** The language's other form: Vertex's `:predict` of vectors, Bedrock's invocation, Gemini's pictures as answers. */
  readonly predict?: boolean;
};

/** What a dialect says of one operation beside chat: both sides, like chat's, without streams. */
export type Codec<Asked, Answered> = {
  readonly encode: (request: Asked, options?: OperationOptions) => UpstreamRequest;
  readonly decode: (body: unknown) => Answered;
  readonly parse: (body: unknown, path?: PathWords) => Asked;
  readonly render: (answer: Answered, context: RenderContext & { readonly request?: Asked }) => JsonObject;
};

/** One wire language, both sides, pure. */
export type Dialect = {
  readonly id: DialectId;
  readonly framing: Framing;
  /** What says nothing between two server-sent events, where a comment would be taken for a part of the next. */
  readonly keepAlive?: string;
  readonly embeddings?: Codec<EmbeddingRequest, EmbeddingAnswer>;
  readonly countTokens?: Codec<Request, { readonly input: number }>;
  readonly rerank?: Codec<RerankRequest, RerankAnswer>;
  readonly images?: Codec<ImageRequest, ImageAnswer>;
  /** Upstream side. */
  readonly encode: (request: Request, options?: EncodeOptions) => UpstreamRequest;
  readonly decode: (body: unknown) => readonly Event[];
  readonly decodeStream: () => StreamDecoder;
  /** `body` is the parsed JSON, or the text when it was not JSON. Also used for an error found inside a 200. */
  readonly decodeFailure: (status: number, body: unknown) => GatewayError;
  /** Client side. `parse` throws `invalid_request` naming the field. */
  readonly parse: (body: unknown, path?: PathWords) => Request;
  readonly render: (events: readonly Event[], context: RenderContext) => JsonObject;
  readonly renderStream: (context: RenderContext) => StreamRenderer;
  readonly renderFailure: (error: GatewayError, requestId: string) => JsonObject;
  /** Same dialect on both sides. */
  readonly tap: () => Tap;
};
