/**
 * Which connections a client will write to next. Hides that a client which was active a moment ago may be sending while
 * we close: it is answered once more, told that this was the last, and goes to the successor. One that has been idle
 * for longer is closed, as any idle connection may be.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";

export type Leaving = {
  /** From here on each answer is its connection's last. */
  readonly begun: boolean;
  /** Of every request that comes while this watches. */
  served(request: IncomingMessage, response: ServerResponse): void;
  watch(socket: Socket): void;
  begin(): void;
  /** Connections in use of which another request is to be expected. */
  expected(): number;
  end(): void;
};

export function watchLeaving(server: Server): Leaving {
  const active = new Set<Socket>();
  let begun = false;

  function watch(socket: Socket): void {
    if (active.has(socket)) return;
    active.add(socket);
    socket.once("close", () => active.delete(socket));
  }

  server.on("connection", watch);
  return {
    get begun() {
      return begun;
    },
    watch,
    served(request, response) {
      watch(request.socket);
      if (begun) response.shouldKeepAlive = false;
    },
    begin() {
      begun = true;
    },
    expected: () => active.size,
    end: () => void server.off("connection", watch),
  };
}
