/**
 * Responses that are made in the background: the call that begins one hears no more than its id. Hides that it is charged by
 * the most that it may cost, and corrected by what it came to when that is asked for, once.
 */
import { cost } from "../../providers/catalog/cost.ts";
import { parseJson, shape } from "../../providers/json.ts";
import { settlementFlag } from "../store/rows.ts";
import type { AttemptResult } from "./attempt.ts";
import { correctCharge } from "./batch-ends.ts";
import type { Exchange } from "./exchange.ts";
import type { Plane } from "./plane.ts";

/** It has begun, and was charged without anybody telling what it takes. */
export async function keepBackground(exchange: Exchange, answer: Buffer, plane: Plane): Promise<void> {
  const { at, generation, id: request, settlement, target } = exchange;
  const { id } = shape(parseJson(answer.toString("utf8")));
  if (typeof id !== "string" || settlement === undefined || (settlement.flags & settlementFlag.provisional) === 0)
    return;
  const { deployment: name, free, model, name: told, provider } = target!;
  const price = generation.catalog.price(provider.name, model, at) ?? null;
  const { costNano, holdId } = settlement;
  const note = { holdId, request, at, target: told, requests: 1, costNano, models: [{ name, free, price }] };
  // It was begun and paid for: whoever asked gets its id, even if what follows from this note is lost.
  await plane.responses.note("batch", provider.name, [id], note).catch(() => {});
}

/** What was asked about tells what it took. */
export async function sawResponse(
  { request, stored, target }: Exchange,
  result: AttemptResult,
  plane: Plane,
): Promise<void> {
  const { usage } = result;
  if (request.method !== "GET" || usage?.input === undefined || usage.output === undefined) return;
  const note = await plane.responses.findNote("batch", target!.provider.name, stored!.id).catch(() => undefined);
  const [model] = note?.models ?? [];
  if (note === undefined || model === undefined) return;
  const found = model.free ? { nano: 0 } : cost(model.price ?? undefined, usage);
  if (!("nano" in found)) return;
  const { holdId, request: begun, target: name } = note;
  const taken = { input: usage.input, output: usage.output, served: 1, results: 1 };
  const isEstimate = "partial" in found;
  await correctCharge(
    { of: "response", holdId, request: begun, target: name, toNano: found.nano, isEstimate, ...taken },
    plane,
  );
}
