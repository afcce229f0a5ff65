/** A worker's question for the scope of a name, and the main thread's answer. Hides numbering and that an answer may not come. */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { AskName } from "../governance/names.ts";
import type { FromWorker, ToWorker } from "./worker-protocol.ts";

/** Longer than a disk takes, shorter than a client waits. */
const answerMsMax = 5_000;

export type NameAsker = { readonly ask: AskName; answered(message: ToWorker & { type: "named" }): void };

export function createNameAsker(tell: (message: FromWorker) => void): NameAsker {
  let lastId = 0;
  const waiting = new Map<number, (message: { readonly scope?: number; readonly failed?: string }) => void>();

  function ask(kind: Parameters<AskName>[0], name: string): Promise<number> {
    lastId += 1;
    const id = lastId;
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => answered({ type: "named", id, failed: "the answer did not come in time" }),
        answerMsMax,
      );
      waiting.set(id, ({ scope, failed }) => {
        clearTimeout(late);
        if (scope !== undefined) resolve(scope);
        else reject(unavailable(failed ?? "no answer"));
      });
      tell({ type: "name", id, kind, name });
    });
  }

  function answered({ id, ...answer }: ToWorker & { type: "named" }): void {
    const take = waiting.get(id);
    waiting.delete(id);
    take?.(answer);
  }

  return { ask, answered };
}

function unavailable(cause: string): GatewayError {
  return new GatewayError("database_unavailable", "a new name cannot be counted now; try again shortly", {
    source: "gateway",
    retryAfterMs: 1_000,
    cause,
  });
}
