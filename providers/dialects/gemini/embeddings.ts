/** Embeddings in Google's shape. Hides that one input and many have different bodies, and that another of its APIs calls them predictions. */
import type {
  Codec,
  EmbeddingAnswer,
  EmbeddingRequest,
  Json,
  JsonObject,
  OperationOptions,
  UpstreamRequest,
} from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, isObject, jsonObject, known, list, type Mutable, type Shape, shape, text } from "../../json.ts";
import { droppedFields, extraFields } from "../dropped.ts";
import {
  optionalInteger,
  optionalList,
  optionalText,
  refuse,
  requestBody,
  requiredObject,
  unknownFields,
} from "../strict.ts";
import { camelCase } from "./names.ts";

export const embeddings: Codec<EmbeddingRequest, EmbeddingAnswer> = { encode, decode, parse, render };

function encode(request: EmbeddingRequest, options: OperationOptions = {}): UpstreamRequest {
  const dropped = droppedFields({ dialect: request.dialect ?? "openai-chat" });
  const { model, inputs, dimensions, taskType } = request;
  if (request.user !== undefined) dropped.note("user");
  const extra = extraFields(request, "gemini", dropped);
  const texts = inputs.map((input) => {
    if (typeof input === "string") return input;
    throw new GatewayError("unsupported_parameter", "input: the model chosen takes texts, not tokens", {
      source: "client",
      param: "input",
    });
  });
  const size = dimensions === undefined ? {} : { outputDimensionality: dimensions };
  if (options.predict === true) {
    const { title, autoTruncate } = shape(extra);
    const instances = texts.map((content) => jsonObject(known({ content, task_type: taskType, title: text(title) })));
    const parameters = typeof autoTruncate === "boolean" ? { ...size, autoTruncate } : size;
    return { body: { instances, parameters }, headers: {}, dropped: dropped.names() };
  }
  const requests = texts.map(
    (part): JsonObject => ({
      model: `models/${model}`,
      content: { parts: [{ text: part }] },
      ...(taskType === undefined ? {} : { taskType }),
      ...size,
      ...extra,
    }),
  );
  return { body: { requests }, headers: {}, dropped: dropped.names() };
}

function decode(body: unknown): EmbeddingAnswer {
  const answer = shape(body);
  const usage = shape(answer["usageMetadata"]);
  let input = count(usage["promptTokenCount"]) ?? count(usage["totalTokenCount"]);
  let found = list(answer["embeddings"]).map((one) => shape(one)["values"]);
  if (isObject(answer["embedding"])) found = [answer["embedding"]["values"]];
  for (const prediction of list(answer["predictions"])) {
    const told = shape(shape(prediction)["embeddings"]);
    found.push(told["values"]);
    const tokens = count(shape(told["statistics"])["token_count"]);
    if (tokens !== undefined) input = (input ?? 0) + tokens;
  }
  if (found.length === 0 || !found.every(isVector)) {
    throw new GatewayError("upstream_protocol", "the provider's answer has no embeddings", { source: "provider" });
  }
  return { vectors: found, usage: input === undefined ? undefined : { input, output: 0 } };
}

function isVector(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}

const requestFields: ReadonlySet<string> = new Set(["model", "content", "taskType", "outputDimensionality"]);

function parse(body: unknown, path?: { readonly model: string }): EmbeddingRequest {
  const source = camelCase(requestBody(body));
  const batch = optionalList(source, "requests");
  const items = (batch ?? [source]).map((item, index) => ({
    at: batch === undefined ? "" : `requests[${index}].`,
    item: camelCase(requiredObject(item, `requests[${index}]`)),
  }));
  if (items.length === 0) refuse("requests", "must hold at least one request");
  const [first] = items;
  const named = optionalText(first!.item, "model", `${first!.at}model`)?.replace(/^models\//, "");
  const request: Mutable<EmbeddingRequest> = {
    dialect: "gemini",
    model: path?.model ?? named ?? refuse("model", "is required"),
    inputs: items.map(({ item, at }) => parseText(item, at)),
  };
  if (batch === undefined) request.single = true;
  const dimensions = optionalInteger(first!.item, "outputDimensionality", 1, `${first!.at}outputDimensionality`);
  if (dimensions !== undefined) request.dimensions = dimensions;
  const taskType = optionalText(first!.item, "taskType", `${first!.at}taskType`);
  if (taskType !== undefined) request.taskType = taskType;
  const extra = unknownFields(first!.item, requestFields);
  if (extra !== undefined) request.extra = extra;
  return request;
}

function parseText(item: Shape, at: string): string {
  const content = requiredObject(item["content"], `${at}content`);
  const parts = optionalList(content, "parts", `${at}content.parts`) ?? refuse(`${at}content.parts`, "is required");
  return parts
    .map((part, index) => {
      const { text } = shape(part);
      return typeof text === "string" ? text : refuse(`${at}content.parts[${index}]`, "must hold text");
    })
    .join("");
}

function render({ vectors, usage }: EmbeddingAnswer, { request }: { readonly request?: EmbeddingRequest }): JsonObject {
  const values = vectors.map((vector) => ({ values: vector }) satisfies JsonObject);
  const told = known({ promptTokenCount: usage?.input }) as Record<string, Json>;
  const counted = Object.keys(told).length === 0 ? {} : { usageMetadata: told };
  return request?.single === true ? { embedding: values[0]!, ...counted } : { embeddings: values, ...counted };
}
