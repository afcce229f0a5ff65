/**
 * Anthropic Messages ⇄ canonical chat.
 *
 * Where the dialects part: system text is a field, `max_tokens` is required, tool results stand in user turns, arguments
 * are a value, thinking comes signed and must go back byte for byte, usage comes in halves and leaves the cached parts
 * out of its input, and an error ends a stream with nothing after it.
 */
import type { Dialect } from "../exchange.ts";
import { countTokens } from "./anthropic/count-tokens.ts";
import { decode, decodeStream } from "./anthropic/decode.ts";
import { encode } from "./anthropic/encode.ts";
import { renderFailure } from "./anthropic/failure.ts";
import { parse } from "./anthropic/parse.ts";
import { render } from "./anthropic/render.ts";
import { renderStream } from "./anthropic/render-stream.ts";
import { tap } from "./anthropic/tap.ts";
import { upstreamFailure } from "./failure.ts";

export const anthropic: Dialect = {
  id: "anthropic",
  framing: "sse",
  countTokens,
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
