/**
 * Proofs of thinking on their way: remembered where an answer has some and the next turn could go elsewhere, and left out
 * for whoever did not make them. Hides which dialect refuses what another has made: OpenAI's responses do, the others
 * take a proof of their vendor from any account, and would miss one that is left out.
 */
import type { Affinity, Binding } from "../routing/affinity.ts";
import {
  isSame,
  issuerOf,
  mayHoldProofs,
  type Pieces,
  rememberIssuer,
  rememberPieces,
  textMayHoldProofs,
} from "../routing/issuers.ts";
import type { Trip } from "../routing/trip.ts";
import type { Exchange } from "./exchange.ts";
import type { Plane } from "./plane.ts";

/** Where its next turn has a choice, and only there. */
export function watchProofs(exchange: Exchange, { plan }: Trip, plane: Plane): void {
  const hasChoice = plan.hops.length > 1 || plan.hops[0]!.target.provider.credentials.length > 1;
  if (!hasChoice || exchange.route.operation !== "chat") return;
  exchange.issuers = plane.routing.issuers;
  if (!exchange.view!.stream) return;
  const before = exchange.onFrames;
  let pieces: Pieces | undefined;
  exchange.onFrames = (frames, own) => {
    before?.(frames, own);
    if (!textMayHoldProofs(frames)) return;
    pieces ??= new Map();
    // What another attempt has begun to say is not gone on with.
    const { row, attempts } = own.trip!;
    rememberPieces(own.issuers!, frames, makerHere(own), own.at, pieces, `${row} ${attempts}`);
  };
}

/** Of a whole answer, as the client gets it. */
export function rememberProofs(exchange: Exchange, body: Buffer): void {
  if (exchange.issuers === undefined || !mayHoldProofs(body)) return;
  rememberIssuer(exchange.issuers, body.toString("latin1"), makerHere(exchange), exchange.at);
}

function makerHere({ trip }: Exchange): Binding {
  const { row, credential, target } = trip!;
  return { row, credential: target.provider.hashes[credential]! };
}

/** @param bytes as they would be sent, in OpenAI's responses. Undefined: nothing has to be left out. */
export function withoutForeignProofs(exchange: Exchange, bytes: Buffer): Buffer | undefined {
  const { trip, issuers } = exchange;
  const issuer = trip?.plan.issuer;
  if (issuer === undefined || issuers === undefined) return undefined;
  const here = makerHere(exchange);
  if (!issuer.isMixed && isSame(issuer, here)) return undefined;
  const request = JSON.parse(bytes.toString("utf8")) as { input?: unknown };
  if (!Array.isArray(request.input)) return undefined;
  const kept = request.input.filter((item) => {
    const maker = makerOf(item, issuers, exchange.at);
    return maker === undefined || isSame(maker, here);
  });
  if (kept.length === request.input.length) return undefined;
  // The id of what was said after a proof would ask for the proof.
  const input = kept.map((item) => (isSaid(item) ? { ...item, id: undefined } : item));
  return Buffer.from(JSON.stringify({ ...request, input }));
}

/** Of a reasoning item. What else is encrypted holds more than can be left out. */
function makerOf(item: unknown, issuers: Affinity, nowMs: number) {
  if (typeof item !== "object" || item === null) return undefined;
  const { type, encrypted_content: proof } = item as { readonly type?: unknown; readonly encrypted_content?: unknown };
  return type === "reasoning" && typeof proof === "string" ? issuerOf(issuers, proof, nowMs) : undefined;
}

function isSaid(item: unknown): item is { readonly id?: unknown } {
  if (typeof item !== "object" || item === null) return false;
  const { type, role } = item as { readonly type?: unknown; readonly role?: unknown };
  return type === "function_call" || (role === "assistant" && "id" in item);
}
