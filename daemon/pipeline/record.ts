/**
 * Stage: Exchange → its rows. One log row for `traffic.db` and one settlement-and-audit row for `state.db`, handed to
 * the senders; nothing here waits. Content is never in them.
 */

import type { Usage } from "../../providers/exchange.ts";
import { jsonText } from "../http/json-text.ts";
import { workerWord } from "../runtime/worker-protocol.ts";
import { contentLevel, requestFlag, settlementFlag } from "../store/rows.ts";
import type { RowValue } from "../store/sender.ts";
import { pushContent } from "./content.ts";
import type { Exchange } from "./exchange.ts";
import { parentOf, sessionOf, tagsOf, userOf } from "./labels.ts";
import type { Plane } from "./plane.ts";
import { spanText } from "./span.ts";
import { traceSkipped } from "./trace.ts";

/** An attempt that was not the last is closed by a row of its own, without an audit text. */
export function recordAttempt(exchange: Exchange, plane: Plane): void {
  const settlement = exchange.settlement;
  if (settlement === undefined) return;
  exchange.settlement = undefined;
  const caller = exchange.caller!;
  if (settlement.scopes === "") return; // nobody's balance: the log row has its cost
  plane.state.push(
    settlement.holdId,
    settlement.at,
    caller.keyId,
    settlement.scopes,
    settlement.costNano,
    settlement.tokens,
    settlement.flags,
    "",
  );
}

export function record(exchange: Exchange, plane: Plane): void {
  if (exchange.trip !== undefined) traceSkipped(exchange, exchange.trip);
  const settings = exchange.generation.data.record;
  const { caller, settlement } = exchange;
  const owed = settlement !== undefined && settlement.scopes !== "";
  const isProvisional = ((settlement?.flags ?? 0) & settlementFlag.provisional) !== 0; // what corrects it looks for it
  if (settings.audit || owed || isProvisional) {
    plane.state.push(
      settlement?.holdId ?? exchange.id,
      settlement?.at ?? Date.now(),
      caller?.keyId ?? 0,
      settlement?.scopes ?? "",
      settlement?.costNano ?? 0,
      settlement?.tokens ?? 0,
      (settlement?.flags ?? 0) | (owed ? 0 : settlementFlag.unheld),
      settings.audit ? auditText(exchange) : "",
    );
  }
  const isTapped = plane.words[workerWord.tap] !== 0;
  const { span } = exchange;
  const isTraced = span?.sampled === true;
  if (!settings.requests && !isTapped && !isTraced) return;
  const row = requestRow(exchange, settings.requests ? pushContent(exchange, plane) : contentLevel.off);
  if (settings.requests) plane.traffic.pushRow(row);
  if (isTapped || isTraced) plane.tap.take(row, isTraced ? spanText(span) : undefined);
}

/** Written out: as an object made a text it would take a microsecond more. */
export function auditText(exchange: Exchange): string {
  const { usage, view, target, error, settlement } = exchange;
  let text = `{"request":${jsonText(exchange.id)},"route":${jsonText(exchange.route.name)}`;
  if (view?.model !== undefined) text += `,"model":${jsonText(view.model)}`;
  if (target !== undefined) text += `,"target":${jsonText(target.name)}`;
  if (view !== undefined) text += `,"stream":${view.stream}`;
  if (settlement?.heldNano) text += `,"held":${settlement.heldNano}`;
  text += `,"status":${exchange.status}`;
  if (error !== undefined) text += `,"error":"${error.code}"`;
  if (usage === undefined) return `${text}}`;
  if (usage.input !== undefined) text += `,"input":${usage.input}`;
  if (usage.output !== undefined) text += `,"output":${usage.output}`;
  const parts = partsOf(usage);
  return parts === undefined ? `${text}}` : `${text},"parts":${JSON.stringify(parts)}}`;
}

/** What else was billed, so that a settled request can be priced anew; undefined for most. */
function partsOf(usage: Usage): Record<string, unknown> | undefined {
  let parts: Record<string, unknown> | undefined;
  for (const name in usage) {
    if (name === "input" || name === "output") continue;
    const value = usage[name as keyof Usage];
    if (value === undefined || value === 0) continue;
    parts ??= {};
    parts[name] = value;
  }
  return parts;
}

/** In the order of `requestColumns`. */
function requestRow(exchange: Exchange, content: number): RowValue[] {
  const { usage, target, view, ending } = exchange;
  const now = performance.now();
  const writes = (usage?.cacheWrite5m ?? 0) + (usage?.cacheWrite1h ?? 0);
  return [
    exchange.id,
    exchange.at,
    exchange.caller?.keyId ?? 0,
    exchange.route.name,
    exchange.route.dialect.id,
    target?.provider.name ?? null,
    view?.model ?? null,
    target?.name ?? null,
    exchange.credentialId ?? null,
    view?.stream ? 1 : 0,
    exchange.status,
    exchange.error?.code ?? null,
    round(now - exchange.startedAt),
    exchange.firstByteAt === 0 ? null : round(exchange.firstByteAt - exchange.startedAt),
    round(exchange.upstreamMs),
    usage?.input ?? null,
    usage?.output ?? null,
    usage?.cacheRead ?? null,
    writes === 0 ? null : writes,
    usage?.reasoning ?? null,
    exchange.costNano ?? null,
    exchange.settlementFlags |
      (exchange.truncated ? requestFlag.truncated : 0) |
      ((exchange.trip?.fallback ?? 0) > 0 ? requestFlag.fallback : 0),
    trailText(exchange),
    exchange.bytesIn,
    exchange.bytesOut,
    null, // team
    null, // customer
    userOf(exchange.request) ?? exchange.names?.endUser ?? null,
    sessionOf(exchange.request),
    tagsOf(exchange.request, exchange.names?.tags),
    exchange.span?.sampled ? exchange.span.traceId : null,
    content,
    exchange.heldNano === 0 ? null : exchange.heldNano,
    ending?.reason ?? null,
    ending === undefined || ending.tools.length === 0 ? null : JSON.stringify(ending.tools),
    parentOf(exchange.request),
    ending?.native ?? null,
    ending?.id ?? null,
    ending?.untold === undefined ? null : JSON.stringify(ending.untold),
    exchange.droppedHeader.length === 0 ? null : JSON.stringify(exchange.droppedHeader[1]!.split(",")),
  ];
}

/** The way through the targets, and how it was decided on where there was something to decide. */
function trailText({ attempts, trip }: Exchange): string | null {
  const decision = trip?.plan.decision?.();
  if (decision !== undefined) return JSON.stringify({ decision, attempts });
  const order = trip?.plan.order;
  if (order !== undefined)
    return attempts === undefined ? `{"order":${order}}` : `{"order":${order},"attempts":${JSON.stringify(attempts)}}`;
  return attempts === undefined ? null : JSON.stringify(attempts);
}

/** Milliseconds to a hundredth: finer is noise, and a long fraction is bytes in every row. */
function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
