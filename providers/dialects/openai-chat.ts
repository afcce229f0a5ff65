/**
 * OpenAI chat completions ⇄ canonical chat.
 *
 * Where the dialects part: system text is a message, tool results are messages of their own, arguments are JSON text,
 * `prompt_tokens` includes what came from the cache, and the last word of a stream is `[DONE]`. Reasoning has no place
 * of its own; `reasoning_content` and `reasoning_details` are what compatible servers agree on.
 */
import type { Dialect } from "../exchange.ts";
import { upstreamFailure } from "./failure.ts";
import { decode, decodeStream } from "./openai-chat/decode.ts";
import { embeddings } from "./openai-chat/embeddings.ts";
import { encode } from "./openai-chat/encode.ts";
import { renderFailure } from "./openai-chat/failure.ts";
import { images } from "./openai-chat/images.ts";
import { parse } from "./openai-chat/parse.ts";
import { render } from "./openai-chat/render.ts";
import { renderStream } from "./openai-chat/render-stream.ts";
import { tap } from "./openai-chat/tap.ts";

export const openaiChat: Dialect = {
  id: "openai-chat",
  framing: "sse",
  embeddings,
  images,
  encode,
  decode,
  decodeStream,
  decodeFailure: upstreamFailure,
  parse,
  render,
  renderStream,
  renderFailure,
  tap,
};
