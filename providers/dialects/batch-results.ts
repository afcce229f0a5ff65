/**
 * What is told of a batch once it has ended. Hides where each vendor says that it has, where its results are, and what one
 * of them used. What failed, expired or was cancelled used nothing.
 */
import type { DialectId, Usage } from "../exchange.ts";
import { count, isObject, list, type Shape, shape, words } from "../json.ts";
import { mergeUsage } from "./anthropic/usage.ts";
import { searchesIn } from "./gemini/grounding.ts";
import { decodeUsage as geminiUsage } from "./gemini/usage.ts";
import { decodeUsage as chatUsage } from "./openai-chat/usage.ts";
import { decodeUsage as responseUsage, usageOf } from "./openai-responses/usage.ts";

/** One result. Undefined: nothing was served. */
export type BatchResult = { readonly model: string | undefined; readonly usage: Usage | undefined };

export type BatchEnd = {
  /** None of its requests was served. */
  readonly servedNone: boolean;
  /** Of all of them together, where the vendor tells. */
  readonly usage?: Usage | undefined;
  /** Results that stand in the answer. */
  readonly results?: readonly (BatchResult | undefined)[];
  /** Where they are. */
  readonly file?: string | undefined;
};

type Reader = {
  /** Undefined: it has not ended. */
  readonly end: (batch: Shape) => BatchEnd | undefined;
  readonly result: (line: Shape) => BatchResult | undefined;
};

export const batchReaders: Readonly<Partial<Record<DialectId, Reader>>> = {
  "openai-chat": { end: openaiEnd, result: openaiResult },
  anthropic: { end: anthropicEnd, result: anthropicResult },
  gemini: { end: geminiEnd, result: geminiResult },
};

const ended: ReadonlySet<unknown> = new Set(["completed", "failed", "expired", "cancelled"]);

function openaiEnd(batch: Shape): BatchEnd | undefined {
  if (!ended.has(batch["status"])) return undefined;
  const file = words(batch["output_file_id"]);
  const completed = count(shape(batch["request_counts"])["completed"]);
  const isNone = completed === 0 || (completed === undefined && batch["status"] === "failed");
  if (file === undefined && isNone) return { servedNone: true };
  const usage = shape(batch["usage"]);
  // Zeros are what older batches tell.
  const isTold = (count(usage["total_tokens"]) ?? 0) > 0;
  return { servedNone: false, file, ...(isTold ? { usage: usageOf(usage) } : {}) };
}

function openaiResult({ response }: Shape): BatchResult | undefined {
  const { body, status_code: status } = shape(response);
  if (!isObject(body) || (typeof status === "number" && status >= 300)) return undefined;
  const told = "input_tokens" in shape(body["usage"]) ? responseUsage(body) : chatUsage(body["usage"]);
  return { model: words(body["model"]), usage: told };
}

function anthropicEnd(batch: Shape): BatchEnd | undefined {
  if (batch["processing_status"] !== "ended") return undefined;
  return { servedNone: count(shape(batch["request_counts"])["succeeded"]) === 0 };
}

function anthropicResult({ result }: Shape): BatchResult | undefined {
  const { type, message } = shape(result);
  if (type !== "succeeded") return undefined;
  const merged = mergeUsage();
  merged.add(shape(message)["usage"]);
  return { model: words(shape(message)["model"]), usage: merged.usage() };
}

function geminiEnd(batch: Shape): BatchEnd | undefined {
  if (batch["done"] !== true) return undefined;
  const output = isObject(batch["response"]) ? batch["response"] : shape(shape(batch["metadata"])["output"]);
  const file = words(output["responsesFile"]) ?? words(output["responses_file"]);
  if (file !== undefined) return { servedNone: false, file };
  const inline = shape(output["inlinedResponses"])["inlinedResponses"];
  if (Array.isArray(inline)) return { servedNone: false, results: inline.map((each) => geminiResult(shape(each))) };
  const failed =
    isObject(batch["error"]) || /_(?:FAILED|CANCELLED|EXPIRED)$/.test(String(shape(batch["metadata"])["state"]));
  return { servedNone: failed };
}

function geminiResult({ response }: Shape): BatchResult | undefined {
  if (!isObject(response)) return undefined;
  const tokens = count(response["tokenCount"]);
  const grounded = list(response["candidates"]).map((each) => searchesIn(shape(shape(each)["groundingMetadata"])));
  const usage =
    geminiUsage(response["usageMetadata"], Math.max(0, ...grounded)) ??
    (tokens === undefined ? undefined : { input: tokens, output: 0 });
  return { model: words(response["modelVersion"]), usage };
}
