/**
 * The provider's side of a realtime session. Hides which of its credentials is used, that another is tried when one is
 * refused, and the proxy on the way.
 */
import type { Agent, IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { GatewayError } from "../../providers/gateway-error.ts";
import { askedWaitMs } from "../http/retry-after.ts";
import { noteCredentialFault } from "../routing/credential-fault.ts";
import type { Target } from "../routing/generation.ts";
import { allowedCredentials } from "../routing/planner.ts";
import { rowOf } from "../routing/routing.ts";
import { wishedTimers } from "../routing/timers.ts";
import type { Caller } from "./exchange.ts";
import type { Plane } from "./plane.ts";
import { noBody, readPreferences } from "./preferences.ts";

export type DialEvents = {
  /** Nothing has been read from it yet. */
  opened(upstream: WebSocket, credentialId: string): void;
  failed(error: GatewayError): void;
};

const unauthorized = 401;
const forbidden = 403;
const tooMany = 429;

export type DialWishes = {
  /** The one timer of a session: afterwards each side speaks when it likes. */
  readonly connectMs: number;
  /** Credentials that the caller's key may not use, or that it has named another than; indexes. */
  readonly barred: ReadonlySet<number>;
};

/** Throws for a header that is not understood. */
export function wishesOf({ provider, timers }: Target, { rawHeaders }: IncomingMessage, caller: Caller): DialWishes {
  const said = readPreferences(noBody, undefined, rawHeaders);
  const allowed = caller.providers && allowedCredentials(caller.providers).get(provider.name);
  const isBarred = (id: string): boolean => (said?.credential ?? id) !== id || allowed?.includes(id) === false;
  return {
    connectMs: wishedTimers(timers, said?.timers).connectMs,
    barred: new Set(provider.credentials.flatMap(({ id }, index) => (isBarred(id) ? [index] : []))),
  };
}

/** Returns what gives it up: nothing is called from then on. */
export function dialRealtime(
  target: Target,
  path: string,
  carried: Readonly<Record<string, string>>,
  { connectMs, barred }: DialWishes,
  plane: Plane,
  events: DialEvents,
): () => void {
  const { provider } = target;
  const { credentials } = plane.routing;
  const row = rowOf(target, plane.routing);
  const used = new Set(barred);
  const address = new URL(path, provider.data.baseUrl);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  let running: WebSocket | undefined;
  let over = false;

  function end(step: () => void): void {
    if (over) return;
    over = true;
    step();
  }

  function next(refusal: GatewayError | undefined, agent: Agent | undefined): void {
    const index = credentials.pick(provider, row, used.size === 0 ? undefined : used, Date.now());
    if (index < 0) {
      end(() => events.failed(refusal ?? unreachable(target)));
      return;
    }
    used.add(index);
    const credential = provider.credentials[index]!;
    const { rejectUnauthorized, ca } = provider.data.tls;
    const upstream = new WebSocket(address, {
      headers: { ...headersOf(credential.headers.pairs), ...carried },
      handshakeTimeout: connectMs,
      maxPayload: plane.generation.data.server.bodyBytesMax,
      perMessageDeflate: false,
      rejectUnauthorized,
      ...(ca === undefined ? {} : { ca }),
      ...(agent === undefined ? {} : { agent }),
    });
    running = upstream;
    upstream.once("open", () => end(() => events.opened(upstream, credential.id)));
    upstream.on("error", () => end(() => events.failed(unreachable(target))));
    upstream.once("unexpected-response", (request, response) => {
      response.resume();
      request.destroy();
      if (over) return;
      const { statusCode = 0 } = response;
      const failure = refused(target, statusCode, askedWaitMs(response.headers, Date.now()));
      if (statusCode !== unauthorized && statusCode !== forbidden && statusCode !== tooMany) {
        end(() => events.failed(failure));
        return;
      }
      noteCredentialFault(plane.routing, provider, row, index, failure, Date.now());
      next(failure, agent);
    });
  }

  void agentFor(provider.data.proxy).then(
    (agent) => {
      if (!over) next(undefined, agent);
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
