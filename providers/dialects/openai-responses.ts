/**
 * OpenAI responses ⇄ canonical chat.
 *
 * Where the dialects part: a conversation is a list of items, of which a message is one kind and a call, its output and
 * a piece of reasoning are others; reasoning comes encrypted and must go back byte for byte; a stream names and numbers
 * every event, opens and closes each item, and ends with the whole response; a failure is an event with a response in it.
 */
import type { Dialect } from "../exchange.ts";
import { renderFailure } from "./openai-chat/failure.ts";
import { countTokens } from "./openai-responses/count-tokens.ts";
import { decode } from "./openai-responses/decode.ts";
import { decodeStream } from "./openai-responses/decode-stream.ts";
import { encode } from "./openai-responses/encode.ts";
import { decodeFailure } from "./openai-responses/failure.ts";
import { parse } from "./openai-responses/parse.ts";
import { render } from "./openai-responses/render.ts";
import { renderStream } from "./openai-responses/render-stream.ts";
import { tap } from "./openai-responses/tap.ts";

export const openaiResponses: Dialect = {
  id: "openai-responses",
  framing: "sse",
  encode,
  decode,
  decodeStream,
  decodeFailure,
  parse,
  render,
  renderStream,
  renderFailure,
  tap,
  countTokens,
};
