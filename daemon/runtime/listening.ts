/**
 * Where a worker listens: at an address, or on descriptors that a predecessor left. Hides that what a successor is to
 * inherit is a number which Node knows and does not tell, and that to accept no more is not to close what is open.
 */
import { createServer, Server } from "node:net";
import type { WorkerData } from "./worker-protocol.ts";

export type Listening = {
  /** What is connected stays so; what connects from now on waits in the queue of whoever else holds the descriptor. */
  stopAccepting(): void;
};

const backlog = 4096;

type WithHandle = { readonly _handle?: { readonly fd?: number } | null };

/** Errors are the server's. `told` gets the port and the descriptors, which belong to this thread while it lives. */
export function listen(
  server: Server,
  { listen: address, fds, reusePort }: Pick<WorkerData, "listen" | "fds" | "reusePort">,
  told: (port: number, fds: readonly number[]) => void,
): Listening {
  // More descriptors than threads: their queues are served too.
  const [own, ...more] = fds;
  const others = more.map((fd) => {
    const other = createServer((socket) => void server.emit("connection", socket));
    return other.listen({ fd });
  });
  const ready = (): void => {
    const at = server.address();
    const numbers = [server, ...others].map((each) => (each as WithHandle)._handle?.fd ?? -1);
    told(
      typeof at === "object" && at !== null ? at.port : address.port,
      numbers.filter((fd) => fd >= 0),
    );
  };
  if (own === undefined) server.listen({ ...address, reusePort, backlog }, ready);
  else server.listen({ fd: own, backlog }, ready);
  return {
    stopAccepting() {
      // An HTTP server's own `close` would also end connections that are idle at this moment.
      for (const each of [server, ...others]) Server.prototype.close.call(each);
    },
  };
}
