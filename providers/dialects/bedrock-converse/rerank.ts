/**
 * Bedrock's own rankings, as its clients for agents ask for them: one query, and sources that are texts or objects. Hides
 * that the model is an ARN deep in the body. Nobody is asked in these words: where Bedrock ranks it is invoked.
 * Shapes: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html
 */
import type { JsonObject, PathWords, RerankAnswer, RerankRequest } from "../../exchange.ts";
import { isObject, jsonObject, type Mutable, type Shape, shape } from "../../json.ts";
import { optionalInteger, optionalList, refuse, requestBody, requiredText, unknownFields } from "../strict.ts";

const configuration = "rerankingConfiguration.bedrockRerankingConfiguration";
const knownFields: ReadonlySet<string> = new Set(["queries", "sources", "rerankingConfiguration"]);

export function parseRerank(body: unknown, path?: PathWords): RerankRequest {
  const source = requestBody(body);
  const queries = optionalList(source, "queries") ?? refuse("queries", "is required and must be an array");
  if (queries.length !== 1) refuse("queries", "must hold exactly one query");
  const sources = optionalList(source, "sources") ?? refuse("sources", "is required and must be an array");
  if (sources.length === 0) refuse("sources", "must hold at least one source");
  const { numberOfResults, modelConfiguration } = settingsOf(body);
  const request: Mutable<RerankRequest> = {
    dialect: "bedrock-converse",
    model: path!.model,
    query: textIn(shape(queries[0])["textQuery"], "queries[0].textQuery.text"),
    documents: sources.map((each, index) => documentOf(shape(each)["inlineDocumentSource"], `sources[${index}]`)),
  };
  if (numberOfResults !== undefined) request.topN = optionalInteger({ numberOfResults }, "numberOfResults", 1)!;
  const more = shape(modelConfiguration)["additionalModelRequestFields"];
  const extra = { ...unknownFields(source, knownFields), ...(isObject(more) ? jsonObject(more) : {}) };
  if (Object.keys(extra).length > 0) request.extra = extra;
  return request;
}

function documentOf(value: unknown, where: string): string | JsonObject {
  const { textDocument, jsonDocument } = shape(value);
  if (isObject(jsonDocument)) return jsonObject(jsonDocument);
  return textIn(textDocument, `${where}.inlineDocumentSource.textDocument.text`);
}

function textIn(value: unknown, where: string): string {
  const { text } = shape(value);
  return typeof text === "string" ? text : refuse(where, "is required and must be a string");
}

function settingsOf(body: unknown): Shape {
  return shape(shape(shape(body)["rerankingConfiguration"])["bedrockRerankingConfiguration"]);
}

/** The model that a request asks for, by the last part of its ARN; a name of ours is taken as it is. */
export function rerankModel(body: unknown): string {
  const { modelArn } = shape(settingsOf(body)["modelConfiguration"]);
  const arn = requiredText({ modelArn }, "modelArn");
  const [, name] = /^arn:[a-z-]+:bedrock:[^:]*:\d*:foundation-model\/(.+)$/.exec(arn) ?? [];
  return name ?? (arn === "" ? refuse(`${configuration}.modelConfiguration.modelArn`, "is required") : arn);
}

export function renderRerank({ results }: RerankAnswer): JsonObject {
  return { results: results.map(({ index, score }) => ({ index, relevanceScore: score })) };
}
