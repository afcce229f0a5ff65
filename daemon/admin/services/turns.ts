/** Changes run one after another, so that a name is taken once and `If-Match` compares what the change then changes. */
import { GatewayError } from "../../../providers/gateway-error.ts";

/** More waiting than this means that the disk stands still. */
export const changesWaitingMax = 256;

export type Turns = <T>(change: () => Promise<T>) => Promise<T>;

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return (change) => {
    if (waiting >= changesWaitingMax)
      return Promise.reject(new GatewayError("overloaded", `more than ${changesWaitingMax} changes are waiting`));
    waiting += 1;
    const turn = last.then(change).finally(() => {
      waiting -= 1;
    });
    last = turn.catch(() => {});
    return turn;
  };
}
