/**
 * What a route asks for. `chat`, `embeddings`, `count_tokens` and `rerank` may be translated between dialects that have
 * the codec for it; the others are relayed to a provider that offers them.
 */
export const operations = [
  "chat",
  "completions",
  "fim",
  "compact",
  "embeddings",
  "count_tokens",
  "rerank",
  "moderations",
  "image_generations",
  "image_edits",
  "image_variations",
  "speech",
  "transcriptions",
  "translations",
  "files",
  "batches",
  "batch_generate",
  "batch_embed",
  "caches",
  "containers",
  "vector_stores",
  "conversations",
  "ocr",
  "videos",
  "video_operations",
  "video_fetch",
  "uploads",
  "tokenize",
  "detokenize",
  "realtime",
  "live",
] as const;

export type Operation = (typeof operations)[number];
