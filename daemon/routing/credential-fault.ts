/** What a failure says of the credential it was made with: one that has to wait rests, one that is refused is marked. */
import type { GatewayError } from "../../providers/gateway-error.ts";
import { judge } from "./faults.ts";
import type { Provider } from "./generation.ts";
import { healthWord } from "./health-table.ts";
import type { Routing } from "./routing.ts";

/** A credential whose provider refused it for its rate without a word on how long. */
const restMs = 1_000;

export function noteCredentialFault(
  { credentials, table, settings }: Routing,
  provider: Provider,
  row: number,
  index: number,
  error: GatewayError,
  nowMs: number,
): void {
  const { fault, verdict } = judge(error);
  if (fault !== "credential" || !settings.breaker.enabled) return;
  const { retryAfterMs } = error.details;
  if (verdict === "rotate")
    credentials.rest(provider, row, index, nowMs, retryAfterMs ?? restMs, retryAfterMs !== undefined);
  else if (row !== 0) Atomics.add(table.words, row + healthWord.refusedCredentials, 1);
}
