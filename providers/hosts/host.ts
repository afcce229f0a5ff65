/**
 * What a provider's row says, and what is usual for each wire language. Hides where one operation is served in several
 * languages, and paths that hold the model or a region.
 */
import type { DialectId, Framing, JsonObject, Operation } from "../exchange.ts";
import type { Shape } from "../json.ts";

/** One place where an operation is served, in one language. */
export type Endpoint = {
  readonly dialect: DialectId;
  /**
   * After the base URL; beside its last word where it begins with `../`; from the root where it begins with two slashes. `{model}` stands for the model's name,
   * percent-encoded; any other `{word}` for a parameter of the provider.
   */
  readonly path: string;
  /** The language's other form, which Vertex and Hugging Face have for vectors, Bedrock and Voyage for rankings, Gemini for pictures: never relayed, since nobody asks in it. */
  readonly predict?: true;
  /** The model's name is two folders of the path: its slash stays one. `models` keeps what climbs out of it away. */
  readonly folders?: true;
  /** The path of a streamed answer, where it is another. */
  readonly streamPath?: string;
  /** How a stream is framed, where not in the dialect's usual way. */
  readonly framing?: Framing;
  /** Served here only where the provider's parameter of that name matches. */
  readonly where?: readonly [parameter: string, value: RegExp];
  /** What the body must not hold, since the path says it, and what it must: members and their values as JSON. */
  readonly body?: {
    readonly omit: readonly string[];
    readonly add: Readonly<Record<string, string>>;
    /** Headers of the caller that are told in the body, as a list, and the member for each. */
    readonly headers?: Readonly<Record<string, string>>;
  };
  /** Models that are served here, by the name the provider knows; absent: all. */
  readonly models?: RegExp;
  /** Who makes and hears sound in words of their own. */
  readonly voice?: Voice;
  /** Headers that its language requires here, unless the caller's own say otherwise. */
  readonly headers?: Readonly<Record<string, string>>;
};

/** OpenAI's calls for sound, at a vendor with other words for them. */
export type Voice = {
  /** A request for speech; `path` comes behind the endpoint's. */
  readonly speak: (
    asked: Shape,
    model: string,
  ) => { readonly path: string; readonly body: JsonObject; readonly dropped: readonly string[] };
  /** What the vendor calls the fields of a form with sound. */
  readonly fields: Readonly<Record<string, string>>;
  /** Fields of such a form that it has nothing for. */
  readonly lacks: ReadonlySet<string>;
  /** Values of such fields that would have to be answered otherwise than it can. */
  readonly refused: Readonly<Record<string, RegExp>>;
  /** What it heard, in the format that was asked for. */
  readonly heard: (
    answer: unknown,
    format: string,
  ) => { readonly body: JsonObject | string; readonly audioMs: number | undefined };
};

/** How an API key is carried. */
export type Auth =
  /** `also`: under these headers as well, where each of a host's languages reads its own. */
  | { readonly kind: "bearer"; readonly also?: readonly string[] }
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "query"; readonly name: string }
  | { readonly kind: "none" };

/** What stands open in a host's addresses as `{name}`, and where its value comes from. */
export type Parameter = {
  readonly section: "aws" | "google" | "azure";
  /** Variables that stand in for the setting, the first one set wins. */
  readonly environment: readonly string[];
  readonly fallback?: string;
};

export type Host = {
  readonly name: string;
  /** Without a trailing slash. Empty where there is no usual place (`custom`); `echo:` for the built-in ones. */
  readonly baseUrl: string;
  /** What it speaks to a caller of another language. */
  readonly dialect: DialectId;
  readonly auth: Auth;
  /** Where no API key is configured, requests are signed or carry a token of this cloud. */
  readonly identity?: "aws" | "google" | "entra";
  /** The service that a signature of AWS is for. */
  readonly service?: string;
  readonly parameters?: Readonly<Record<string, Parameter>>;
  /** The base URL, where a parameter changes more of it than a word. */
  readonly address?: (parameters: Readonly<Record<string, string>>) => string;
  /** Variables that usually hold its API key, the first one set wins. */
  readonly environment: readonly string[];
  /** Where each operation is served, the usual place first; an operation that is absent is not offered. */
  readonly operations: Readonly<Partial<Record<Operation, readonly Endpoint[]>>>;
  /** What to do where it has something like an operation that is not offered; `{provider}` is its name in the config. */
  readonly instead?: Readonly<Partial<Record<Operation, string>>>;
  readonly quirks: {
    /** Streams tell their usage unasked, and `stream_options` is refused: it must not be sent. */
    readonly usageUnasked?: true;
    /** Knows OpenAI's custom tools, whose input is text; all others know functions alone. */
    readonly customTools?: true;
    /** Takes `cache_control`, `reasoning_content` and `reasoning_details` on messages. */
    readonly extensions?: true;
    /** Refuses (or thinks worse after) a call of a tool that comes back without the `reasoning_content` that led to it. */
    readonly thinkingBack?: true;
    /** What it calls fields of chat completions that OpenAI names otherwise; null: it refuses a request that has one. */
    readonly fields?: Readonly<Record<string, string | null>>;
  };
  /** Headers every request to it must carry. */
  readonly extraHeaders?: Readonly<Record<string, string>>;
  /** Calls cost nothing: it runs on the caller's own machine, or is built in. */
  readonly free?: true;
  /** Its name in the price catalog, where that is another. */
  readonly catalog?: string;
  /** Dollars per million tokens of every model, where no catalog could know. */
  readonly price?: {
    readonly input: number;
    readonly output: number;
    readonly cacheRead?: number;
    readonly cacheWrite5m?: number;
    readonly cacheWrite1h?: number;
  };
};

const anthropicVersion = { "anthropic-version": "2023-06-01" } as const;

/** Ready-made places, by language: rows name them instead of repeating paths. */
export const chatCompletions: Endpoint = { dialect: "openai-chat", path: "/chat/completions" };
export const openaiEmbeddings: Endpoint = { dialect: "openai-chat", path: "/embeddings" };
export const anthropicMessages: Endpoint = { dialect: "anthropic", path: "/messages" };
const anthropicCount: Endpoint = { dialect: "anthropic", path: "/messages/count_tokens" };

const responses: Endpoint = { dialect: "openai-responses", path: "/responses" };
const geminiPath = (verb: string): Endpoint => ({ dialect: "gemini", path: `/models/{model}:${verb}` });
export const geminiChat: Endpoint = {
  ...geminiPath("generateContent"),
  streamPath: "/models/{model}:streamGenerateContent?alt=sse",
};
/** Pictures are predicted, but for those models that answer with them. */
export const answered = /^gemini-.*image/;
const notAnswered = /^(?!gemini-.*image)/;
const converse: Endpoint = {
  dialect: "bedrock-converse",
  path: "/model/{model}/converse",
  streamPath: "/model/{model}/converse-stream",
};

const openaiAt = (path: string): readonly Endpoint[] => [{ dialect: "openai-chat", path }];
/** What OpenAI has beside text, and servers like it may: which of it, the server says. */
export const openaiMore = {
  completions: openaiAt("/completions"),
  moderations: openaiAt("/moderations"),
  image_generations: openaiAt("/images/generations"),
  image_edits: openaiAt("/images/edits"),
  image_variations: openaiAt("/images/variations"),
  speech: openaiAt("/audio/speech"),
  transcriptions: openaiAt("/audio/transcriptions"),
  translations: openaiAt("/audio/translations"),
  files: openaiAt("/files"),
  batches: openaiAt("/batches"),
  containers: openaiAt("/containers"),
  vector_stores: openaiAt("/vector_stores"),
  conversations: openaiAt("/conversations"),
  videos: openaiAt("/videos"),
  realtime: openaiAt("/realtime"),
  rerank: [{ dialect: "cohere", path: "/rerank" }],
} as const;

/** What Mistral has beside it: pages of documents as text, and code between what stands before and after. */
export const mistralMore = { ocr: openaiAt("/ocr"), files: openaiMore.files } as const;
export const mistralFim = { fim: openaiAt("/fim/completions") } as const;

const openaiUsual = { chat: [chatCompletions], embeddings: [openaiEmbeddings], ...openaiMore } as const;

/** Operations at the paths that OpenAI has for them. */
export function usual(...names: readonly (keyof typeof openaiUsual)[]): Host["operations"] {
  return Object.fromEntries(names.map((name) => [name, openaiUsual[name]]));
}

export const chatOnly = { chat: [chatCompletions] } as const;

/** What is true of any server of a dialect, about which nothing else is known. */
export const generic: Readonly<Record<DialectId, Host>> = {
  "openai-chat": {
    name: "custom",
    baseUrl: "",
    dialect: "openai-chat",
    auth: { kind: "bearer" },
    environment: [],
    operations: openaiUsual,
    quirks: {},
  },
  "openai-responses": {
    name: "custom",
    baseUrl: "",
    dialect: "openai-responses",
    auth: { kind: "bearer" },
    environment: [],
    operations: {
      chat: [responses],
      count_tokens: [{ dialect: "openai-responses", path: "/responses/input_tokens" }],
      embeddings: [openaiEmbeddings],
    },
    quirks: {},
  },
  gemini: {
    name: "custom",
    baseUrl: "",
    dialect: "gemini",
    auth: { kind: "header", name: "x-goog-api-key" },
    environment: [],
    operations: {
      chat: [geminiChat],
      embeddings: [geminiPath("batchEmbedContents")],
      count_tokens: [geminiPath("countTokens")],
      files: [{ dialect: "gemini", path: "/files" }],
      uploads: [{ dialect: "gemini", path: "../upload/v1beta/files" }],
      batches: [{ dialect: "gemini", path: "/batches" }],
      batch_generate: [geminiPath("batchGenerateContent")],
      batch_embed: [geminiPath("asyncBatchEmbedContent")],
      caches: [{ dialect: "gemini", path: "/cachedContents" }],
      image_generations: [
        { ...geminiPath("predict"), models: notAnswered },
        { ...geminiPath("generateContent"), models: answered, predict: true },
      ],
      videos: [geminiPath("predictLongRunning")],
      video_operations: [{ dialect: "gemini", path: "/models" }],
      live: [
        { dialect: "gemini", path: "../ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent" },
      ],
    },
    quirks: {},
  },
  "bedrock-converse": {
    name: "custom",
    baseUrl: "",
    dialect: "bedrock-converse",
    auth: { kind: "bearer" },
    environment: [],
    operations: {
      chat: [converse],
      count_tokens: [{ dialect: "bedrock-converse", path: "/model/{model}/count-tokens" }],
    },
    quirks: {},
  },
  cohere: {
    name: "custom",
    baseUrl: "",
    dialect: "cohere",
    auth: { kind: "bearer" },
    environment: [],
    operations: {
      chat: [{ dialect: "cohere", path: "/chat" }],
      embeddings: [{ dialect: "cohere", path: "/embed" }],
      rerank: [{ dialect: "cohere", path: "/rerank" }],
      tokenize: [{ dialect: "cohere", path: "../v1/tokenize" }],
      detokenize: [{ dialect: "cohere", path: "../v1/detokenize" }],
    },
    quirks: {},
  },
  anthropic: {
    name: "custom",
    baseUrl: "",
    dialect: "anthropic",
    auth: { kind: "header", name: "x-api-key" },
    environment: [],
    operations: {
      chat: [anthropicMessages],
      count_tokens: [anthropicCount],
      files: [{ dialect: "anthropic", path: "/files" }],
      batches: [{ dialect: "anthropic", path: "/messages/batches" }],
    },
    quirks: {},
    extraHeaders: anthropicVersion,
  },
};

/** A vendor that speaks OpenAI's chat completions with a bearer key; `more` says where it parts from that. */
export function compatible(
  name: string,
  baseUrl: string,
  environment: readonly string[],
  more: Partial<Host> = {},
): Host {
  return { ...generic["openai-chat"], name, baseUrl, environment, ...more };
}

/** A server that runs on the caller's own machine, where no key is asked for unless one is configured. */
export function local(name: string, baseUrl: string, more: Partial<Host>): Host {
  return compatible(name, baseUrl, [], { free: true, ...more });
}

/** Who knows the cap on the answer by its old name only, and reads past the new one: then nothing would be capped. */
export const oldCap = { fields: { max_completion_tokens: "max_tokens" } } as const;
