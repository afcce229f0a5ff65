/** Pictures asked for in OpenAI's words, for a provider of another language. Where it speaks OpenAI's they are relayed. */
import type { Codec, ImageAnswer, ImageRequest, JsonObject } from "../../exchange.ts";
import { known, type Mutable } from "../../json.ts";
import {
  optionalFlag,
  optionalInteger,
  optionalText,
  refuse,
  requestBody,
  requiredText,
  unknownFields,
} from "../strict.ts";

export const images: Codec<ImageRequest, ImageAnswer> = { encode: relayed, decode: relayed, parse, render };

const requestFields: ReadonlySet<string> = new Set([
  "model",
  "prompt",
  "n",
  "size",
  "response_format",
  "stream",
  "user",
]);

function parse(body: unknown, path?: { readonly model: string }): ImageRequest {
  const source = requestBody(body);
  if (optionalFlag(source, "stream") === true)
    refuse("stream", "the model chosen tells no pictures before they are done");
  const request: Mutable<ImageRequest> = {
    dialect: "openai-chat",
    model: path?.model ?? requiredText(source, "model"),
    prompt: requiredText(source, "prompt"),
    count: optionalInteger(source, "n", 1) ?? 1,
  };
  const size = optionalText(source, "size");
  if (size !== undefined && size !== "auto") request.size = size;
  const extra: JsonObject = { ...unknownFields(source, requestFields) };
  // Nobody else keeps pictures at an address.
  if (source["response_format"] === "url") Object.assign(extra, { response_format: "url" });
  if (Object.keys(extra).length > 0) request.extra = extra;
  return request;
}

function render({ pictures, usage }: ImageAnswer, { created }: { readonly created: number }): JsonObject {
  const { input, output } = usage ?? {};
  const told = input === undefined || output === undefined ? undefined : { input, output };
  return {
    created,
    data: pictures.map(({ data, revised }) => known({ b64_json: data, revised_prompt: revised }) as JsonObject),
    ...(told && {
      usage: { input_tokens: told.input, output_tokens: told.output, total_tokens: told.input + told.output },
    }),
  };
}

function relayed(): never {
  throw new TypeError("pictures in OpenAI's words are relayed");
}
