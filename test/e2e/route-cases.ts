/**
 * One request for each name in the router's own table, and what an upstream says to it. A route without a row here, or a
 * row without a route, fails the test that reads both.
 */
import { callRoutes, objectRoutes, passthroughRoute, pathRoutes } from "../../daemon/http/routes.ts";
import type { Route } from "../../daemon/pipeline/exchange.ts";

/** How a caller asks for it. */
export type RouteCase = {
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** What the upstream answers whole, and as a stream where it is one. */
  readonly answer: string;
  readonly stream: string | undefined;
  /** Only a key that may call every model of the provider may ask this. */
  readonly isForProvider: boolean;
  /** Costs nothing by its nature. */
  readonly isFree: boolean;
};

type Sample = {
  /** The path for a model; where the body names it, `model` is not used. */
  readonly path: (model: string) => string;
  readonly method?: string;
  readonly body?: (model: string, stream: boolean) => object;
  readonly form?: true;
  readonly answer: object;
  readonly streams?: string;
  readonly isForProvider?: true;
  readonly isFree?: true;
  /** About something that only its maker may see. */
  readonly isOwn?: true;
};

const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const mediaUsage = { input_tokens: 10, output_tokens: 5, total_tokens: 15 };
const message = [{ role: "user", content: "hi" }];
const contents = [{ role: "user", parts: [{ text: "hi" }] }];
const event = (data: object, name?: string) =>
  `${name === undefined ? "" : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`;
const chunk = (delta: object, finish: string | null) =>
  event({
    id: "c",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
const chatAnswer = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
  usage,
};
/** The upstream speaks chat completions to every caller: what others say is translated. */
const chatStream =
  chunk({ content: "ok" }, null) +
  chunk({}, "stop") +
  event({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [], usage }) +
  "data: [DONE]\n\n";
const chat = { answer: chatAnswer, streams: chatStream };
const nothing = { answer: { data: [] }, isForProvider: true, isFree: true } as const;

export const samples: Readonly<Record<string, Sample>> = {
  "chat.completions": {
    ...chat,
    path: () => "/v1/chat/completions",
    body: (model, stream) => ({ model, stream, max_tokens: 5, messages: message }),
  },
  responses: {
    ...chat,
    path: () => "/v1/responses",
    body: (model, stream) => ({ model, stream, max_output_tokens: 5, input: "hi", store: false }),
  },
  messages: {
    ...chat,
    path: () => "/v1/messages",
    body: (model, stream) => ({ model, stream, max_tokens: 5, messages: message }),
  },
  "cohere.chat": {
    ...chat,
    path: () => "/v2/chat",
    body: (model, stream) => ({ model, stream, max_tokens: 5, messages: message }),
  },
  "gemini.generate": {
    answer: chatAnswer,
    path: (model) => `/v1beta/models/${model}:generateContent`,
    body: () => ({ contents, generationConfig: { maxOutputTokens: 5 } }),
  },
  "gemini.stream": {
    ...chat,
    path: (model) => `/v1beta/models/${model}:streamGenerateContent?alt=sse`,
    body: () => ({ contents, generationConfig: { maxOutputTokens: 5 } }),
  },
  "bedrock.converse": {
    answer: chatAnswer,
    path: (model) => `/model/${encodeURIComponent(model)}/converse`,
    body: () => ({ messages: [{ role: "user", content: [{ text: "hi" }] }], inferenceConfig: { maxTokens: 5 } }),
  },
  "bedrock.converse_stream": {
    ...chat,
    path: (model) => `/model/${encodeURIComponent(model)}/converse-stream`,
    body: () => ({ messages: [{ role: "user", content: [{ text: "hi" }] }], inferenceConfig: { maxTokens: 5 } }),
  },
  "bedrock.invoke": {
    answer: chatAnswer,
    path: (model) => `/model/${encodeURIComponent(model)}/invoke`,
    body: () => ({ anthropic_version: "bedrock-2023-05-31", max_tokens: 5, messages: message }),
  },
  "bedrock.invoke_stream": {
    ...chat,
    path: (model) => `/model/${encodeURIComponent(model)}/invoke-with-response-stream`,
    body: () => ({ anthropic_version: "bedrock-2023-05-31", max_tokens: 5, messages: message }),
  },
  completions: {
    path: () => "/v1/completions",
    body: (model, stream) => ({ model, stream, max_tokens: 5, prompt: "hi" }),
    answer: { id: "c", object: "text_completion", choices: [{ index: 0, text: "ok", finish_reason: "stop" }], usage },
    streams:
      event({ id: "c", object: "text_completion", choices: [{ index: 0, text: "ok", finish_reason: "stop" }] }) +
      event({ id: "c", object: "text_completion", choices: [], usage }) +
      "data: [DONE]\n\n",
  },
  "responses.compact": {
    path: () => "/v1/responses/compact",
    body: (model) => ({ model, input: "hi" }),
    answer: { id: "r", object: "response.compaction", output: [], usage: mediaUsage },
  },
  "realtime.client_secrets": {
    path: () => "/v1/realtime/client_secrets",
    body: (model) => ({ session: { type: "realtime", model } }),
    answer: {},
    isFree: true,
  },
  "realtime.sessions": {
    path: () => "/v1/realtime/sessions",
    body: (model) => ({ model, voice: "alloy" }),
    answer: {},
    isFree: true,
  },
  embeddings: {
    path: () => "/v1/embeddings",
    body: (model) => ({ model, input: "hi" }),
    answer: { object: "list", data: [{ index: 0, embedding: [0.5] }], usage: { prompt_tokens: 10, total_tokens: 10 } },
  },
  "cohere.embed": {
    path: () => "/v2/embed",
    body: (model) => ({ model, texts: ["hi"], input_type: "search_query", embedding_types: ["float"] }),
    answer: { object: "list", data: [{ index: 0, embedding: [0.5] }], usage: { prompt_tokens: 10, total_tokens: 10 } },
  },
  "gemini.embed": {
    path: (model) => `/v1beta/models/${model}:embedContent`,
    body: () => ({ content: { parts: [{ text: "hi" }] } }),
    answer: { object: "list", data: [{ index: 0, embedding: [0.5] }], usage: { prompt_tokens: 10, total_tokens: 10 } },
  },
  moderations: {
    path: () => "/v1/moderations",
    body: (model) => ({ model, input: "hi" }),
    answer: { id: "m", results: [{ flagged: false }] },
  },
  rerank: {
    path: () => "/v1/rerank",
    body: (model) => ({ model, query: "q", documents: ["a"] }),
    answer: { id: "r", results: [{ index: 0, relevance_score: 0.5 }], meta: { billed_units: { search_units: 1 } } },
  },
  "cohere.rerank": {
    path: () => "/v2/rerank",
    body: (model) => ({ model, query: "q", documents: ["a"] }),
    answer: { id: "r", results: [{ index: 0, relevance_score: 0.5 }], meta: { billed_units: { search_units: 1 } } },
  },
  "images.generations": {
    path: () => "/v1/images/generations",
    body: (model, stream) => ({ model, prompt: "cat", ...(stream ? { stream } : {}) }),
    answer: { created: 1, data: [], usage: mediaUsage },
    streams: event({ type: "image_generation.completed", usage: mediaUsage }),
  },
  "images.edits": { path: () => "/v1/images/edits", form: true, answer: { created: 1, data: [], usage: mediaUsage } },
  "images.variations": {
    path: () => "/v1/images/variations",
    form: true,
    answer: { created: 1, data: [], usage: mediaUsage },
  },
  "audio.speech": {
    path: () => "/v1/audio/speech",
    body: (model) => ({ model, input: "hi", voice: "alloy" }),
    answer: { sound: true, usage: mediaUsage },
  },
  "audio.transcriptions": {
    path: () => "/v1/audio/transcriptions",
    form: true,
    answer: { text: "hi", usage: mediaUsage },
  },
  "audio.translations": {
    path: () => "/v1/audio/translations",
    form: true,
    answer: { text: "hi", usage: mediaUsage },
  },
  "messages.count_tokens": {
    path: () => "/v1/messages/count_tokens",
    body: (model) => ({ model, messages: message }),
    answer: {},
    isFree: true,
  },
  "responses.input_tokens": {
    path: () => "/v1/responses/input_tokens",
    body: (model) => ({ model, input: "hi" }),
    answer: {},
    isFree: true,
  },
  "gemini.count_tokens": {
    path: (model) => `/v1beta/models/${model}:countTokens`,
    body: () => ({ contents }),
    answer: {},
    isFree: true,
  },
  "bedrock.count_tokens": {
    path: (model) => `/model/${encodeURIComponent(model)}/count-tokens`,
    body: () => ({ input: { converse: { messages: [{ role: "user", content: [{ text: "hi" }] }] } } }),
    answer: {},
    isFree: true,
  },
  "responses.stored": { path: () => "/v1/responses/resp_1", method: "GET", answer: {}, isOwn: true },
  files: { ...nothing, path: () => "/v1/files?provider=up", method: "GET" },
  batches: { ...nothing, path: () => "/v1/batches?provider=up", method: "GET" },
  containers: { ...nothing, path: () => "/v1/containers?provider=up", method: "GET" },
  videos: {
    path: () => "/v1/videos",
    body: (model) => ({ model, prompt: "a cat", seconds: "4" }),
    answer: { id: "video_1", object: "video", status: "queued" },
  },
  "gemini.predict": {
    path: (model) => `/v1beta/models/${model}:predict`,
    body: () => ({ instances: [{ prompt: "a cat" }], parameters: { sampleCount: 1 } }),
    answer: { predictions: [{ mimeType: "image/png", bytesBase64Encoded: "aGk=" }] },
  },
  "gemini.predict_long": {
    path: (model) => `/v1beta/models/${model}:predictLongRunning`,
    body: () => ({ instances: [{ prompt: "a cat" }] }),
    answer: { name: "models/m/operations/o" },
  },
  "gemini.fetch_operation": {
    path: (model) => `/v1/models/${model}:fetchPredictOperation`,
    body: () => ({ operationName: "projects/p/locations/l/publishers/google/models/m/operations/vx~o" }),
    answer: { name: "projects/p/locations/l/publishers/google/models/m/operations/o" },
    isOwn: true,
    isFree: true,
  },
  "gemini.operations": {
    path: () => "/v1beta/models/m/operations/up~o",
    method: "GET",
    answer: {},
    isOwn: true,
    isFree: true,
  },
  vector_stores: { ...nothing, path: () => "/v1/vector_stores?provider=up", method: "GET" },
  conversations: {
    path: () => "/v1/conversations?provider=up",
    body: () => ({ metadata: {} }),
    answer: { id: "conv_1", object: "conversation", created_at: 1, metadata: {} },
    isForProvider: true,
    isFree: true,
  },
  "messages.files": { ...nothing, path: () => "/anthropic/v1/files?provider=an", method: "GET" },
  "messages.batches": { ...nothing, path: () => "/v1/messages/batches?provider=an", method: "GET" },
  "gemini.files": { ...nothing, path: () => "/v1beta/files?provider=ge", method: "GET" },
  "gemini.upload": {
    path: () => "/upload/v1beta/files?provider=ge",
    body: () => ({ file: { displayName: "a" } }),
    answer: {},
    isForProvider: true,
    isFree: true,
  },
  "gemini.batches": { ...nothing, path: () => "/genai/v1beta/batches?provider=ge", method: "GET" },
  "gemini.caches": { ...nothing, path: () => "/v1beta/cachedContents?provider=ge", method: "GET" },
  "gemini.batch_generate": {
    path: (model) => `/v1beta/models/${model}:batchGenerateContent`,
    body: () => ({
      batch: {
        inputConfig: { requests: { requests: [{ request: { contents, generationConfig: { maxOutputTokens: 5 } } }] } },
      },
    }),
    answer: { name: "batches/b1", metadata: { model: "models/m" } },
  },
  "gemini.batch_embed": {
    path: (model) => `/v1beta/models/${model}:asyncBatchEmbedContent`,
    body: () => ({
      batch: { inputConfig: { requests: { requests: [{ request: { content: { parts: [{ text: "hi" }] } } }] } } },
    }),
    answer: { name: "batches/b2", metadata: { model: "models/m" } },
  },
  "fim.completions": {
    path: () => "/v1/fim/completions",
    body: (model, stream) => ({ model, prompt: "def", suffix: "return a+b", max_tokens: 5, stream }),
    ...chat,
  },
  ocr: {
    path: () => "/v1/ocr",
    body: (model) => ({ model, document: { type: "document_url", document_url: "https://example.org/a.pdf" } }),
    answer: { pages: [{ index: 0, markdown: "hi" }], model: "m", usage_info: { pages_processed: 1 } },
  },
  "bedrock.rerank": {
    path: () => "/bedrock/rerank",
    body: (model) => ({
      queries: [{ type: "TEXT", textQuery: { text: "q" } }],
      sources: [{ type: "INLINE", inlineDocumentSource: { type: "TEXT", textDocument: { text: "a" } } }],
      rerankingConfiguration: {
        type: "BEDROCK_RERANKING_MODEL",
        bedrockRerankingConfiguration: { modelConfiguration: { modelArn: model } },
      },
    }),
    answer: { id: "r", results: [{ index: 0, relevance_score: 0.5 }], meta: { billed_units: { search_units: 1 } } },
  },
  "cohere.tokenize": {
    path: () => "/v1/tokenize",
    body: (model) => ({ model, text: "hi" }),
    answer: { tokens: [1], token_strings: ["hi"] },
    isFree: true,
  },
  "cohere.detokenize": {
    path: () => "/cohere/v1/detokenize",
    body: (model) => ({ model, tokens: [1] }),
    answer: { text: "hi" },
    isFree: true,
  },
  passthrough: {
    path: () => "/passthrough/up/chat/completions",
    body: (model) => ({ model: model.replace(/^up\//, ""), max_tokens: 5, messages: message }),
    answer: chatAnswer,
  },
};

/** Every name in the table, once. */
export function routeNames(): ReadonlySet<string> {
  const routes: Route[] = [...callRoutes.values(), ...objectRoutes.values(), passthroughRoute("POST")!];
  for (const rows of pathRoutes.values()) routes.push(...rows.map(({ route }) => route));
  return new Set(routes.map(({ name }) => name));
}

const boundary = "--case";

export function routeCase(name: string, model: string, stream: boolean): RouteCase {
  const sample = samples[name]!;
  const body = sample.body?.(model, stream);
  return {
    path: sample.path(model),
    method: sample.method ?? "POST",
    headers: {
      "content-type": sample.form ? `multipart/form-data; boundary=${boundary}` : "application/json",
      ...(name.startsWith("messages") ? { "anthropic-version": "2023-06-01" } : {}),
    },
    body: sample.form ? form(model) : body === undefined ? undefined : JSON.stringify(body),
    answer: JSON.stringify(sample.answer),
    stream: sample.streams,
    isForProvider: sample.isForProvider ?? false,
    isFree: sample.isFree ?? false,
  };
}

function form(model: string): string {
  const part = (name: string, value: string) =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  return `${part("model", model)}${part("file", "bytes")}--${boundary}--\r\n`;
}
