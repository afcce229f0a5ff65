/** A worker's request to the admin API in the main thread, and its answer. Hides numbering and that it may not come. */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { Manage } from "../pipeline/plane.ts";
import type { FromWorker, ToWorker } from "./worker-protocol.ts";

/** Sums over a long time take as long as this at most. */
const answerMsMax = 30_000;
/** More at once are refused: the admin API is no data plane. */
const waitingMax = 64;

export type ManagementAsker = { readonly ask: Manage; answered(message: ToWorker & { type: "managed" }): void };

export function createManagementAsker(tell: (message: FromWorker) => void): ManagementAsker {
  let lastId = 0;
  const waiting = new Map<number, (message: { readonly status: number; readonly text: string }) => void>();

  const ask: Manage = (request) => {
    if (waiting.size >= waitingMax)
      throw new GatewayError("overloaded", `more than ${waitingMax} admin requests at once`, { source: "gateway" });
    lastId += 1;
    const id = lastId;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        waiting.delete(id);
        reject(new GatewayError("overloaded", "the admin API did not answer in time", { source: "gateway" }));
      }, answerMsMax);
      waiting.set(id, ({ status, text }) => {
        clearTimeout(late);
        resolve({ status, text });
      });
      tell({ type: "manage", id, ...request });
    });
  };

  return {
    ask,
    answered(message) {
      const take = waiting.get(message.id);
      waiting.delete(message.id);
      take?.(message);
    },
  };
}
