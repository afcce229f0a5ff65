/** Response headers of our own on a whole answer: what it cost and what we added to the time. */
import { dollars } from "../governance/money.ts";
import type { Exchange } from "./exchange.ts";

/** Flat pairs. Streams have none of these: their head leaves before the cost is known. */
export function answerHeaders(exchange: Exchange): string[] {
  const overhead = performance.now() - exchange.startedAt - exchange.upstreamMs;
  const headers = [
    ...["x-bifrost-overhead-ms", overhead.toFixed(2), "x-bifrost-upstream-latency-ms", exchange.upstreamMs.toFixed(2)],
    ...exchange.droppedHeader,
    ...exchange.limitHeaders,
  ];
  if (exchange.costNano !== undefined) headers.push("x-bifrost-cost-usd", dollars(exchange.costNano));
  return headers;
}
