/**
 * Adjusting entries: the difference between what a settled request was charged and what it should have been, as records of
 * their own. The settled row stays as it is. An entry bears the time of the request, so it counts in the window that the
 * request counted in, and in no later one.
 */
import { randomUUID } from "node:crypto";
import { settlementFlag } from "../rows.ts";
import type { StateWriter } from "../state-writer.ts";
import type { Command, CommandResult } from "./command.ts";
import { insert, result, run } from "./common.ts";

export type Adjustment = {
  /** The settled record that it corrects. */
  readonly holdId: string;
  readonly at: number;
  readonly keyId: number;
  readonly scopes: string;
  /** May be negative. */
  readonly deltaNano: number;
  readonly request: string;
  readonly target: string;
  /** As it was asked for, where the record says. */
  readonly model?: string | undefined;
  readonly fromNano: number;
  readonly toNano: number;
};

export function adjust(writer: StateWriter, { entries }: Command & { kind: "adjust" }, actor: string): CommandResult {
  const first = writer.head.seq + 1;
  for (const { holdId, at, keyId, scopes, deltaNano, request, target, model, fromNano, toNano } of entries) {
    const text = JSON.stringify({
      ...{ route: "reprice", request, adjusts: holdId, target, model, from: fromNano, to: toNano, actor },
    });
    writer.append(`adj_${randomUUID()}`, at, keyId, scopes, deltaNano, 0, settlementFlag.adjusting, text);
    run(writer, "UPDATE batch_charges SET adjusted_nano = adjusted_nano + ? WHERE hold_id = ?", deltaNano, holdId);
  }
  if (writer.head.seq >= first)
    insert(writer, "INSERT INTO unsummed (first_seq, last_seq) VALUES (?, ?)", first, writer.head.seq);
  return result(writer);
}

/** The sums of the log have them. */
export function summed(writer: StateWriter, { note }: Command & { kind: "summed" }): CommandResult {
  run(writer, "DELETE FROM unsummed WHERE id = ?", note);
  return result(writer);
}
