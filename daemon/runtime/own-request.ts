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
  { request, keyId }: OwnRequestQuestion,
): Promise<OwnRequestAnswer> {
  const endAt = performance.now() + waitMsMax;
  try {
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
