/**
 * Amazon Bedrock Converse ⇄ canonical chat.
 *
 * Where the dialects part: the model and streaming stand in the path; a block is an object with one key that names it;
 * cache markers are blocks of their own behind what they mark; what only some models take is passed in
 * `additionalModelRequestFields`; usage leaves the cached parts out of its input, and comes after the stop; errors are
 * exceptions with a name.
 */
import type { Dialect } from "../exchange.ts";
import { decode, decodeStream } from "./bedrock-converse/decode.ts";
import { encode, encodeCount } from "./bedrock-converse/encode.ts";
import { decodeFailure, renderFailure } from "./bedrock-converse/failure.ts";
import { embeddings, rerank } from "./bedrock-converse/invoke.ts";
import { parse, parseCount } from "./bedrock-converse/parse.ts";
import { render } from "./bedrock-converse/render.ts";
import { renderStream } from "./bedrock-converse/render-stream.ts";
import { tap } from "./bedrock-converse/tap.ts";
import { decodeCount } from "./bedrock-converse/usage.ts";

export const bedrockConverse: Dialect = {
  id: "bedrock-converse",
  framing: "aws-event-stream",
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
  rerank,
  countTokens: {
    encode: encodeCount,
    decode: decodeCount,
    parse: parseCount,
    render: ({ input }) => ({ inputTokens: input }),
  },
};
