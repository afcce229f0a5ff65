/** Whatever was thrown → the failure that a client is told. Hides which of our own troubles pass by themselves. */
import { GatewayError } from "../../providers/gateway-error.ts";
import { LockTimeout } from "../governance/lock.ts";

/** What is thrown and is no GatewayError is a bug: an id for the caller, the words for our log only. */
export function asFailure(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof LockTimeout)
    return new GatewayError("ledger_behind", "the ledger is locked; try again shortly", {
      ...{ source: "gateway", retryAfterMs: 1000, cause: error },
    });
  return new GatewayError("internal_error", "internal error", { source: "gateway", cause: error });
}
