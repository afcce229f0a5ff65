/** Embeddings in Cohere's words. Hides its names for what a vector is for, and that each kind of vector has a list of its own. */
import type { Codec, EmbeddingAnswer, EmbeddingRequest, Json, JsonObject } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { list, lookup, type Mutable, shape } from "../../json.ts";
import {
  optionalInteger,
  optionalList,
  optionalText,
  refuse,
  requestBody,
  requiredObject,
  requiredText,
  textList,
  unknownFields,
} from "../strict.ts";
import { decodeUsage } from "./usage.ts";

const inputTypes: Readonly<Record<string, string>> = {
  RETRIEVAL_QUERY: "search_query",
  QUESTION_ANSWERING: "search_query",
  FACT_VERIFICATION: "search_query",
  CODE_RETRIEVAL_QUERY: "search_query",
  RETRIEVAL_DOCUMENT: "search_document",
  SEMANTIC_SIMILARITY: "clustering",
  CLUSTERING: "clustering",
  CLASSIFICATION: "classification",
};
const taskTypes: Readonly<Record<string, string>> = {
  search_query: "RETRIEVAL_QUERY",
  search_document: "RETRIEVAL_DOCUMENT",
  clustering: "CLUSTERING",
  classification: "CLASSIFICATION",
};

/** What vectors are for must be said; whoever does not is most likely to store them. */
const inputTypeUsual = "search_document";

export const embeddings: Codec<EmbeddingRequest, EmbeddingAnswer> = {
  encode(request) {
    const texts = request.inputs.map((input) => {
      if (typeof input === "string") return input;
      throw new GatewayError("unsupported_parameter", "the model chosen takes texts, not tokens", {
        source: "client",
        param: "input",
      });
    });
    const body: Record<string, Json> = {
      model: request.model,
      texts,
      input_type: lookup(inputTypes, request.taskType) ?? inputTypeUsual,
      embedding_types: ["float"],
    };
    if (request.dimensions !== undefined) body["output_dimension"] = request.dimensions;
    const dropped: string[] = request.user === undefined ? [] : ["user"];
    if (request.dialect === "cohere") Object.assign(body, request.extra);
    else dropped.push(...Object.keys(request.extra ?? {}));
    return { body, headers: {}, dropped };
  },

  decode(body) {
    const answer = shape(body);
    const { embeddings: told } = answer;
    const vectors = Array.isArray(told) ? told : list(shape(told)["float"]);
    if (!vectors.every((vector) => Array.isArray(vector) && vector.every((value) => typeof value === "number"))) {
      throw new GatewayError("upstream_protocol", "the provider's answer has vectors that are none", {
        source: "provider",
      });
    }
    return { vectors: vectors as number[][], usage: decodeUsage(answer["meta"]) };
  },

  parse(body) {
    const source = requestBody(body);
    if (source["images"] !== undefined) refuse("images", "are embedded only by Cohere's own models");
    const types = optionalList(source, "embedding_types");
    if (types?.some((type) => type !== "float")) refuse("embedding_types", "must be float for this model");
    const request: Mutable<EmbeddingRequest> = {
      dialect: "cohere",
      model: requiredText(source, "model"),
      inputs: inputsOf(source),
    };
    const dimensions = optionalInteger(source, "output_dimension", 1);
    if (dimensions !== undefined) request.dimensions = dimensions;
    const task = lookup(taskTypes, optionalText(source, "input_type"));
    if (task !== undefined) request.taskType = task;
    const extra = unknownFields(source, knownFields);
    if (extra !== undefined) request.extra = extra;
    return request;
  },

  render({ vectors, usage }, { id, request }): JsonObject {
    const texts = (request?.inputs ?? []).flatMap((input) => (typeof input === "string" ? [input] : []));
    return {
      id,
      embeddings: { float: vectors },
      texts,
      meta: { api_version: { version: "2" }, billed_units: { input_tokens: usage?.input ?? 0 } },
      response_type: "embeddings_by_type",
    };
  },
};

const knownFields: ReadonlySet<string> = new Set(
  "model texts inputs input_type embedding_types output_dimension images".split(" "),
);

/** `texts`, or `inputs` of contents, each of which is one text. */
function inputsOf(source: ReturnType<typeof requestBody>): readonly string[] {
  const texts = optionalList(source, "texts");
  if (texts !== undefined) return textList(texts, "texts");
  const inputs = optionalList(source, "inputs") ?? refuse("texts", "is required and must be an array");
  return inputs.map((value, index) => {
    const at = `inputs[${index}].content`;
    const content = optionalList(requiredObject(value, `inputs[${index}]`), "content", at) ?? refuse(at, "is required");
    return content
      .map((item, place) => {
        const part = requiredObject(item, `${at}[${place}]`);
        if (part["type"] !== "text") refuse(`${at}[${place}].type`, "must be text for this model");
        return requiredText(part, "text", `${at}[${place}].text`);
      })
      .join("\n");
  });
}
