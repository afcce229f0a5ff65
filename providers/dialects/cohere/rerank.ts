/** Rankings in Cohere's words, which most who rank have taken over. */
import type { Codec, Json, JsonObject, RerankAnswer, RerankRequest } from "../../exchange.ts";
import { GatewayError } from "../../gateway-error.ts";
import { count, isObject, json, jsonObject, list, type Mutable, shape, words } from "../../json.ts";
import {
  optionalFlag,
  optionalInteger,
  optionalList,
  refuse,
  requestBody,
  requiredText,
  unknownFields,
} from "../strict.ts";
import { decodeUsage } from "./usage.ts";

const knownFields: ReadonlySet<string> = new Set("model query documents top_n return_documents".split(" "));

export const rerank: Codec<RerankRequest, RerankAnswer> = {
  // The other form is Voyage's.
  encode(request, { predict = false } = {}) {
    const body: Record<string, Json> = {
      model: request.model,
      query: request.query,
      // Fields were of the version before; now a document is a text.
      documents: request.documents.map((document) => (typeof document === "string" ? document : textOf(document))),
    };
    if (request.topN !== undefined) body[predict ? "top_k" : "top_n"] = request.topN;
    const dropped: string[] = [];
    if (request.dialect === "cohere") Object.assign(body, request.extra);
    else dropped.push(...Object.keys(request.extra ?? {}));
    return { body, headers: {}, dropped };
  },

  decode(body) {
    const answer = shape(body);
    const found = answer["results"] ?? answer["data"];
    if (!Array.isArray(found)) {
      throw new GatewayError("upstream_protocol", "the provider's answer has no results", { source: "provider" });
    }
    const results = found.flatMap((item) => {
      const { index, relevance_score: score } = shape(item);
      return count(index) === undefined || typeof score !== "number" ? [] : [{ index: index as number, score }];
    });
    const meta = shape(answer["meta"]);
    const input = count(shape(answer["usage"])["total_tokens"]);
    return {
      id: words(answer["id"]),
      results,
      searches: count(shape(meta["billed_units"])["search_units"]),
      usage: decodeUsage(meta) ?? (input === undefined ? undefined : { input, output: 0 }),
    };
  },

  parse(body) {
    const source = requestBody(body);
    const listed = optionalList(source, "documents") ?? refuse("documents", "is required and must be an array");
    if (listed.length === 0) refuse("documents", "must hold at least one document");
    const documents = listed.map((value, index) => {
      if (typeof value === "string") return value;
      return isObject(value) ? jsonObject(value) : refuse(`documents[${index}]`, "must be a string or an object");
    });
    const request: Mutable<RerankRequest> = {
      dialect: "cohere",
      model: requiredText(source, "model"),
      query: requiredText(source, "query"),
      documents,
    };
    const topN = optionalInteger(source, "top_n", 1);
    if (topN !== undefined) request.topN = topN;
    const whole = optionalFlag(source, "return_documents");
    if (whole !== undefined) request.returnDocuments = whole;
    const extra = unknownFields(source, knownFields);
    if (extra !== undefined) request.extra = extra;
    return request;
  },

  render({ id, results, searches }, context): JsonObject {
    const { request } = context;
    const whole = request?.returnDocuments === true ? request.documents : undefined;
    return {
      id: id ?? context.id,
      results: results.map(({ index, score }) => {
        const found = whole?.[index];
        const document = found === undefined ? {} : { document: typeof found === "string" ? { text: found } : found };
        return { index, relevance_score: score, ...document };
      }),
      meta: { api_version: { version: "2" }, billed_units: { search_units: searches ?? 1 } },
    };
  },
};

function textOf(document: JsonObject): string {
  const { text } = document;
  return typeof text === "string" && list(Object.keys(document)).length === 1 ? text : JSON.stringify(json(document));
}
