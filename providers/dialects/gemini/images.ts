/**
 * Pictures that were asked for in OpenAI's words. Hides that Imagen predicts them, several at once, and that Gemini's own
 * models answer with one. ai.google.dev/gemini-api/docs/imagen, /image-generation
 */
import type { Codec, ImageAnswer, ImageRequest, Json, OperationOptions, UpstreamRequest } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { isObject, known, list, type Shape, shape, text, words } from "../../json.ts";
import { droppedFields, extraFields } from "../dropped.ts";
import { decodeUsage } from "./usage.ts";

export const images: Codec<ImageRequest, ImageAnswer> = { encode, decode, parse: notServed, render: notServed };

const imagenRatios: ReadonlySet<string> = new Set(["1:1", "3:4", "4:3", "9:16", "16:9"]);
const geminiRatios: ReadonlySet<string> = new Set([...imagenRatios, "2:3", "3:2", "4:5", "5:4", "21:9"]);
/** DALL·E's wide sizes, which nobody else has. */
const nearest: Readonly<Record<string, string>> = { "7:4": "16:9", "4:7": "9:16" };

/** `predict` is the other form here as well: of the model's own answers. */
function encode(request: ImageRequest, { predict = false }: OperationOptions = {}): UpstreamRequest {
  const dropped = droppedFields({ dialect: "openai-chat" });
  const { prompt, count, size } = request;
  extraFields(request, "gemini", dropped);
  const ratio = size === undefined ? undefined : ratioOf(size, predict ? geminiRatios : imagenRatios);
  if (size !== undefined && ratio === undefined) dropped.note("size");
  const shaped = known({ aspectRatio: ratio }) as Record<string, Json>;
  const told = (body: UpstreamRequest["body"]): UpstreamRequest => ({ body, headers: {}, dropped: dropped.names() });
  if (!predict) return told({ instances: [{ prompt }], parameters: { sampleCount: count, ...shaped } });
  if (count > 1)
    throw new GatewayError("unsupported_parameter", `n: ${request.model} makes one picture a call`, {
      source: "client",
      param: "n",
    });
  const generationConfig = {
    responseModalities: ["IMAGE"],
    ...(ratio === undefined ? {} : { imageConfig: shaped }),
  };
  return told({ contents: [{ role: "user", parts: [{ text: prompt }] }], generationConfig });
}

function ratioOf(size: string, known: ReadonlySet<string>): string | undefined {
  const [, wide, high] = /^(\d{1,5})[x:](\d{1,5})$/.exec(size) ?? [];
  const [width, height] = [Number(wide), Number(high)];
  if (!(width > 0 && height > 0)) return undefined;
  let [some, rest] = [width, height];
  while (rest > 0) [some, rest] = [rest, some % rest];
  const exact = `${width / some}:${height / some}`;
  const ratio = nearest[exact] ?? exact;
  return known.has(ratio) ? ratio : undefined;
}

function decode(body: unknown): ImageAnswer {
  const answer = shape(body);
  const predicted = list(answer["predictions"]).map(shape);
  const [candidate] = list(answer["candidates"]).map(shape);
  const parts = list(shape(candidate?.["content"])["parts"]).map((part) => shape(shape(part)["inlineData"]));
  const pictures = [
    ...predicted.map((each) => ({ data: text(each["bytesBase64Encoded"]), revised: words(each["prompt"]) })),
    ...parts.map(({ data }) => ({ data: text(data), revised: undefined })),
  ].flatMap(({ data, revised }) => (data === undefined ? [] : [{ data, revised }]));
  if (pictures.length === 0) throw isObject(body) ? noPicture(answer, candidate, predicted) : strange();
  return { pictures, usage: { ...decodeUsage(answer["usageMetadata"]), images: pictures.length } };
}

/** Who filters them answers with fewer, or none, and may say why. What a model did not come to is not billed. */
function noPicture(answer: Shape, candidate: Shape | undefined, predicted: readonly Shape[]): GatewayError {
  const end = words(candidate?.["finishReason"]);
  if (end === "STOP" || end === "MAX_TOKENS") return strange();
  const why =
    end ?? words(shape(answer["promptFeedback"])["blockReason"]) ?? words(predicted[0]?.["raiFilteredReason"]);
  const message = `no picture was made${why === undefined ? "" : `: ${why}`}`;
  const billed = candidate === undefined ? { upstreamStatus: 200 } : {};
  return new GatewayError("content_policy_violation", message, { source: "provider", ...billed });
}

function strange(): GatewayError {
  return new GatewayError("upstream_protocol", "the provider's answer has no picture", { source: "provider" });
}

/** Who asks in Google's words is relayed to what predicts; what answers is asked by its own call. */
function notServed(): never {
  throw new GatewayError("unsupported_parameter", "this model makes pictures by generateContent, not by predict", {
    source: "client",
    param: "model",
  });
}
