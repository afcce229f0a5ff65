/** What the store's tests share: a home that goes away, rows, keys, and real writer threads. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { prepareTraffic, stateFile, trafficFile } from "../../../daemon/store/boot.ts";
import type { BudgetInput, Command } from "../../../daemon/store/commands/command.ts";
import type { RowValue } from "../../../daemon/store/sender.ts";
import { createStatus } from "../../../daemon/store/writer-status.ts";

export const startMs = Date.UTC(2026, 10, 23, 12);
export const daily: BudgetInput = { limitNano: 10_000_000_000, window: { kind: "rolling", lengthMs: 86_400_000 } };

/** `before`: what has to end while the files are still there. */
export function temporaryHome(t: TestContext, before: () => void = () => {}): string {
  const home = mkdtempSync(join(tmpdir(), "bifrost-store-"));
  t.after(() => {
    before();
    rmSync(home, { recursive: true, force: true });
  });
  return home;
}

export function createKey(number: number, budgets: readonly BudgetInput[] = [daily]): Command {
  return {
    kind: "create_key",
    publicId: `key_${number}`,
    name: `key ${number}`,
    prefix: "sk-bf-abc",
    hash: createHash("sha256").update(`secret ${number}`).digest(),
    policy: { models: ["*"] },
    budgets,
  };
}

export function settlement(holdId: string, at = startMs, cost: number | null = 7, scopes = "1", flags = 0): RowValue[] {
  return [holdId, at, 1, scopes, cost, 3, flags, `{"request":"${holdId}"}`];
}

export function hold(holdId: string, at = startMs, inputCost = 50, scopes = "1"): RowValue[] {
  return [holdId, at, scopes, 100, 10, inputCost, 1, "echo/one"];
}

export function requestRow(
  id: string,
  values: { at?: number; keyId?: number; status?: number; error?: string; provider?: string } = {},
): RowValue[] {
  const { at = startMs, keyId = 1, status = 200, error = null, provider = "echo" } = values;
  const tail = [0, status, error, 12.5, null, 11.5, 10, 20, null, null, null, 99, 0, null, 512, 1024];
  const labels = [null, null, null, null, null, null, 0, null, "stop", null, null, "stop", "up_1", null, null];
  return [id, at, keyId, "chat", "openai-chat", provider, "echo/one", "echo/one", "default", ...tail, ...labels];
}

export type Thread = {
  readonly worker: Worker;
  readonly status: Int32Array;
  connect(): MessagePort;
  /** The clean end. */
  close(): Promise<void>;
};

/** The real thread main over the real file. */
export async function startWriter(
  t: TestContext,
  home: string,
  name: "state" | "traffic",
  paceMs = 0,
): Promise<Thread> {
  if (name === "traffic") prepareTraffic(home);
  const file = name === "state" ? stateFile(home) : trafficFile(home);
  const status = createStatus();
  const worker = new Worker(new URL(`../../../daemon/runtime/${name}-writer.ts`, import.meta.url), {
    workerData: {
      file,
      status,
      paceMs,
      retentionMs: 0,
      metrics: { seriesMax: 100, tags: [] },
      redaction: { kinds: [], patterns: [] },
    },
  });
  const ports: MessagePort[] = [];
  t.after(async () => {
    for (const port of ports) port.close();
    await worker.terminate();
  });
  await message(worker, "ready");
  function connect(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    worker.postMessage({ type: "port", port: port2 }, [port2]);
    ports.push(port1);
    return port1;
  }
  async function close(): Promise<void> {
    const closed = message(worker, "closed");
    worker.postMessage({ type: "close" });
    await closed;
  }
  return { worker, status, connect, close };
}

export function message(worker: Worker, type: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.on("message", (value: Record<string, unknown>) => {
      if (value["type"] === type) resolve(value);
    });
  });
}

/** Looks again at each turn of the event loop until `condition` holds. */
export async function until(condition: () => boolean, what: string, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
