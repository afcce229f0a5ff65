/** The count of a prompt's tokens. Hides which fields of a request the count takes, and that it takes no cap. */
import type { Codec, Json, Request } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, shape } from "../../json.ts";
import { encode } from "./encode.ts";
import { parse } from "./parse.ts";

const counted = ["model", "messages", "system", "tools", "tool_choice", "thinking"];

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
  // Whoever counts sends no cap; who parses a call wants one.
  parse: (body) => parse({ max_tokens: 1, ...(typeof body === "object" ? body : {}) }),
  render: ({ input }) => ({ input_tokens: input }),
};
