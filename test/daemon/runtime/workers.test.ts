import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { GenerationData } from "../../../daemon/config/generation.ts";
import { loadConfig } from "../../../daemon/config/load.ts";
import { openLog } from "../../../daemon/log.ts";
import { openCredentials } from "../../../daemon/runtime/credentials.ts";
import { fillSharedMemory } from "../../../daemon/runtime/shared-memory.ts";
import { openStoreThreads } from "../../../daemon/runtime/store-threads.ts";
import { startWorkers, type Workers } from "../../../daemon/runtime/workers.ts";
import { prepareTraffic } from "../../../daemon/store/boot.ts";
import { createStatus } from "../../../daemon/store/writer-status.ts";
import { ask } from "../../support/client.ts";

async function generationOf(config: object, number: number): Promise<GenerationData> {
  const loaded = await loadConfig({ text: JSON.stringify(config), path: "/lab.yaml", environment: {}, number });
  assert.ok(loaded.ok);
  return loaded.data;
}

/** Real workers over real files, without config, admin API and lock. */
async function lab(t: TestContext, generation: GenerationData): Promise<Workers> {
  const home = mkdtempSync(join(tmpdir(), "bf-"));
  prepareTraffic(home);
  const memory = fillSharedMemory(home, generation.server.workers, Date.now());
  const status = createStatus();
  const log = openLog({ level: "error", format: "text", file: join(home, "log") });
  const store = openStoreThreads({
    ...{ home, status, log },
    sender: 0,
    traffic: {
      retention: { retentionMs: 1e9 },
      metrics: { seriesMax: 10, tags: [] },
      redaction: { kinds: [], patterns: [] },
    },
    statePaceMs: 0,
    onReplaced: () => undefined,
  });
  const credentials = openCredentials({}, log);
  const workers = startWorkers({
    findName: async () => 0,
    correct: async () => ({}),
    responsesFile: join(home, "responses.db"),
    ...{ tables: memory.shared, routing: memory.routing },
    ...{ status, bootCount: 1, store, credentials, generation, patterns: false, log },
  });
  t.after(async () => {
    await workers.drain(0);
    await store.close();
    log.close();
    rmSync(home, { recursive: true });
  });
  return workers;
}

const open = { auth: { inference: "open" } };

for (const count of [1, 2]) {
  test(`use() of what cannot be built switches nobody and kills nobody, ${count} workers`, async (t) => {
    const config = { ...open, server: { port: 0, workers: count } };
    const workers = await lab(t, await generationOf(config, 1));
    const url = `http://127.0.0.1:${await workers.listening}`;
    const bad = await generationOf({ ...config, aliases: { worse: "echo" } }, 2);
    await assert.rejects(workers.use({ ...bad, prices: [{ match: "echo/*", input: 5000 }] }), /5000/);
    const asked = (model: string) => ask(url, { dialect: "chat", model }).then(({ status }) => status);
    for (let call = 0; call < 10; call += 1) assert.deepEqual([await asked("echo"), await asked("worse")], [200, 404]);
    await workers.use(await generationOf({ ...config, aliases: { better: "echo" } }, 3));
    for (let call = 0; call < 10; call += 1) assert.equal(await asked("better"), 200);
  });

  test(`startWorkers() tells that its port is taken, ${count} workers`, async (t) => {
    const taken = createServer().listen(0, "127.0.0.1");
    t.after(() => taken.close());
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const workers = await lab(t, await generationOf({ ...open, server: { port, workers: count } }, 1));
    await assert.rejects(workers.listening, { code: "EADDRINUSE" });
  });
}
