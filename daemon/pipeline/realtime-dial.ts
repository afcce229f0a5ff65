/**
 * The provider's side of a realtime session: one attempt to open it. Hides the proxy on the way, and what a refusal of the
 * socket says.
 */
import type { Agent, IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import type { Dialect } from "../../providers/exchange.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { askedWaitMs } from "../http/retry-after.ts";
import type { Target } from "../routing/generation.ts";
import { attributed } from "./attempt.ts";
import type { Plane } from "./plane.ts";
import { decodeFailure, failureBytesMax } from "./relay-body.ts";

/** Where at a target sessions are served, and the dialect that it refuses one in. */
export type Entrance = {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly dialect: Dialect;
};

export type DialEvents = {
  /** Nothing has been read from it yet. */
  opened(upstream: WebSocket): void;
  failed(error: GatewayError): void;
};

const badRequest = 400;

/**
 * Returns what gives it up: nothing is called from then on.
 * @param credential index into the provider's
 * @param connectMs the one timer of a session: afterwards each side speaks when it likes
 */
export function dialRealtime(
  target: Target,
  credential: number,
  { path, headers: carried, dialect }: Entrance,
  connectMs: number,
  plane: Plane,
  events: DialEvents,
): () => void {
  const { provider } = target;
  const address = new URL(path, provider.data.baseUrl);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  let running: WebSocket | undefined;
  let over = false;

  function end(step: () => void): void {
    if (over) return;
    over = true;
    step();
  }

  function dial(agent: Agent | undefined): void {
    const { rejectUnauthorized, ca } = provider.data.tls;
    const upstream = new WebSocket(address, {
      headers: { ...headersOf(provider.credentials[credential]!.headers.pairs), ...carried },
      handshakeTimeout: connectMs,
      maxPayload: plane.generation.data.server.bodyBytesMax,
      perMessageDeflate: false,
      rejectUnauthorized,
      ...(ca === undefined ? {} : { ca }),
      ...(agent === undefined ? {} : { agent }),
    });
    running = upstream;
    upstream.once("open", () => end(() => events.opened(upstream)));
    upstream.on("error", () => end(() => events.failed(unreachable(target))));
    upstream.once("unexpected-response", (request, response) => {
      request.setTimeout(0); // there is an answer: what is read of it has a bound of its own
      readRefusal(response, connectMs, (body) => {
        request.destroy();
        end(() => events.failed(refused(target, dialect, response, body)));
      });
    });
  }

  void agentFor(provider.data.proxy).then(
    (agent) => {
      if (!over) dial(agent);
    },
    () => end(() => events.failed(unreachable(target))),
  );
  return () =>
    end(() => {
      running?.terminate();
    });
}

/** Loaded where there is a proxy, and nowhere else. */
async function agentFor(proxy: string | undefined): Promise<Agent | undefined> {
  if (proxy === undefined) return undefined;
  const { HttpsProxyAgent } = await import("https-proxy-agent");
  return new HttpsProxyAgent(proxy);
}

function headersOf(pairs: readonly string[]): Record<string, string> {
  const carried: Record<string, string> = {};
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const name = pairs[index]!;
    if (name !== "content-type" && name !== "accept-encoding") carried[name] = pairs[index + 1]!;
  }
  return carried;
}

/** As much of it as came in time: the status alone says enough. */
function readRefusal(response: IncomingMessage, patienceMs: number, then: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  const done = (): void => {
    clearTimeout(timer);
    then(Buffer.concat(chunks));
  };
  const timer = setTimeout(done, patienceMs);
  response.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > failureBytesMax) done();
    else chunks.push(chunk);
  });
  response.on("error", () => undefined); // "close" comes after it
  response.on("close", done);
}

/** What the same answer to a request means. */
function refused(target: Target, dialect: Dialect, response: IncomingMessage, body: Buffer): GatewayError {
  const { statusCode: status = 0, headers } = response;
  if (status >= badRequest)
    return attributed(decodeFailure(dialect, status, body, askedWaitMs(headers, Date.now())), target);
  const { name } = target.provider;
  return new GatewayError("upstream_unreachable", `${name} answered ${status} instead of a session`, {
    source: "provider",
    provider: name,
  });
}

export function unreachable({ provider: { name } }: Target): GatewayError {
  return new GatewayError("upstream_unreachable", `${name} could not be reached`, {
    source: "provider",
    provider: name,
  });
}
