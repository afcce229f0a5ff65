/** Pushes metrics to a Prometheus push gateway. Hides that a gateway that is slow or gone costs one push, never two at once. */
import type { MetricsPushData } from "../config/telemetry-data.ts";

export type PushOptions = {
  readonly settings: MetricsPushData;
  render(): AsyncIterable<string>;
  warn(message: string, fields: Readonly<Record<string, unknown>>): void;
};

export type Push = { close(): void };

const answerMs = 10_000;
const wordsMax = 200;

export function startPush({ settings, render, warn }: PushOptions): Push {
  const { url, job, instance, user, password } = settings;
  const grouping = `job/${encodeURIComponent(job)}/instance/${encodeURIComponent(instance)}`;
  const target = `${url.replace(/\/+$/, "")}/metrics/${grouping}`;
  const headers: Record<string, string> = { "content-type": "text/plain; version=0.0.4" };
  if (user !== undefined) {
    const pair = Buffer.from(`${user}:${password ?? ""}`).toString("base64");
    headers["authorization"] = `Basic ${pair}`;
  }
  let closed = false;
  let failing = false;
  let timer = setTimeout(push, 0).unref();

  /** PUT puts its numbers in the place of all that this instance has told before. */
  async function push(): Promise<void> {
    try {
      const { request } = await import("./http-request.ts");
      let body = "";
      for await (const part of render()) body += part;
      const signal = AbortSignal.timeout(answerMs);
      const answer = await request(target, { method: "PUT", headers, body, signal });
      const words = (await answer.body.text()).slice(0, wordsMax);
      if (answer.statusCode >= 300) throw new Error(`it answered ${answer.statusCode}: ${words}`);
      failing = false;
    } catch (error) {
      // Once, until it works again: what is not pushed now is in the next push.
      if (!failing && !closed)
        warn("metrics could not be pushed", { gateway: new URL(url).host, error: String(error) });
      failing = true;
    }
    if (!closed) timer = setTimeout(push, settings.intervalMs).unref();
  }

  return {
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
