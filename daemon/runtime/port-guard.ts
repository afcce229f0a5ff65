/**
 * One daemon a port, where the kernel does not say so: with `reusePort`, which several workers need, a second daemon
 * would silently get half of the connections. Hides the abstract socket that stands for the port.
 */
import { createServer, type Server } from "node:net";

export type PortGuard = { release(): void };

/** Fails with `EADDRINUSE` when another daemon has this port. The kernel frees it however its holder ends. */
export function guardPort(port: number): Promise<PortGuard> {
  const server: Server = createServer((socket) => socket.destroy()).unref();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path: `\0bifrost-port-${port}` }, () => resolve({ release: () => void server.close() }));
  });
}
