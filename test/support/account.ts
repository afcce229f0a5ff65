/** An account at a provider, as a server of this process: it tells what a test says that it has. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export type Asked = {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

export type Account = { readonly port: number; close(): void };

/** `bytesType`: what answers are that are bytes or text. Everything else is told as JSON. */
export async function startAccount(answer: (asked: Asked) => unknown, bytesType = "text/plain"): Promise<Account> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const told = answer({ method, url: new URL(url, "http://h"), headers, body: Buffer.concat(parts) });
      const isBytes = typeof told === "string" || Buffer.isBuffer(told);
      response.writeHead(200, { "content-type": isBytes ? bytesType : "application/json" });
      response.end(isBytes ? told : JSON.stringify(told));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}
