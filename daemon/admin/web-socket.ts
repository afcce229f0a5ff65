/**
 * The same events over a WebSocket, for a client that asks for an upgrade. Hides the library, which is loaded with the
 * first of them. What a client sends is read and thrown away.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { AdminResponse } from "./contract/calling.ts";

/** What a listener may send: nothing that we would read. */
const messageBytesMax = 1_024;

export async function serveSocket(
  response: AdminResponse,
  incoming: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  if (!("events" in response)) {
    refuse(response, socket);
    return;
  }
  const { WebSocketServer } = await import("ws");
  const server = new WebSocketServer({ noServer: true, maxPayload: messageBytesMax });
  const iterator = response.events[Symbol.asyncIterator]();
  socket.once("close", () => void iterator.return?.().catch(() => undefined));
  server.handleUpgrade(incoming, socket, head, async (client) => {
    client.on("message", () => undefined);
    client.on("error", () => client.terminate());
    client.on("close", () => void iterator.return?.().catch(() => undefined));
    try {
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
        const { value } = next;
        // One at a time, so that what a slow listener does not take waits, and is bounded, at its source.
        await new Promise<void>((resolve, reject) =>
          client.send(value, (error) => (error ? reject(error) : resolve())),
        );
      }
      client.close(1001);
    } catch {
      client.terminate(); // it left while it was being told something
    }
  });
}

function refuse(response: AdminResponse, socket: Duplex): void {
  const { status } = response;
  const body = "body" in response ? JSON.stringify(response.body) : "";
  const reason = status === 200 ? "400 Bad Request" : `${status} Refused`;
  socket.end(
    `HTTP/1.1 ${reason}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
