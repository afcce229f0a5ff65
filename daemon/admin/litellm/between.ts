/** `start_date` and `end_date` of LiteLLM's reports. */
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { Query } from "./query.ts";

const dayMs = 86_400_000;

/** Days of UTC, the last one to its end. */
export function between({ start_date: start, end_date: end }: Query): { since_ms?: number; until_ms?: number } {
  const read = (name: string, text: string | undefined): number | undefined => {
    if (text === undefined) return undefined;
    const at = Date.parse(text);
    if (Number.isNaN(at))
      throw new GatewayError("invalid_request", `"${name}": is no date such as 2026-11-26`, { param: name });
    return at;
  };
  const [since, until] = [read("start_date", start), read("end_date", end)];
  return {
    ...(since === undefined ? {} : { since_ms: since }),
    ...(until === undefined ? {} : { until_ms: until + (/^\d{4}-\d{2}-\d{2}$/.test(end!) ? dayMs : 0) }),
  };
}
