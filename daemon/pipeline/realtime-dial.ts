/**
 * The provider's side of a realtime session: one attempt to open it. Hides the proxy on the way, and what a refusal of the
 * socket says.
 */
import type { Agent } from "node:http";
import { WebSocket } from "ws";
import { GatewayError } from "../../providers/gateway-error.ts";
import { askedWaitMs } from "../http/retry-after.ts";
import type { Target } from "../routing/generation.ts";
import type { Plane } from "./plane.ts";

export type DialEvents = {
  /** Nothing has been read from it yet. */
  opened(upstream: WebSocket): void;
  failed(error: GatewayError): void;
};

const unauthorized = 401;
const forbidden = 403;
const tooMany = 429;

/**
 * Returns what gives it up: nothing is called from then on.
 * @param credential index into the provider's
 * @param connectMs the one timer of a session: afterwards each side speaks when it likes
 */
export function dialRealtime(
  target: Target,
  credential: number,
  path: string,
  carried: Readonly<Record<string, string>>,
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
      response.resume();
      request.destroy();
      const failure = refused(target, response.statusCode ?? 0, askedWaitMs(response.headers, Date.now()));
      end(() => events.failed(failure));
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

function refused({ provider: { name } }: Target, status: number, waitMs: number | undefined): GatewayError {
  const details = { source: "provider", provider: name } as const;
  if (status === tooMany)
    return new GatewayError("rate_limit_exceeded", `${name} takes no session now: too many requests`, {
      ...details,
      ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    });
  if (status === unauthorized || status === forbidden) {
    return new GatewayError(
      "upstream_credential",
      `${name} refused the gateway's own credential; check it in the config`,
      details,
    );
  }
  return new GatewayError("upstream_unreachable", `${name} answered ${status} instead of a session`, details);
}

export function unreachable({ provider: { name } }: Target): GatewayError {
  return new GatewayError("upstream_unreachable", `${name} could not be reached`, {
    source: "provider",
    provider: name,
  });
}
