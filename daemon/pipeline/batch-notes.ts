/**
 * What is remembered of a batch and of its file once the provider has them. Hides where the answers tell their ids, and that
 * the client hears of them only when that is on disk: what is known to exist is known with its cost.
 */

import type { BatchNote } from "../store/batches.ts";
import type { Lease } from "./admit.ts";
import type { AttemptResult } from "./attempt.ts";
import { sawBatch } from "./batch-ends.ts";
import type { Exchange } from "./exchange.ts";
import { splitId } from "./object-ids.ts";
import { namedIds } from "./objects.ts";
import type { Plane } from "./plane.ts";
import { isProvisional } from "./settle.ts";

export async function noted(
  exchange: Exchange,
  lease: Lease,
  plane: Plane,
  result: AttemptResult,
): Promise<AttemptResult> {
  const { batch, batchFile, batchNote, request, route } = exchange;
  const { target } = lease;
  const { responses } = plane;
  if (result.answer !== undefined && result.answer.status < 300) {
    if (batch !== undefined && isProvisional(exchange)) await noteBatch(exchange, lease, plane, parsed(result));
    else if (batchNote !== undefined) await sawBatch(exchange, target.provider.name, parsed(result), plane);
  }
  const isUpload = request.method === "POST" && (route.operation === "files" || route.operation === "uploads");
  if (!isUpload || batchFile === undefined || result.answer === undefined || result.answer.status >= 300) return result;
  const id = fileIn(parsed(result));
  if (id !== undefined) await responses.note("batch_file", target.provider.name, [splitId(id).id], batchFile);
  return result;
}

/** What is known of the batch that a call is about, or whose results it asks for. */
export async function findBatch(exchange: Exchange, provider: string, { responses }: Plane): Promise<void> {
  const { request, rest, route } = exchange;
  if (request.method !== "GET" || rest === "" || (route.operation !== "batches" && !isDownload(exchange))) return;
  const [id] = namedIds(exchange);
  if (id !== undefined) exchange.batchNote = await responses.findNote("batch", provider, id);
}

function isDownload({ rest, route }: Exchange): boolean {
  return route.operation === "files" && route.family?.raw?.test(rest) === true;
}

async function noteBatch(exchange: Exchange, { target, holdId }: Lease, plane: Plane, told: Told): Promise<void> {
  const { at, batch, id: request } = exchange;
  const id = told.name ?? told.id;
  if (typeof id !== "string") return;
  const { models, costNano } = batch!;
  const note: BatchNote = {
    ...{ holdId, request, at, target: target.name },
    requests: models.reduce((sum, { sum: { requests } }) => sum + requests, 0),
    costNano: costNano ?? null,
    tools: models.some(({ sum: { tools } }) => tools !== undefined),
    models: models.map(({ target: { deployment, free }, price }) => ({ name: deployment, free, price: price ?? null })),
  };
  await plane.responses.note("batch", target.provider.name, [splitId(id).id], note);
  await plane.state.durable(); // its hold: after a crash there is something to correct
}

type Told = { readonly id?: unknown; readonly name?: unknown; readonly file?: { readonly name?: unknown } };

function parsed({ answer }: AttemptResult): Told {
  return JSON.parse(answer!.body.toString("utf8")) as Told;
}

/** As OpenAI and Google tell it. */
function fileIn(told: Told): string | undefined {
  const id = told.file?.name ?? told.id;
  return typeof id === "string" ? id : undefined;
}
