/**
 * What a batch came to, seen where its end or its results go by on their way to whoever asks for them. Hides how results are
 * priced, that half of them prove nothing, and that the client has all of them only when the ledger has what they cost.
 */
import { cost } from "../../providers/catalog/cost.ts";
import type { Price } from "../../providers/catalog/price.ts";
import { type BatchResult, batchReaders } from "../../providers/dialects/batch-results.ts";
import type { BatchNote } from "../store/batches.ts";
import type { Correction } from "../store/commands/correct.ts";
import { halfPrice } from "./batch-cost.ts";
import type { Exchange } from "./exchange.ts";
import { splitId } from "./object-ids.ts";
import type { Plane } from "./plane.ts";

/** A result with its answer; a longer one is not looked at, and the batch stays as it was estimated. */
const resultBytesMax = 16 * 1024 * 1024;

export type ResultWatch = {
  push(bytes: Buffer): void;
  /** All have gone by. Resolves when they are charged for, or cannot be. */
  end(): Promise<void>;
};

type Tally = { add(result: BatchResult | undefined): void; readonly entry: () => Correction | undefined };

/** Every line of a file of results, whatever the chunks. */
export function watchResults(exchange: Exchange, provider: string, plane: Plane): ResultWatch | undefined {
  const note = exchange.batchNote;
  const reader = batchReaders[exchange.route.dialect.id];
  if (note === undefined || reader === undefined) return undefined;
  const tally = createTally(exchange, provider, note);
  let begun: Buffer[] = [];
  let length = 0;
  let isRead = true;

  function line(): void {
    const text = Buffer.concat(begun).toString("utf8").trim();
    [begun, length] = [[], 0];
    if (text === "") return;
    try {
      tally.add(reader!.result(JSON.parse(text) as Readonly<Record<string, unknown>>));
    } catch {
      isRead = false;
    }
  }

  return {
    push(bytes) {
      let rest = bytes;
      while (isRead) {
        const end = rest.indexOf(0x0a);
        const part = end < 0 ? rest : rest.subarray(0, end);
        begun.push(part);
        length += part.length;
        if (length > resultBytesMax) {
          isRead = false;
          begun = [];
        }
        if (end < 0) return;
        line();
        rest = rest.subarray(end + 1);
      }
    },
    async end() {
      if (isRead) line();
      const entry = isRead ? tally.entry() : undefined;
      // Where each request has a result, one that is missing was lost on the way.
      const isWhole = exchange.route.operation !== "batches" || note.requests === 0 || entry?.results === note.requests;
      if (entry !== undefined && isWhole) await charge(exchange, entry, plane);
    },
  };
}

/** A batch that was asked about: what it says of its own end. */
export async function sawBatch(exchange: Exchange, provider: string, told: unknown, plane: Plane): Promise<void> {
  const note = exchange.batchNote;
  const end = batchReaders[exchange.route.dialect.id]?.end(told as Readonly<Record<string, unknown>>);
  if (note === undefined || end === undefined) return;
  if (end.file !== undefined) await plane.responses.note("batch", provider, [splitId(end.file).id], note);
  const tally = createTally(exchange, provider, note);
  if (end.results !== undefined) for (const result of end.results) tally.add(result);
  else if (end.usage !== undefined && isSummable(note)) tally.add({ model: note.models[0]!.name, usage: end.usage });
  else if (!end.servedNone) return;
  const entry = tally.entry();
  if (entry !== undefined) await charge(exchange, entry, plane);
}

/** The sum of what was used tells what it costs only where every request has the same rates, and neither it nor a tool a price by itself. */
function isSummable({ models, tools }: BatchNote): boolean {
  if (tools === true) return false;
  const [only, ...others] = models;
  if (only === undefined || others.length > 0) return false;
  return only.free || (only.price !== null && only.price.tiers.length === 0 && only.price.request === undefined);
}

function createTally({ generation }: Exchange, provider: string, note: BatchNote): Tally {
  let [nano, input, output, served, results] = [0, 0, 0, 0, 0];
  let isEstimate = false;
  let isPriced = true;

  function priceOf(model: string | undefined): Price | "free" | undefined {
    const { models, at } = note;
    const known =
      models.find(({ name }) => name === model) ??
      models.filter(({ name }) => model?.startsWith(name)).toSorted((a, b) => b.name.length - a.name.length)[0] ??
      (models.length === 1 ? models[0] : undefined);
    if (known !== undefined) return known.free ? "free" : (known.price ?? undefined);
    return model === undefined ? undefined : generation.catalog.price(provider, model, at);
  }

  return {
    add(result) {
      results += 1;
      if (result === undefined) return;
      served += 1;
      const { model, usage } = result;
      const price = priceOf(model);
      input += usage?.input ?? 0;
      output += usage?.output ?? 0;
      if (price === "free") return;
      const found = usage === undefined ? undefined : cost(price, { ...usage, serviceTier: halfPrice });
      if (found === undefined && note.requests > 0 && note.costNano !== null) {
        nano += Math.ceil(note.costNano / note.requests); // its share of the estimate
        isEstimate = true;
      } else if (found === undefined || !("nano" in found)) isPriced = false;
      else {
        nano += found.nano;
        isEstimate ||= "partial" in found;
      }
    },
    entry: () => {
      const { holdId, request, target } = note;
      return isPriced
        ? { ...{ of: "batch", holdId, request, target, toNano: nano }, isEstimate, input, output, served, results }
        : undefined;
    },
  };
}

async function charge(exchange: Exchange, entry: Correction, plane: Plane): Promise<void> {
  await correctCharge(entry, plane);
  exchange.consumed = true;
}

/** What fails stands in the log, and is done when somebody asks again: the answer is the caller's all the same. */
export async function correctCharge(entry: Correction, plane: Plane): Promise<void> {
  try {
    await plane.state.durable(); // it may have been charged a moment ago
    await plane.correct(entry);
  } catch {
    // The disk, which every request that is to be charged tells of.
  }
}
