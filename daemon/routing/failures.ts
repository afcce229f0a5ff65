/** The last fault of a target as a word of its row. Hides the table that the numbers point into. */
import type { GatewayError } from "../../providers/gateway-error.ts";
import { healthWord, msUntil } from "./health-table.ts";

const failureCodes = [
  "upstream_error",
  "upstream_unreachable",
  "upstream_overloaded",
  "upstream_truncated",
  "upstream_protocol",
  "upstream_timeout",
  "upstream_slow",
] as const;

export function failureNumber(error: GatewayError): number {
  return (failureCodes as readonly string[]).indexOf(error.code) + 1;
}

/** The last fault of a row and its age, for those who look. */
export function lastFailure(words: Int32Array, row: number, nowMs: number) {
  const code = failureCodes[words[row + healthWord.lastFailure]! - 1];
  return code === undefined ? undefined : { code, agoMs: -msUntil(words[row + healthWord.lastFailureAt]!, nowMs) };
}
