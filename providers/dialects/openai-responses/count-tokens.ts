/** The count of a prompt's tokens. Hides which fields of a request the count takes. */
import type { Codec, Json, Request } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, shape } from "../../json.ts";
import { encode } from "./encode.ts";
import { parse } from "./parse.ts";

const counted = ["model", "input", "instructions", "tools", "tool_choice", "text", "reasoning", "parallel_tool_calls"];

export const countTokens: Codec<Request, { readonly input: number }> = {
  encode(request) {
    const { body, headers, dropped } = encode(request);
    const asked: Record<string, Json> = {};
    for (const name of counted) if (body[name] !== undefined) asked[name] = body[name];
    return { body: asked, headers, dropped };
  },
  decode(body) {
    const input = count(shape(body)["input_tokens"]);
    if (input !== undefined) return { input };
    throw new GatewayError("upstream_protocol", "the provider's answer has no input_tokens", { source: "provider" });
  },
  parse: (body) => parse(body),
  render: ({ input }) => ({ object: "response.input_tokens", input_tokens: input }),
};
