/** What a soak does to a daemon besides plain load: faults of a provider, clients that leave, listeners, reloads. */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { requestFor, tryOnce } from "./client.ts";

export type FaultyProvider = { readonly port: number; calls(): number; close(): void };

const frame =
  'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"thirteen"}}]}\n\n';
const answer = JSON.stringify({
  ...{ id: "c", object: "chat.completion", usage: { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 } },
  choices: [{ index: 0, message: { role: "assistant", content: "thirteen" }, finish_reason: "stop" }],
});

/** One fault after the other, in turns, and now and then a good answer, so that its breaker closes again. */
const behaviours: readonly ((response: ServerResponse) => void)[] = [
  (response) => response.writeHead(200, { "content-type": "application/json" }).end(answer),
  (response) => response.writeHead(500, { "content-type": "application/json" }).end('{"error":{"message":"no"}}'),
  (response) => response.writeHead(200, { "content-type": "application/json" }).end(answer),
  (response) => response.writeHead(429, { "retry-after": "0" }).end("{}"),
  (response) => response.writeHead(200, { "content-type": "application/json" }).end("<html>not JSON</html>"),
  (response) => response.destroy(),
  (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(frame, () => response.destroy());
  },
  (response) => response.writeHead(200, { "content-type": "application/json", "content-length": "900" }).end(answer),
];

export async function startFaultyProvider(): Promise<FaultyProvider> {
  let calls = 0;
  const server = createServer((incoming, response) => {
    incoming.resume().on("error", () => undefined);
    response.on("error", () => undefined);
    incoming.on("end", () => behaviours[calls++ % behaviours.length]!(response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return {
    port: (server.address() as AddressInfo).port,
    calls: () => calls,
    close: () => server.close().closeAllConnections(),
  };
}

/** Statuses of requests that a provider spoils; none may stay without an answer. */
export async function faultyRequests(port: number, count: number): Promise<readonly (number | undefined)[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) =>
      tryOnce(port, requestFor(port, "/v1/chat/completions", "faulty/m", { stream: index % 2 === 0 })),
    ),
  );
}

/** Clients that leave in the middle of a stream. */
export function leavers(port: number): Promise<void>[] {
  return Array.from(
    { length: 5 },
    (_, index) =>
      new Promise<void>((resolve) => {
        const client = connect(port, "127.0.0.1", () => {
          client.write(requestFor(port, "/v1/chat/completions", "echo/echo", { stream: true, bytes: 4_000 }));
          setTimeout(() => client.destroy(), 5 * index);
        });
        client.on("error", () => undefined).on("close", () => resolve());
      }),
  );
}

export function ask(socket: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: socket, path, headers: { host: "localhost" }, agent: false }, (told) => {
      let text = "";
      told.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      told.on("end", () => resolve(text));
    });
    call.on("error", reject).end();
  });
}

export function listenBriefly(socket: string): Promise<void> {
  return new Promise((resolve) => {
    const call = request({ socketPath: socket, path: "/api/feed", headers: { host: "localhost" }, agent: false });
    call.on("response", (feed) => feed.once("data", () => call.destroy())).on("error", () => undefined);
    call.on("close", () => resolve()).end();
  });
}

/** The config with something else in it: another generation, with its providers and routes built anew. */
export function rewriteConfig(file: string, number: number): void {
  const config = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify({ ...config, aliases: { [`name-${number}`]: "echo/echo" } }));
}
