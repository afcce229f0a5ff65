/**
 * What is remembered of a batch's file once the provider has it. Hides where the answers tell its id, and that the client
 * hears of it only when it is on disk: a file that is known to exist is known with its cost.
 */
import type { Lease } from "./admit.ts";
import type { AttemptResult } from "./attempt.ts";
import type { Exchange } from "./exchange.ts";
import { splitId } from "./object-ids.ts";
import type { Plane } from "./plane.ts";

export async function noted(
  { batchFile, request, route }: Exchange,
  { target }: Lease,
  { responses }: Plane,
  result: AttemptResult,
): Promise<AttemptResult> {
  const isUpload = request.method === "POST" && (route.operation === "files" || route.operation === "uploads");
  if (!isUpload || batchFile === undefined || result.answer === undefined || result.answer.status >= 300) return result;
  const id = fileIn(JSON.parse(result.answer.body.toString("utf8")));
  if (id !== undefined) await responses.keepBatchFile(target.provider.name, splitId(id).id, batchFile);
  return result;
}

/** As OpenAI and Google tell it. */
function fileIn(told: { readonly id?: unknown; readonly file?: { readonly name?: unknown } }): string | undefined {
  const id = told.file?.name ?? told.id;
  return typeof id === "string" ? id : undefined;
}
