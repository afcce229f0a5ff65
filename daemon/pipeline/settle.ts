/**
 * Stage: what was used → Lease closed. Hides when a cost is exact and when it is an estimate: an attempt that was
 * sent in full and never told its usage costs at least its input, and one the upstream refused costs nothing.
 */
import { cost } from "../../providers/catalog/cost.ts";
import { isByPiece } from "../../providers/catalog/price.ts";
import type { Ending, Usage } from "../../providers/exchange.ts";
import type { Ledger } from "../governance/ledger.ts";
import { LockTimeout } from "../governance/lock.ts";
import { settlementFlag } from "../store/rows.ts";
import { costsNothing, generates, type Lease } from "./admit.ts";
import type { Exchange } from "./exchange.ts";
import type { Plane } from "./plane.ts";
import { unitsUsed } from "./units.ts";

export type AttemptEnd = {
  /** The request reached the upstream. */
  readonly sent: boolean;
  /** The upstream answered with a failure instead of an answer: nothing was generated. */
  readonly refused: boolean;
  readonly usage: Usage | undefined;
  /** The answer came to its end. Before that a count of output is what there was so far (Anthropic begins with one). */
  readonly finished: boolean;
  readonly outputBytes: number;
  readonly ending?: Ending | undefined;
};

const lockRetryMs = 100;

/** A visible token is about four bytes; used only where the upstream never told. */
const bytesPerOutputToken = 4;

/** Returns this attempt's cost in nano-dollars; undefined: unpriced. */
export function settle(exchange: Exchange, lease: Lease, end: AttemptEnd, plane: Plane): number | undefined {
  if (lease.settled) return 0;
  lease.settled = true;
  const { target } = lease;
  let flags = 0;
  let costNano: number | undefined = 0;
  let tokens = 0;
  if (end.sent && !end.refused) {
    const { known, usage, costNano: quoted, isEstimate } = quote(exchange, lease, end);
    costNano = quoted;
    tokens = (usage.input ?? 0) + (usage.output ?? 0);
    if (costNano === undefined) flags |= settlementFlag.unpriced;
    if (isEstimate) flags |= settlementFlag.estimated;
    if (isProvisional(exchange) || (isEstimate && goesOn(exchange))) flags |= settlementFlag.provisional;
    exchange.usage = usage;
    exchange.ending = end.ending;
    // Of what was said in turns before, the bytes came then.
    const before = exchange.contextTokens;
    const come = before === 0 ? usage : { ...usage, input: Math.max(0, (usage.input ?? 0) - before) };
    if (known) plane.estimator.observe(target.name, exchange.bytesIn, come, exchange.caller!.keyId);
  }
  // One moment for memory and disk, or a window could end between them.
  let at = Date.now();
  if (lease.hold >= 0) at = close(plane.ledger, lease.hold, at, costNano ?? 0, tokens);
  exchange.settlementFlags |= flags;
  exchange.heldNano += lease.heldNano;
  exchange.costNano =
    costNano === undefined || exchange.costNano === undefined ? undefined : exchange.costNano + costNano;
  exchange.settlement = {
    holdId: lease.holdId,
    at,
    costNano: costNano ?? 0,
    tokens,
    flags,
    heldNano: lease.heldNano,
    scopes: lease.scopes,
  };
  return costNano;
}

/** Returns when it counted. Whoever has the lock may have died with it: until that is mended it is tried again. */
function close(ledger: Ledger, hold: number, at: number, costNano: number, tokens: number): number {
  try {
    return ledger.settle(hold, at, costNano, tokens) ? ledger.settled.atMs : at;
  } catch (error) {
    if (!(error instanceof LockTimeout)) throw error;
    setTimeout(close, lockRetryMs, ledger, hold, at, costNano, tokens);
    return at;
  }
}

/** What it comes to is told later: of a batch, of a film. What a cache costs is never told. */
export function isProvisional({ batch, film, route }: Exchange): boolean {
  return film !== undefined || (batch !== undefined && route.family?.models !== "member");
}

/** Whether it is answered or not. */
function goesOn({ view, route }: Exchange): boolean {
  return view?.background === true && generates(route);
}

export type Quote = Used & { readonly costNano: number | undefined; readonly isEstimate: boolean };

/** What an attempt that was sent costs, by what is known of it. */
export function quote(exchange: Exchange, lease: Lease, end: AttemptEnd): Quote {
  const { batch } = exchange;
  if (batch !== undefined) return { known: false, usage: batch.usage, costNano: batch.costNano, isEstimate: true };
  const { known, usage } = used(exchange, lease, end);
  if (lease.target.free || costsNothing(exchange.route)) return { known, usage, costNano: 0, isEstimate: !known };
  const result = cost(lease.price, usage);
  if (!("nano" in result)) return { known, usage, costNano: undefined, isEstimate: !known };
  return {
    known,
    usage,
    costNano: result.nano,
    isEstimate: !known || "partial" in result || isUntold(exchange, lease, usage),
  };
}

/** The provider ran something whose cost its answer does not tell, or not to the minute; or may have searched for a fee. */
function isUntold({ marks }: Exchange, { price }: Lease, { containerGb = 0, serverToolRequests }: Usage): boolean {
  const tools = marks?.tools;
  if (tools?.searches === true && serverToolRequests === undefined && price?.serverTool !== 0) return true;
  return tools?.unpriced !== undefined || containerGb > 0;
}

type Used = { readonly known: boolean; readonly usage: Usage };

function used(exchange: Exchange, lease: Lease, end: AttemptEnd): Used {
  const { price, units } = lease;
  const pieces = units === undefined ? undefined : unitsUsed(exchange, units, end.usage);
  // Tokens are not what is billed; those that were told are kept for the row.
  if (pieces !== undefined && price !== undefined && isByPiece(price))
    return { known: end.finished && !pieces.isEstimate, usage: { ...end.usage, ...pieces.units } };
  const known =
    end.finished && end.usage?.input !== undefined && (end.usage.output !== undefined || !generates(exchange.route));
  const usage: Usage = known
    ? { output: 0, ...end.usage, ...pieces?.units }
    : {
        ...end.usage,
        ...pieces?.units,
        input: end.usage?.input ?? lease.inputTokens,
        output: Math.max(
          end.usage?.output ?? 0,
          goesOn(exchange) ? lease.outputTokens : estimatedOutput(exchange, lease, end),
        ),
      };
  return { known, usage };
}

/** Bytes that went by, in tokens; never more than the cap that was sent, since the upstream could not bill more. */
function estimatedOutput(exchange: Exchange, lease: Lease, { outputBytes }: AttemptEnd): number {
  const tokens = Math.ceil(outputBytes / bytesPerOutputToken);
  const capped = exchange.view?.maxTokens !== undefined || lease.injectCap !== undefined;
  return capped ? Math.min(tokens, lease.outputTokens) : tokens;
}
