/**
 * What a batch, a film or a response in the background came to, in place of what it was charged when it was begun: one adjusting entry, written once however often and
 * by however many it is asked for, since the mark that it was written is in the same transaction.
 */
import { randomUUID } from "node:crypto";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { settlementFlag } from "../rows.ts";
import type { StateWriter } from "../state-writer.ts";
import type { Command, CommandResult } from "./command.ts";
import { insert, result, run } from "./common.ts";

export type Correction = {
  readonly of: "batch" | "film" | "response";
  readonly holdId: string;
  readonly request: string;
  readonly target: string;
  readonly toNano: number;
  /** What of it is known by an estimate only. */
  readonly isEstimate: boolean;
  readonly input: number;
  readonly output: number;
  /** Requests that were served, of all that there are results of. */
  readonly served: number;
  readonly results: number;
};

type Charge = {
  at: number;
  key_id: number;
  scopes: string;
  cost_nano: number | null;
  adjusted_nano: number;
  model: string | null;
};

export function correct(writer: StateWriter, { entry }: Command & { kind: "correct" }, actor: string): CommandResult {
  const { of: route, holdId, request, target, toNano, isEstimate, ...used } = entry;
  const charge = writer.database
    .prepare(
      `SELECT at, key_id, scopes, cost_nano, adjusted_nano, corrected_seq, iif(record = '', NULL, record ->> '$.model') AS model
       FROM batch_charges JOIN records USING (seq) WHERE batch_charges.hold_id = ?`,
    )
    .get(holdId) as (Charge & { corrected_seq: number | null }) | undefined;
  if (charge === undefined) throw new GatewayError("not_found", `nothing is settled as ${holdId} yet`);
  if (charge.corrected_seq !== null) return result(writer);
  const fromNano = (charge.cost_nano ?? 0) + charge.adjusted_nano;
  const deltaNano = toNano - fromNano;
  const { at, key_id: keyId, scopes, model } = charge;
  const text = JSON.stringify({
    ...{ route, request, adjusts: holdId, target, model: model ?? undefined, from: fromNano, to: toNano },
    ...(isEstimate ? { estimated: true } : {}),
    ...{ ...used, actor },
  });
  writer.append(`adj_${randomUUID()}`, at, keyId, scopes, deltaNano, 0, settlementFlag.adjusting, text);
  const { seq } = writer.head;
  insert(writer, "INSERT INTO unsummed (first_seq, last_seq) VALUES (?, ?)", seq, seq);
  run(writer, "UPDATE batch_charges SET corrected_seq = ? WHERE hold_id = ?", seq, holdId);
  const adjusted = { holdId, at, keyId, scopes, deltaNano, request, target, fromNano, toNano };
  return { ...result(writer), adjusted };
}
