/**
 * Cohere v2 ⇄ canonical chat, embeddings and ranking.
 *
 * Where the dialects part: a plan stands beside the calls it leads to; tool choice is all or nothing; documents are a list
 * of the request, and citations point into the text; what is billed is less than what was read; an error in a stream is
 * a finish reason.
 */
import type { Dialect } from "../exchange.ts";
import { decode, decodeStream } from "./cohere/decode.ts";
import { embeddings } from "./cohere/embed.ts";
import { encode } from "./cohere/encode.ts";
import { renderFailure } from "./cohere/failure.ts";
import { parse } from "./cohere/parse.ts";
import { render } from "./cohere/render.ts";
import { renderStream } from "./cohere/render-stream.ts";
import { rerank } from "./cohere/rerank.ts";
import { tap } from "./cohere/tap.ts";
import { upstreamFailure } from "./failure.ts";

export const cohere: Dialect = {
  id: "cohere",
  framing: "sse",
  encode,
  decode,
  decodeStream,
  decodeFailure: upstreamFailure,
  parse,
  render,
  renderStream,
  renderFailure,
  tap,
  embeddings,
  rerank,
};
