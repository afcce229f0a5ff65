/** What sockets of every kind ask and say: whose they are, and a failure as one of their events. */
import type { IncomingHttpHeaders } from "node:http";
import type { WebSocket } from "ws";
import { dialects } from "../../providers/dialects/index.ts";
import type { Dialect } from "../../providers/exchange.ts";
import type { GatewayError } from "../../providers/gateway-error.ts";
import { authenticate, type Connection } from "../pipeline/authenticate.ts";
import type { Caller } from "../pipeline/exchange.ts";
import type { Plane } from "../pipeline/plane.ts";

/** Asked again for each turn: a key may be gone by then. */
export function callerOf(headers: IncomingHttpHeaders, plane: Plane, connection?: Connection): Caller {
  return authenticate(headers, plane.keys, plane.generation.data.auth.inference === "open", Date.now(), connection);
}

export function tell(client: WebSocket, error: GatewayError, dialect: Dialect = dialects["openai-chat"]): void {
  if (client.readyState !== client.OPEN) return;
  const { error: told } = dialect.renderFailure(error, "") as { error?: object };
  client.send(JSON.stringify({ type: "error", status: error.status, error: told }));
}
