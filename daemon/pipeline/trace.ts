/** What happened on a request's way, hop by hop, for its log row and `explain`. A way without a turn leaves no trace. */
import type { GatewayError } from "../../providers/gateway-error.ts";
import type { Trip } from "../routing/trip.ts";
import { settlementFlag } from "../store/rows.ts";
import type { AttemptTrace, Exchange } from "./exchange.ts";

/** What was settled last is this attempt's: each hands the one before it over to `recordAttempt`. */
export function trace(
  exchange: Exchange,
  trip: Trip,
  error: { readonly code: string; readonly details: GatewayError["details"] } | undefined,
): void {
  traceSkipped(exchange, trip);
  if (error === undefined && exchange.attempts === undefined && exchange.waitedMs === 0) return;
  const { settlement, waitedMs } = exchange;
  exchange.waitedMs = 0;
  const { provider, name } = trip.target;
  const priced = settlement !== undefined && (settlement.flags & settlementFlag.unpriced) === 0;
  exchange.attempts ??= [];
  exchange.attempts.push({
    target: name,
    ...(provider.credentials.length > 1 ? { credential: provider.credentials[trip.credential]!.id } : {}),
    reason: trip.reason,
    ...(error === undefined ? {} : { error: error.code }),
    ...(error?.details.upstreamStatus === undefined ? {} : { status: error.details.upstreamStatus }),
    ...(priced ? { costNano: settlement.costNano } : {}),
    ...(settlement === undefined ? {} : { heldNano: settlement.heldNano }),
    ...(waitedMs === 0 ? {} : { waitedMs: Math.round(waitedMs) }),
    ...(trip.startedAt === 0 ? {} : { startMs: Math.round(trip.startedAt - exchange.startedAt) }),
    ms: trip.startedAt === 0 ? 0 : Math.round(performance.now() - trip.startedAt),
  });
}

/** Another attempt for the same request was faster. */
export function traceOutpaced(exchange: Exchange, trip: Trip): void {
  trace(exchange, trip, outpaced);
}

const outpaced = { code: "outpaced", details: {} } as const;

/** A second attempt that was due, but not admitted. */
export function traceRefused(exchange: Exchange, { target, reason }: Trip, error: GatewayError): void {
  exchange.attempts ??= [];
  exchange.attempts.push({ target: target.name, reason, error: error.code });
}

/** Targets that were left out come in the trail where they would have been asked. */
export function traceSkipped(exchange: Exchange, trip: Trip): void {
  const { skipped } = trip;
  if (skipped === undefined) return;
  trip.skipped = undefined;
  exchange.attempts ??= [];
  for (const { target, why } of skipped) {
    exchange.attempts.push({ target, reason: "skipped", error: why } satisfies AttemptTrace);
  }
}
