/** The main thread's part in telling the holder of a key of its own request. Hides that a row is not on disk at once. */
import { setTimeout as delay } from "node:timers/promises";
import type { OwnRequestAnswer, OwnRequestQuestion } from "../pipeline/plane.ts";
import type { QueryClient } from "../store/requests.ts";

/** More than workers and the writer gather rows for; whoever asks right after the answer is in time for it. */
const waitMsMax = 500;
const againMs = 50;

/** Another key's row is looked for as long as one that does not exist: nothing tells the two apart. */
export async function findOwnRequest(
  queries: Pick<QueryClient, "query">,
  { request, keyId, activity }: OwnRequestQuestion,
): Promise<OwnRequestAnswer> {
  const endAt = performance.now() + waitMsMax;
  try {
    if (activity !== undefined) return { sums: await activityOf(queries, keyId, activity) };
    for (;;) {
      const row = await queries.query({ kind: "request", id: request });
      if (row?.key_id === keyId) return { row };
      if (performance.now() >= endAt) return {};
      await delay(againMs);
    }
  } catch (error) {
    return { failed: String(error) };
  }
}

/** More targets than a key calls. */
const targetsMax = 500;

function activityOf(
  queries: Pick<QueryClient, "query">,
  keyId: number,
  time: { readonly sinceMs: number; readonly untilMs: number },
) {
  const question = { filter: { keyId }, ...time, grain: "day", by: "target", top: targetsMax, order: "cost" } as const;
  return queries.query({ kind: "log_sums", question });
}
