/** What an answer tells of its caller's rate limits, under the names that OpenAI's clients read. */
import type { Quota } from "../governance/quota.ts";

const none: readonly string[] = [];

/** Flat pairs: the tightest limit of each kind. Times are what remains, as `250ms` or `59.2s`. */
export function limitHeaders(quota: Quota | undefined): readonly string[] {
  if (quota === undefined) return none;
  const headers: string[] = [];
  if (quota.requestLimit >= 0) {
    headers.push("x-ratelimit-limit-requests", String(quota.requestLimit));
    headers.push("x-ratelimit-remaining-requests", String(quota.requestsLeft));
    headers.push("x-ratelimit-reset-requests", duration(quota.requestsResetMs));
  }
  if (quota.tokenLimit >= 0) {
    headers.push("x-ratelimit-limit-tokens", String(quota.tokenLimit));
    headers.push("x-ratelimit-remaining-tokens", String(quota.tokensLeft));
    headers.push("x-ratelimit-reset-tokens", duration(quota.tokensResetMs));
  }
  return headers;
}

function duration(ms: number): string {
  const whole = Math.ceil(ms);
  return whole < 1_000 ? `${whole}ms` : `${whole / 1_000}s`;
}
