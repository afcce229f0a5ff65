/**
 * A change that is sent twice with one `Idempotency-Key` is made once, and answered twice. Hides how long and how many
 * answers are remembered: in memory alone, because an answer may hold a secret.
 */
import { createHash } from "node:crypto";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { AdminRequest, AdminResponse } from "./contract/calling.ts";

export type Repeats = {
  once(request: AdminRequest, actor: string, run: () => Promise<AdminResponse>): Promise<AdminResponse>;
};

const rememberedMax = 1_000;
const rememberedMs = 24 * 3_600_000;
const keyCharactersMax = 255;

export function createRepeats(now: () => number): Repeats {
  type Made = { readonly digest: string; readonly atMs: number; readonly answer: Promise<AdminResponse> };
  const made = new Map<string, Made>();

  async function once(request: AdminRequest, actor: string, run: () => Promise<AdminResponse>): Promise<AdminResponse> {
    const { idempotencyKey, method, path, body } = request;
    if (idempotencyKey === undefined) return run();
    if (idempotencyKey === "" || idempotencyKey.length > keyCharactersMax)
      throw new GatewayError("invalid_request", `Idempotency-Key has 1 to ${keyCharactersMax} characters`);
    const id = `${actor} ${idempotencyKey}`;
    const digest = createHash("sha256")
      .update(JSON.stringify([method, path, body]))
      .digest("hex");
    const before = made.get(id);
    if (before !== undefined && now() - before.atMs < rememberedMs) {
      if (before.digest === digest) return before.answer;
      throw new GatewayError("idempotency_key_reused", "this Idempotency-Key was used for another request");
    }
    const answer = run();
    made.set(id, { digest, atMs: now(), answer });
    forget();
    // What failed was not made: it may be tried again.
    answer.catch(() => made.delete(id));
    return answer;
  }

  function forget(): void {
    for (const [id, { atMs }] of made) {
      if (made.size <= rememberedMax && now() - atMs < rememberedMs) return;
      made.delete(id);
    }
  }

  return { once };
}
