/** The count of a prompt's tokens. Hides that Google takes contents alone, or a whole request in a wrapper. */
import type { Codec, JsonObject, Request } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, shape } from "../../json.ts";
import { requestBody } from "../strict.ts";
import { encode } from "./encode.ts";
import { parse, unwrapped } from "./parse.ts";

export const countTokens: Codec<Request, { readonly input: number }> = {
  encode(request) {
    const { body, headers, dropped } = encode(request);
    const alone = body["systemInstruction"] === undefined && body["tools"] === undefined;
    const wrapped = { generateContentRequest: { model: `models/${request.model}`, ...body } };
    return { body: alone ? { contents: body["contents"]! } : wrapped, headers, dropped };
  },
  decode(body) {
    const input = count(shape(body)["totalTokens"]);
    if (input !== undefined) return { input };
    throw new GatewayError("upstream_protocol", "the provider's answer has no totalTokens", { source: "provider" });
  },
  parse: (body, path) => parse(unwrapped(requestBody(body) as JsonObject), path),
  render: ({ input }) => ({ totalTokens: input }),
};
