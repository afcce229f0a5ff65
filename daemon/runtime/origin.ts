/** What an attempt asks of the connections to its upstream, and the bounds that all of them share. */
import type { Dispatcher } from "undici";
import type { CallHandler } from "./upstream-connection.ts";

/** What an attempt hands over. `onAssigned` tells it when it has left the queue and the connection is being used. */
export type Call = CallHandler & {
  readonly options: Dispatcher.DispatchOptions;
  /** True once the caller has given up; a queued call is then skipped. */
  readonly cancelled: boolean;
  /** Set by the origin: must be called exactly once, when the call will touch its connection no more. */
  release: ((reusable: boolean) => void) | undefined;
};

export type Origin = {
  /** False when the waiting queue is full. */
  dispatch(call: Call): boolean;
  close(): void;
};

/** Idle upstream sockets live this long. */
export const idleSocketMs = 60_000;
export const headerBytesMax = 32 * 1024;
/** Calls that may wait for a connection, as a multiple of the connections allowed. */
export const waitingPerConnection = 4;
