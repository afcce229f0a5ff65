/** An error as the admin API tells it. Hides everything that nobody meant to tell. */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { ErrorAnswer } from "./contract/errors.ts";

export type FaultReporter = {
  /** Names a fault in the answer and in the log. */
  readonly faultId: () => string;
  /** A thrown value that nobody meant to throw, for the daemon's log. */
  readonly onFault: (error: unknown, id: string) => void;
};

export function renderAdminError(
  error: unknown,
  { faultId, onFault }: FaultReporter,
): { readonly status: number; readonly body: ErrorAnswer } {
  if (error instanceof GatewayError) {
    const { param } = error.details;
    return {
      status: error.status,
      body: { error: { code: error.code, message: error.message, ...(param === undefined ? {} : { param }) } },
    };
  }
  const id = faultId();
  onFault(error, id);
  const message = `internal error; the daemon's log has it under ${id}`;
  return { status: 500, body: { error: { code: "internal_error", message, id } } };
}
