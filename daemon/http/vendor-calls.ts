/**
 * The calls of every vendor's API as data: its own path, the operation, the language. Where else each is served is
 * `routes.ts`.
 */
import type { DialectId, Framing, Operation } from "../../providers/exchange.ts";
import type { Route } from "../pipeline/exchange.ts";
import {
  anthropicBatches,
  anthropicFiles,
  type Family,
  geminiBatches,
  geminiBatchMaking,
  geminiCaches,
  geminiFiles,
  geminiOperations,
  geminiUploads,
  openaiBatches,
  openaiContainers,
  openaiConversations,
  openaiFiles,
  openaiVectorStores,
  openaiVideos,
  vertexOperations,
} from "../pipeline/families.ts";

export type Call = {
  readonly path: string;
  readonly name: string;
  readonly operation: Operation;
  readonly dialect: DialectId;
  readonly form?: Route["form"];
  readonly family?: Family;
};

/** What stands under its path, and which methods it takes there, is the family's to say. */
export type ObjectCall = Call &
  ({ readonly form: "object"; readonly family: Family } | { readonly form: "stored"; readonly family?: undefined });

/** Under `/v1`; an SDK's base URL ends with it. */
export const openaiCalls: readonly Call[] = [
  { path: "/chat/completions", name: "chat.completions", operation: "chat", dialect: "openai-chat" },
  { path: "/responses", name: "responses", operation: "chat", dialect: "openai-responses" },
  {
    path: "/responses/input_tokens",
    name: "responses.input_tokens",
    operation: "count_tokens",
    dialect: "openai-responses",
  },
  // As the Go gateway had it first.
  { path: "/count_tokens", name: "responses.input_tokens", operation: "count_tokens", dialect: "openai-responses" },
  { path: "/embeddings", name: "embeddings", operation: "embeddings", dialect: "openai-chat" },
  { path: "/completions", name: "completions", operation: "completions", dialect: "openai-chat" },
  // Mistral's.
  { path: "/fim/completions", name: "fim.completions", operation: "fim", dialect: "openai-chat" },
  { path: "/ocr", name: "ocr", operation: "ocr", dialect: "openai-chat" },
  { path: "/moderations", name: "moderations", operation: "moderations", dialect: "openai-chat" },
  { path: "/rerank", name: "rerank", operation: "rerank", dialect: "cohere" },
  {
    path: "/realtime/client_secrets",
    name: "realtime.client_secrets",
    operation: "realtime",
    dialect: "openai-chat",
    form: "secret",
  },
  {
    path: "/realtime/sessions",
    name: "realtime.sessions",
    operation: "realtime",
    dialect: "openai-chat",
    form: "secret",
  },
  { path: "/responses/compact", name: "responses.compact", operation: "compact", dialect: "openai-responses" },
  { path: "/images/generations", name: "images.generations", operation: "image_generations", dialect: "openai-chat" },
  { path: "/images/edits", name: "images.edits", operation: "image_edits", dialect: "openai-chat", form: "form" },
  {
    path: "/images/variations",
    name: "images.variations",
    operation: "image_variations",
    dialect: "openai-chat",
    form: "form",
  },
  { path: "/audio/speech", name: "audio.speech", operation: "speech", dialect: "openai-chat" },
  {
    path: "/audio/transcriptions",
    name: "audio.transcriptions",
    operation: "transcriptions",
    dialect: "openai-chat",
    form: "form",
  },
  {
    path: "/audio/translations",
    name: "audio.translations",
    operation: "translations",
    dialect: "openai-chat",
    form: "form",
  },
];
/** Things of a provider's, with their ids and verbs after the path. */
export const openaiObjects: readonly ObjectCall[] = [
  { path: "/files", name: "files", operation: "files", dialect: "openai-chat", form: "object", family: openaiFiles },
  {
    path: "/batches",
    name: "batches",
    operation: "batches",
    dialect: "openai-chat",
    form: "object",
    family: openaiBatches,
  },
  {
    path: "/containers",
    name: "containers",
    operation: "containers",
    dialect: "openai-chat",
    form: "object",
    family: openaiContainers,
  },
  {
    path: "/videos",
    name: "videos",
    operation: "videos",
    dialect: "openai-chat",
    form: "object",
    family: openaiVideos,
  },
  {
    path: "/vector_stores",
    name: "vector_stores",
    operation: "vector_stores",
    dialect: "openai-chat",
    form: "object",
    family: openaiVectorStores,
  },
  {
    path: "/conversations",
    name: "conversations",
    operation: "conversations",
    dialect: "openai-chat",
    form: "object",
    family: openaiConversations,
  },
  { path: "/responses", name: "responses.stored", operation: "files", dialect: "openai-responses", form: "stored" },
];
export const anthropicCalls: readonly Call[] = [
  { path: "/v1/messages", name: "messages", operation: "chat", dialect: "anthropic" },
  { path: "/v1/messages/count_tokens", name: "messages.count_tokens", operation: "count_tokens", dialect: "anthropic" },
];
export const anthropicObjects: readonly ObjectCall[] = [
  {
    path: "/v1/messages/batches",
    name: "messages.batches",
    operation: "batches",
    dialect: "anthropic",
    form: "object",
    family: anthropicBatches,
  },
  {
    path: "/v1/files",
    name: "messages.files",
    operation: "files",
    dialect: "anthropic",
    form: "object",
    family: anthropicFiles,
  },
];
export const cohereCalls: readonly Call[] = [
  { path: "/v2/chat", name: "cohere.chat", operation: "chat", dialect: "cohere" },
  { path: "/v2/embed", name: "cohere.embed", operation: "embeddings", dialect: "cohere" },
  { path: "/v2/rerank", name: "cohere.rerank", operation: "rerank", dialect: "cohere" },
  { path: "/v1/tokenize", name: "cohere.tokenize", operation: "tokenize", dialect: "cohere" },
  { path: "/v1/detokenize", name: "cohere.detokenize", operation: "detokenize", dialect: "cohere" },
];

/** Calls whose path names the model: what comes after it. `stream` is what the path says of streaming. */
export type PathCall = {
  readonly after: string;
  readonly name: string;
  readonly operation: Operation;
  readonly dialect: DialectId;
  readonly stream?: boolean;
  readonly framing?: Framing;
  readonly foreign?: Route["foreign"];
  /** Whose words failures are told in, where it is not the language of the bodies. */
  readonly failures?: DialectId;
  readonly form?: Route["form"];
  readonly family?: Family;
};

export const geminiCalls: readonly PathCall[] = [
  { after: ":generateContent", name: "gemini.generate", operation: "chat", dialect: "gemini", stream: false },
  { after: ":streamGenerateContent", name: "gemini.stream", operation: "chat", dialect: "gemini", stream: true },
  { after: ":embedContent", name: "gemini.embed", operation: "embeddings", dialect: "gemini", stream: false },
  { after: ":batchEmbedContents", name: "gemini.embed", operation: "embeddings", dialect: "gemini", stream: false },
  { after: ":countTokens", name: "gemini.count_tokens", operation: "count_tokens", dialect: "gemini", stream: false },
  // Pictures, or on Vertex vectors.
  { after: ":predict", name: "gemini.predict", operation: "image_generations", dialect: "gemini", stream: false },
  {
    after: ":predictLongRunning",
    name: "gemini.predict_long",
    operation: "videos",
    dialect: "gemini",
    stream: false,
    form: "object",
    family: geminiOperations,
  },
  {
    after: ":fetchPredictOperation",
    name: "gemini.fetch_operation",
    operation: "video_fetch",
    dialect: "gemini",
    stream: false,
    form: "object",
    family: vertexOperations,
  },
  {
    after: ":batchGenerateContent",
    name: "gemini.batch_generate",
    operation: "batch_generate",
    dialect: "gemini",
    form: "object",
    family: geminiBatchMaking,
  },
  {
    after: ":asyncBatchEmbedContent",
    name: "gemini.batch_embed",
    operation: "batch_embed",
    dialect: "gemini",
    form: "object",
    family: geminiBatchMaking,
  },
];
export const geminiObjects: readonly ObjectCall[] = [
  {
    path: "/files",
    name: "gemini.files",
    operation: "files",
    dialect: "gemini",
    form: "object",
    family: geminiFiles,
  },
  {
    path: "/batches",
    name: "gemini.batches",
    operation: "batches",
    dialect: "gemini",
    form: "object",
    family: geminiBatches,
  },
  {
    path: "/cachedContents",
    name: "gemini.caches",
    operation: "caches",
    dialect: "gemini",
    form: "object",
    family: geminiCaches,
  },
  {
    path: "/models",
    name: "gemini.operations",
    operation: "video_operations",
    dialect: "gemini",
    form: "object",
    family: geminiOperations,
  },
];
/** What InvokeModel asks for in Claude's body; Anthropic itself has both in headers. */
const invokeMembers = { omit: ["anthropic_version"], headers: { anthropic_beta: "anthropic-beta" } } as const;
/** Before the version: `/upload/v1beta/files`. */
export const geminiUpload: ObjectCall = {
  path: "/files",
  name: "gemini.upload",
  operation: "uploads",
  dialect: "gemini",
  form: "object",
  family: geminiUploads,
};
export const bedrockRerank: Call = {
  path: "/rerank",
  name: "bedrock.rerank",
  operation: "rerank",
  dialect: "bedrock-converse",
  form: "nested",
};
export const bedrockCalls: readonly PathCall[] = [
  { after: "/converse", name: "bedrock.converse", operation: "chat", dialect: "bedrock-converse", stream: false },
  {
    after: "/converse-stream",
    name: "bedrock.converse_stream",
    operation: "chat",
    dialect: "bedrock-converse",
    stream: true,
  },
  {
    after: "/count-tokens",
    name: "bedrock.count_tokens",
    operation: "count_tokens",
    dialect: "bedrock-converse",
    stream: false,
  },
  // The bodies are Anthropic's; their frame is Amazon's, and so is what fails: its SDKs read that themselves.
  {
    after: "/invoke",
    name: "bedrock.invoke",
    operation: "chat",
    dialect: "anthropic",
    stream: false,
    foreign: invokeMembers,
    failures: "bedrock-converse",
  },
  {
    after: "/invoke-with-response-stream",
    name: "bedrock.invoke_stream",
    operation: "chat",
    dialect: "anthropic",
    stream: true,
    framing: "aws-event-chunks",
    foreign: invokeMembers,
    failures: "bedrock-converse",
  },
];
