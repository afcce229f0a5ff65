/** What sockets of every kind ask and say: whose they are, and a failure as one of their events. */
import type { IncomingHttpHeaders } from "node:http";
import type { WebSocket } from "ws";
import { dialects } from "../../providers/dialects/index.ts";
import type { Dialect } from "../../providers/exchange.ts";
import type { GatewayError } from "../../providers/gateway-error.ts";
import { authenticate, type Connection, callerAt } from "../pipeline/authenticate.ts";
import type { Grant } from "../pipeline/client-secrets.ts";
import type { Caller } from "../pipeline/exchange.ts";
import type { Plane } from "../pipeline/plane.ts";

/** Of sockets that were opened with a client's secret: by the headers that stand for them. */
const grants = new WeakMap<IncomingHttpHeaders, Grant>();

export function grantTo(headers: IncomingHttpHeaders, grant: Grant): void {
  grants.set(headers, grant);
}

export function grantOf(headers: IncomingHttpHeaders): Grant | undefined {
  return grants.get(headers);
}

/** Asked again for each turn: a key may be gone by then. */
export function callerOf(headers: IncomingHttpHeaders, plane: Plane, connection?: Connection): Caller {
  const grant = grants.get(headers);
  if (grant !== undefined && grant.row >= 0) return callerAt(grant.row, grant.keyId, plane.keys, Date.now());
  return authenticate(headers, plane.keys, plane.generation.data.auth.inference === "open", Date.now(), connection);
}

export function tell(client: WebSocket, error: GatewayError, dialect: Dialect = dialects["openai-chat"]): void {
  if (client.readyState !== client.OPEN) return;
  const { error: told } = dialect.renderFailure(error, "") as { error?: object };
  client.send(JSON.stringify({ type: "error", status: error.status, error: told }));
}
