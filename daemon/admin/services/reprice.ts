/**
 * Settled requests at the prices of today. Hides how their usage is found again, and that the ledger is adjusted first, on
 * disk, then the balances in memory, then the sums: what is adjusted once needs nothing the second time.
 */
import { type Catalog, openCatalog } from "../../../providers/catalog/catalog.ts";
import { cost } from "../../../providers/catalog/cost.ts";
import type { Usage } from "../../../providers/exchange.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { hostFor } from "../../../providers/hosts.ts";
import type { GenerationData } from "../../config/generation.ts";
import { followPrices } from "../../config/price-table.ts";
import type { Adjustment } from "../../store/commands/adjust.ts";
import type { Correction } from "../../store/commands/correct.ts";
import { lastRecord } from "../../store/last-record.ts";
import type { SettledPage, SettledRow } from "../../store/reprice-page.ts";
import type { Action } from "../admin-services.ts";
import type { RepriceAnswer, RepriceRequest } from "../contract/reprice.ts";
import type { Tell } from "../route.ts";
import type { StoreAccess } from "./store-access.ts";
import { finishSums, type Sums } from "./unsummed.ts";

/** What an entry says it is for that is for no price. */
const corrections: ReadonlySet<string> = new Set(["batch", "film", "response"] satisfies Correction["of"][]);

export type RepriceOptions = {
  readonly access: StoreAccess;
  readonly generation: () => GenerationData | Promise<GenerationData>;
  /** Balances in memory, of entries that are on disk. */
  readonly apply: (entries: readonly Adjustment[]) => void;
  /** Sums of the log. */
  readonly sums: Sums;
  /** What an earlier run could not finish is finished at once, not when somebody prices anew. */
  readonly resumes?: boolean;
};

const pageRows = 5_000;
const commandRows = 500;
/** Held in memory at once; a longer time is done in parts. */
const differencesMax = 500_000;

export async function reprice(
  { access, generation, apply, sums }: RepriceOptions,
  request: RepriceRequest,
  action: Action,
  tell?: Tell,
): Promise<RepriceAnswer> {
  const pricer = createPricer(await generation());
  const found = await compare(access, pricer, request, tell);
  const entries = [...found.entries.values()].filter(({ deltaNano }) => deltaNano !== 0);
  const byModel = new Map<string, { requests: number; before: number; after: number }>();
  for (const { target, fromNano, toNano } of entries) {
    const sum = byModel.get(target) ?? { requests: 0, before: 0, after: 0 };
    byModel.set(target, { requests: sum.requests + 1, before: sum.before + fromNano, after: sum.after + toNano });
  }
  if (request.dry_run !== true) {
    await finishSums(access, sums, action.actor);
    for (let at = 0; at < entries.length; at += commandRows) {
      const some = entries.slice(at, at + commandRows);
      await access.execute({ kind: "adjust", entries: some }, action.actor);
      apply(some);
      await finishSums(access, sums, action.actor);
      tell?.(Math.min(entries.length, at + commandRows), entries.length);
    }
  }
  return {
    dry_run: request.dry_run === true,
    prices: pricer.date,
    looked_at: found.lookedAt,
    skipped: found.skipped,
    adjusted: entries.length,
    difference_nano: entries.reduce((sum, { deltaNano }) => sum + deltaNano, 0),
    models: [...byModel]
      .toSorted((one, other) => (one[0] < other[0] ? -1 : 1))
      .map(([model, { requests, before, after }]) => ({
        ...{ model, requests, before_nano: before, after_nano: after, difference_nano: after - before },
      })),
  };
}

type Compared = { readonly entries: Map<string, Adjustment>; readonly lookedAt: number; readonly skipped: number };

async function compare(
  access: StoreAccess,
  pricer: Pricer,
  request: RepriceRequest,
  tell: Tell | undefined,
): Promise<Compared> {
  const entries = new Map<string, Adjustment>();
  let [lookedAt, skipped] = [0, 0];
  const total = tell === undefined ? 0 : lastRecord(access.database());
  let after: number | undefined = 0;
  while (after !== undefined) {
    const page: SettledPage = await access.query({
      ...{ kind: "settled_page", after, limit: pageRows },
      ...{ sinceMs: request.since_ms, untilMs: request.until_ms },
    });
    for (const row of page.rows) {
      const said = JSON.parse(row.record) as Said;
      if (said.target === undefined || (request.model !== undefined && said.target !== request.model)) continue;
      if (said.adjusts !== undefined && corrections.has(said.route ?? "")) {
        // A batch's requests were priced by what each used: of that only the sum is known here. A film was given back.
        if (entries.delete(said.adjusts)) skipped += 1;
        continue;
      }
      if (said.adjusts !== undefined) {
        corrected(entries, said.adjusts, row.costNano);
        continue;
      }
      if (said.recovered === true || !wasServed(said)) continue;
      lookedAt += 1;
      const toNano = pricer.price(said, row.at);
      if (toNano === undefined) skipped += 1;
      else entries.set(row.holdId, entryOf(row, said, toNano));
      if (entries.size > differencesMax) throw tooMany();
    }
    after = page.after;
    if (after !== undefined) tell?.(after, total);
  }
  return { entries, lookedAt, skipped };
}

function entryOf(row: SettledRow, { request, target, model }: Said, toNano: number): Adjustment {
  const { holdId, at, keyId, scopes, costNano } = row;
  const bare = { holdId, at, keyId, scopes, request: request ?? holdId, target: target!, model };
  return { ...bare, fromNano: costNano, toNano, deltaNano: toNano - costNano };
}

/** It was adjusted before: that counts as charged. */
function corrected(entries: Map<string, Adjustment>, holdId: string, nano: number): void {
  const entry = entries.get(holdId);
  if (entry === undefined) return;
  const fromNano = entry.fromNano + nano;
  entries.set(holdId, { ...entry, fromNano, deltaNano: entry.toNano - fromNano });
}

/** What an audit record says of a request. */
type Said = {
  readonly request?: string;
  readonly route?: string;
  readonly target?: string;
  readonly model?: string;
  readonly adjusts?: string;
  readonly recovered?: true;
  readonly input?: number;
  readonly output?: number;
  readonly parts?: Usage;
};

/** Where nothing is said of what was used, nothing was charged. */
function wasServed({ input, output, parts, route }: Said): boolean {
  return (
    (input !== undefined || output !== undefined || parts !== undefined) && route?.endsWith("count_tokens") !== true
  );
}

type Pricer = { readonly date: string; price(said: Said, atMs: number): number | undefined };

function createPricer(generation: GenerationData): Pricer {
  followPrices(generation.importedPrices);
  const hosts = generation.providers.map(({ name, host, dialect }) => [name, hostFor(host, dialect).catalog ?? host]);
  const catalog: Catalog = openCatalog(generation.prices, Object.fromEntries(hosts));
  const free = new Map(generation.providers.map((provider) => [provider.name, provider.free]));
  return {
    date: catalog.date,
    price({ target, input, output, parts }, atMs) {
      const slash = target!.indexOf("/");
      const provider = target!.slice(0, slash);
      const isFree = free.get(provider);
      if (isFree === undefined) return undefined;
      if (isFree) return 0;
      const result = cost(catalog.price(provider, target!.slice(slash + 1), atMs), { input, output, ...parts });
      return "nano" in result ? result.nano : undefined;
    },
  };
}

function tooMany(): GatewayError {
  const message = `more than ${differencesMax} requests in this time; ask for a shorter one`;
  return new GatewayError("invalid_request", message, { param: "since_ms" });
}
