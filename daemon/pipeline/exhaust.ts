/**
 * What happens when money runs out: for a stream that outruns what was set aside for it, and for a request that its
 * budget does not cover. Hides estimates; costs a comparison a chunk, and nothing where answers are let finish.
 */
import { costBound } from "../../providers/catalog/cost.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Trip } from "../routing/trip.ts";
import { generates, type Lease } from "./admit.ts";
import type { Exchange } from "./exchange.ts";
import type { Plane } from "./plane.ts";
import { route } from "./route.ts";

/** A visible token is about four bytes: the same measure as in `settle`. */
const bytesPerOutputToken = 4;

/** Only where no cap bounds the answer: one that was sent has been set aside in full. */
export function watchHold(exchange: Exchange, lease: Lease, plane: Plane): void {
  const { onExhaust } = exchange.generation.data.ledger;
  exchange.outputBytesMax = Number.POSITIVE_INFINITY;
  if (onExhaust === "finish" || lease.heldNano === 0 || !generates(exchange.route)) return;
  if (exchange.view?.maxTokens !== undefined || lease.injectCap !== undefined) return;
  const step = Math.max(1, lease.outputTokens);
  exchange.outputBytesMax = step * bytesPerOutputToken;
  exchange.onExhausted = () => {
    const more = costBound(lease.price, { input: 0, output: step, dearest: false }) ?? 0;
    const mayGoOn = onExhaust === "extend" && plane.ledger.extend(lease.hold, Date.now(), more);
    if (!mayGoOn) return cut();
    lease.heldNano += more;
    exchange.outputBytesMax += step * bytesPerOutputToken;
    return undefined;
  };
}

function cut(): GatewayError {
  return new GatewayError(
    "budget_exceeded",
    "the answer outran what was set aside for it, and was cut; send max_tokens to have its whole length set aside",
    { source: "gateway" },
  );
}

/** The way to cheaper models, once, for a request that its budget does not cover. */
export function downgrade(exchange: Exchange, error: unknown, plane: Plane): Trip | undefined {
  const { downgrades } = exchange.generation.data.ledger;
  const model = exchange.view?.model;
  if (downgrades === undefined || model === undefined || exchange.isDowngraded || exchange.released) return undefined;
  if (!(error instanceof GatewayError) || error.code !== "budget_exceeded") return undefined;
  const [first, ...rest] = Object.hasOwn(downgrades, model) ? downgrades[model]! : (downgrades["*"] ?? []);
  if (first === undefined) return undefined;
  exchange.isDowngraded = true;
  return route(exchange, plane, { model: first, fallbacks: rest });
}
