/** Embeddings in OpenAI's shape. Hides that vectors may be asked for as base64, which its own SDK does by default. */
import type { Codec, EmbeddingAnswer, EmbeddingRequest, Json, JsonObject, OperationOptions } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, known, list, type Mutable, shape } from "../../json.ts";
import { droppedFields, extraFields } from "../dropped.ts";
import { optionalInteger, optionalText, refuse, requestBody, requiredText, unknownFields } from "../strict.ts";

export const embeddings: Codec<EmbeddingRequest, EmbeddingAnswer> = { encode, decode, parse, render };

const requestFields: ReadonlySet<string> = new Set(["model", "input", "dimensions", "encoding_format", "user"]);

/** `predict`: as Hugging Face's servers ask for features, texts and nothing else. */
function encode(
  request: EmbeddingRequest,
  { predict = false }: OperationOptions = {},
): ReturnType<typeof embeddings.encode> {
  const dropped = droppedFields({ dialect: request.dialect ?? "openai-chat" });
  const { model, inputs, dimensions, taskType, user } = request;
  if (taskType !== undefined) dropped.note("taskType");
  if (predict) {
    if (dimensions !== undefined) dropped.note("dimensions");
    if (user !== undefined) dropped.note("user");
    extraFields(request, "anthropic", dropped);
    return { body: { inputs: inputs.map(asText) }, headers: {}, dropped: dropped.names() };
  }
  const body: Record<string, Json> = {
    model,
    input: inputs as readonly Json[],
    encoding_format: "float",
    ...extraFields(request, "openai-chat", dropped),
  };
  if (dimensions !== undefined) body["dimensions"] = dimensions;
  if (user !== undefined) body["user"] = user;
  return { body, headers: {}, dropped: dropped.names() };
}

function asText(input: EmbeddingRequest["inputs"][number]): string {
  if (typeof input === "string") return input;
  const told = "input: the model chosen takes texts, not tokens";
  throw new GatewayError("unsupported_parameter", told, { source: "client", param: "input" });
}

function decode(body: unknown): EmbeddingAnswer {
  if (Array.isArray(body) && body.length > 0 && body.every(isVector)) return { vectors: body };
  const answer = shape(body);
  const rows = list(answer["data"]).map(shape);
  const vectors = rows
    .toSorted((a, b) => (count(a["index"]) ?? 0) - (count(b["index"]) ?? 0))
    .map(({ embedding }) => (typeof embedding === "string" ? floats(embedding) : embedding));
  if (vectors.length === 0 || !vectors.every(isVector)) {
    throw new GatewayError("upstream_protocol", "the provider's answer has no embeddings", { source: "provider" });
  }
  const usage = shape(answer["usage"]);
  const input = count(usage["prompt_tokens"]) ?? count(usage["total_tokens"]);
  const told = answer["model"];
  return {
    vectors,
    ...(typeof told === "string" ? { model: told } : {}),
    usage: input === undefined ? undefined : { input, output: 0 },
  };
}

function isVector(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}

function parse(body: unknown, path?: { readonly model: string }): EmbeddingRequest {
  const source = requestBody(body);
  const request: Mutable<EmbeddingRequest> = {
    dialect: "openai-chat",
    model: path?.model ?? requiredText(source, "model"),
    inputs: parseInputs(source["input"]),
  };
  const dimensions = optionalInteger(source, "dimensions", 1);
  if (dimensions !== undefined) request.dimensions = dimensions;
  const encoding = optionalText(source, "encoding_format");
  if (encoding === "base64" || encoding === "float") request.encoding = encoding;
  else if (encoding !== undefined) refuse("encoding_format", "must be float or base64");
  const user = optionalText(source, "user");
  if (user !== undefined) request.user = user;
  const extra = unknownFields(source, requestFields);
  if (extra !== undefined) request.extra = extra;
  return request;
}

/** A text, the tokens of one, or a list of either. */
function parseInputs(input: unknown): EmbeddingRequest["inputs"] {
  if (typeof input === "string") return [input];
  if (!Array.isArray(input) || input.length === 0) return refuse("input", "must be a text or a list of texts");
  if (input.every((item) => typeof item === "number")) return [input];
  return input.map((item, index) => {
    if (typeof item === "string") return item;
    if (Array.isArray(item) && item.every((token) => typeof token === "number")) return item;
    return refuse(`input[${index}]`, "must be a text or the tokens of one");
  });
}

function render(
  { vectors, usage, model }: EmbeddingAnswer,
  context: { readonly model: string; readonly request?: EmbeddingRequest },
): JsonObject {
  const asText = context.request?.encoding === "base64";
  const input = usage?.input ?? 0;
  return {
    object: "list",
    data: vectors.map(
      (vector, index): JsonObject => ({ object: "embedding", index, embedding: asText ? base64(vector) : vector }),
    ),
    model: model ?? context.model,
    usage: known({ prompt_tokens: input, total_tokens: input }),
  };
}

/** Little-endian 32-bit floats, as OpenAI's SDKs read them. */
function base64(vector: readonly number[]): string {
  const bytes = new Uint8Array(vector.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of vector.entries()) view.setFloat32(index * 4, value, true);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function floats(text: string): readonly number[] | undefined {
  let bytes: string;
  try {
    bytes = atob(text);
  } catch {
    return undefined;
  }
  if (bytes.length % 4 !== 0) return undefined;
  const view = new DataView(Uint8Array.from(bytes, (letter) => letter.charCodeAt(0)).buffer);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(index * 4, true));
}
