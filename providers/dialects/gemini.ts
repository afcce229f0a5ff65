/**
 * Google's Gemini ⇄ canonical chat.
 *
 * Where the dialects part: model and streaming stand in the path; turns are of a user and a model, made of parts; calls
 * come whole and their ids are optional; a signature proves the part it stands on, a call or a text, not the thinking
 * before it; thinking is counted beside the answer; a prompt may be refused without any candidate; and a stream, whether
 * of events or of one array's elements, just ends.
 */
import type { Dialect } from "../exchange.ts";
import { countTokens } from "./gemini/count-tokens.ts";
import { decode, decodeStream } from "./gemini/decode.ts";
import { embeddings } from "./gemini/embeddings.ts";
import { encode } from "./gemini/encode.ts";
import { decodeFailure, renderFailure } from "./gemini/failure.ts";
import { images } from "./gemini/images.ts";
import { parse } from "./gemini/parse.ts";
import { render } from "./gemini/render.ts";
import { renderStream } from "./gemini/render-stream.ts";
import { tap } from "./gemini/tap.ts";

export const gemini: Dialect = {
  id: "gemini",
  framing: "sse",
  keepAlive: "\n",
  encode,
  decode,
  decodeStream,
  decodeFailure,
  parse,
  render,
  renderStream,
  renderFailure,
  tap,
  embeddings,
  countTokens,
  images,
};
