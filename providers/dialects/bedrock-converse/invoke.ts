/**
 * Vectors and rankings on Bedrock, which invokes each family of models in a language of its own: Titan's, which takes one
 * text a call, and Cohere's of the version before.
 * Shapes: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html,
 * model-parameters-embed.html and model-parameters-rerank.html beside it.
 */
import type {
  Codec,
  EmbeddingAnswer,
  EmbeddingRequest,
  Json,
  JsonObject,
  RerankAnswer,
  RerankRequest,
  UpstreamRequest,
} from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, list, shape } from "../../json.ts";
import { embeddings as cohereEmbeddings } from "../cohere/embed.ts";
import { rerank as cohereRerank } from "../cohere/rerank.ts";
import { parseRerank, renderRerank } from "./rerank.ts";

const titan = /amazon\.titan-embed/;
const cohere = /cohere\./;
/** What Bedrock calls the version of Cohere's rankings; it must be said. */
const rerankVersion = 2;

export const embeddings: Codec<EmbeddingRequest, EmbeddingAnswer> = {
  encode: (request) => (titan.test(request.model) ? encodeTitan(request) : encodeCohere(request)),

  decode(body) {
    const { embedding, inputTextTokenCount } = shape(body);
    if (embedding === undefined) return cohereEmbeddings.decode(body);
    if (!list(embedding).every((value) => typeof value === "number")) {
      throw new GatewayError("upstream_protocol", "the provider's answer has a vector that is none", {
        source: "provider",
      });
    }
    const input = count(inputTextTokenCount);
    return {
      vectors: [list(embedding) as number[]],
      ...(input === undefined ? {} : { usage: { input, output: 0 } }),
    };
  },

  parse: () => notServed(),
  render: () => notServed(),
};

/** Asked for in the words of its own API for rankings; what is invoked takes those of Cohere's before. */
export const rerank: Codec<RerankRequest, RerankAnswer> = {
  encode(request) {
    const { body, headers, dropped } = cohereRerank.encode(request);
    const version = cohere.test(request.model) ? { api_version: rerankVersion } : {};
    return { body: { ...withoutModel(body), ...version }, headers, dropped };
  },
  decode: (body) => ({ ...cohereRerank.decode(body), searches: 1 }),
  parse: parseRerank,
  render: renderRerank,
};

function encodeTitan({ model, inputs, dimensions, user, dialect, extra }: EmbeddingRequest): UpstreamRequest {
  const [input] = inputs;
  if (inputs.length !== 1 || typeof input !== "string") {
    const told = typeof input === "string" ? "one text a call: send each by itself" : "a text, not tokens";
    throw new GatewayError("unsupported_parameter", `${model} takes ${told}`, { source: "client", param: "input" });
  }
  const body: Record<string, Json> = { inputText: input };
  if (dimensions !== undefined) body["dimensions"] = dimensions;
  const dropped = user === undefined ? [] : ["user"];
  if (dialect === "bedrock-converse") Object.assign(body, extra);
  else dropped.push(...Object.keys(extra ?? {}));
  return { body, headers: {}, dropped };
}

function encodeCohere(request: EmbeddingRequest): UpstreamRequest {
  const { body, headers, dropped } = cohereEmbeddings.encode(request);
  return { body: withoutModel(body), headers, dropped };
}

/** It stands in the path. */
function withoutModel({ model: _, ...rest }: JsonObject): JsonObject {
  return rest;
}

/** Nobody asks us in this language: there is no route for it. */
function notServed(): never {
  throw new GatewayError("unsupported_parameter", "vectors and rankings are not asked for in Bedrock's language here", {
    source: "client",
  });
}
