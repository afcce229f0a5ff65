/**
 * The way to a cloud's token service: through the proxy that the provider names, trusting its authorities beside the usual
 * ones, since the service is not the provider. Hides how each library takes it. Absent: each library's own way.
 */
import http from "node:http";
import https from "node:https";
import { Readable } from "node:stream";
import { getCACertificates } from "node:tls";
import type { Way } from "../config/generation.ts";

export type Agents = { readonly http: http.Agent; readonly https: https.Agent };

/** This machine, and where clouds tell their own machines who they are: no proxy leads there. */
const near = "localhost,127.0.0.1,::1,169.254.169.254,169.254.170.2,metadata.google.internal,metadata";

export function agentsFor(way: Way | undefined): Agents | undefined {
  if (way === undefined) return undefined;
  const { proxy, ca } = way;
  const proxyEnv =
    proxy === undefined
      ? process.env
      : proxy === "none"
        ? {}
        : { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: near };
  const trusted = ca === undefined ? {} : { ca: [...getCACertificates("default"), ca] };
  return { http: new http.Agent({ proxyEnv }), https: new https.Agent({ proxyEnv, ...trusted }) };
}

/** `fetch` by these agents, as far as a token's request goes: a text or nothing is sent, and the answer is short. */
export function fetchBy({ http: plain, https: secure }: Agents) {
  return async (asked: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const request = new Request(asked, init);
    const url = new URL(request.url);
    const body = Buffer.from(await request.arrayBuffer());
    const isSecure = url.protocol === "https:";
    return new Promise((resolve, reject) => {
      const sent = (isSecure ? https : http).request(url, {
        method: request.method,
        headers: Object.fromEntries(request.headers),
        agent: isSecure ? secure : plain,
        ...(init.signal ? { signal: init.signal } : {}),
      });
      sent.on("response", (answer) => {
        const { statusCode: status = 502, statusMessage: statusText = "" } = answer;
        const headers = Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)]);
        const empty = status === 204 || status === 304;
        const stream = empty ? null : (Readable.toWeb(answer) as unknown as ReadableStream);
        if (empty) answer.resume();
        resolve(new Response(stream, { status, statusText, headers }));
      });
      sent.on("error", reject);
      sent.end(body);
    });
  };
}
