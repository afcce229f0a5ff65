/** Threads that die under load: each is replaced, and the books are as if it had not happened. */
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Worker } from "node:worker_threads";
import Database from "better-sqlite3";
import type { LedgerCheckAnswer } from "../../../daemon/admin/contract/audit.ts";
import type { AdminAddress } from "../../../daemon/admin/contract/calling.ts";
import type { StatusAnswer } from "../../../daemon/admin/contract/daemon.ts";
import type { KeySecretAnswer } from "../../../daemon/admin/contract/keys.ts";
import { type Daemon, startDaemon } from "../../../daemon/runtime/daemon.ts";
import { type Answer, ask, begin, send } from "../../support/client.ts";
import { type FaultUpstream, startFaultUpstream } from "../../support/fault-upstream.ts";
import { pause, until } from "../../support/until.ts";

type Lab = {
  readonly daemon: Daemon;
  /** The newest thread of a name that is alive, and how many have been started. */
  readonly thread: (name: string) => Worker | undefined;
  readonly started: (name: string) => number;
  /** Ends it between any two of its instructions. */
  readonly kill: (name: string) => Promise<void>;
  readonly admin: <Value>(method: string, path: string, body?: unknown) => Promise<Value>;
  readonly createKey: (name: string, dollars: number) => Promise<string>;
  /** No request and no hold is open, every balance is the sum of its rows, and the chain is whole. */
  readonly settled: () => Promise<LedgerCheckAnswer>;
  readonly records: () => { holdId: string; flags: number; cost: number }[];
};

/** A whole daemon in this process, so that its threads are within reach: node tells of every worker that is made. */
async function lab(t: TestContext, config: object): Promise<Lab> {
  const home = mkdtempSync(join(tmpdir(), "bf-"));
  writeFileSync(join(home, "config.yaml"), JSON.stringify({ log: { level: "error" }, ...config }));
  const threads: { readonly name: string; readonly worker: Worker }[] = [];
  const made = (message: unknown): void => {
    const { worker } = message as { worker: Worker };
    threads.push({ name: worker.threadName ?? "", worker }); // a dead one has no name
  };
  subscribe("worker_threads", made);
  const daemon = await startDaemon({ home, directory: home, environment: { UPSTREAM_KEY: "x" }, port: 0 });
  t.after(async () => {
    daemon.stop(0);
    assert.equal(await daemon.ended, 0);
    unsubscribe("worker_threads", made);
    rmSync(home, { recursive: true });
  });
  const { socket } = JSON.parse(readFileSync(join(home, "admin.json"), "utf8")) as AdminAddress;

  async function admin<Value>(method: string, path: string, body?: unknown): Promise<Value> {
    const opened = await send("http://127.0.0.1:1", {
      method,
      path,
      socketPath: socket,
      headers: { host: "localhost", "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const answer = await opened.answer();
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return JSON.parse(answer.text) as Value;
  }
  const thread = (name: string) => threads.findLast((made) => made.name === name && made.worker.threadId > 0)?.worker;
  return {
    daemon,
    thread,
    admin,
    started: (name) => threads.filter((made) => made.name === name).length,
    kill: async (name) => {
      const worker = await until(`a thread ${name}`, () => thread(name));
      await worker.terminate();
    },
    createKey: async (name, dollars) => {
      const budgets = [{ limit_nano: dollars * 1e9, window: { kind: "rolling", length_ms: 86_400_000 } }];
      return (await admin<KeySecretAnswer>("POST", "/api/keys", { name, budgets })).secret;
    },
    settled: async () => {
      const check = await until("every hold to be settled", async () => {
        const status = await admin<StatusAnswer>("GET", "/api/status");
        const running = status.workers.reduce((sum, worker) => sum + worker.requests_in_flight, 0);
        const now = await admin<LedgerCheckAnswer>("GET", "/api/ledger/check").catch(() => undefined);
        return running === 0 && status.ledger.holds_open === 0 && now?.holds_open === 0 && now;
      });
      assert.deepEqual(check.problems, []);
      assert.equal((await admin<{ ok: boolean }>("GET", "/api/audit/verify")).ok, true);
      return check;
    },
    records: () => {
      const database = new Database(join(home, "state.db"), { readonly: true });
      const rows = database
        .prepare("SELECT hold_id AS holdId, flags, cost_nano AS cost FROM records WHERE flags & 16 = 0 ORDER BY seq")
        .all();
      database.close();
      return rows as { holdId: string; flags: number; cost: number }[];
    },
  };
}

const estimatedAndRecovered = 5;
const patient = { log: { level: "error" }, ledger: { commit_lag_max: "10s" } };

function paidBy(upstream: FaultUpstream): object {
  return {
    ...patient,
    providers: { paid: { base_url: `${upstream.origin}/v1`, api_key: "env.UPSTREAM_KEY" } },
    prices: { "paid/*": { input: 100, output: 500 } },
  };
}

/** Calls without a pause, some of them streamed, until it is stopped; then how each ended. */
function load(url: string, keys: readonly string[], model: string, callers: number): () => Promise<Answer[]> {
  const answers: Answer[] = [];
  let going = true;
  const caller = async (index: number): Promise<void> => {
    while (going) {
      const key = keys[index % keys.length];
      const question = { dialect: index % 2 ? "chat" : "messages", model, key, stream: index % 3 === 0 } as const;
      const answer = await ask(url, { ...question, prompt: "#echo words=3 gap=2ms" }).catch(() => undefined);
      if (answer === undefined)
        await pause(5); // its worker is dead and nobody listens yet
      else answers.push(answer);
    }
  };
  const callersDone = Promise.all(Array.from({ length: callers }, (_, index) => caller(index)));
  return async () => {
    going = false;
    await callersDone;
    return answers;
  };
}

test("startWorkers() replaces a dead worker, and settles what it held as estimated and recovered", async (t) => {
  const upstream = await startFaultUpstream();
  t.after(() => upstream.stop());
  const { daemon, kill, createKey, settled, records, admin } = await lab(t, paidBy(upstream));
  const key = await createKey("held", 1000);
  const model = "slow+words=500+gap=20";
  const question = { dialect: "chat", model: `paid/${model}`, key, stream: true, maxTokens: 900 } as const;
  const streams = Array.from({ length: 12 }, () => begin(daemon.url, question));
  const opened = await Promise.all(streams.map((stream) => stream.head));
  await kill("data-plane");
  for (const stream of opened) assert.equal((await stream.answer()).ended, "cut");
  await until("the next worker", () => ask(daemon.url, { dialect: "chat", model: "echo", key }).catch(() => undefined));
  await settled();
  const left = records().filter(({ flags }) => flags === estimatedAndRecovered);
  assert.equal(left.length, 12);
  assert.equal(new Set(left.map(({ holdId }) => holdId)).size, 12);
  for (const { cost } of left) assert.ok(cost > 0, "its input was sent");
  const shown = await admin<{ key: { budgets: { spent_nano: number }[] } }>("GET", "/api/keys/held");
  assert.equal(
    shown.key.budgets[0]?.spent_nano,
    records().reduce((sum, { cost }) => sum + cost, 0),
  );
  await until("the provider's connections to be closed", async () => (await upstream.openConnections()) === 0);
});

test("startWorkers() under load: workers die again and again, and no hold stays open", async (t) => {
  const { daemon, kill, createKey, settled, records, started } = await lab(t, { ...patient, server: { workers: 2 } });
  const key = await createKey("loaded", 1000);
  const stop = load(daemon.url, [key], "echo-paid", 12);
  for (let round = 0; round < 6; round += 1) {
    await pause(200 + Math.random() * 300);
    await kill("data-plane");
  }
  const answers = await stop();
  const complete = answers.filter(({ status, ended }) => status === 200 && ended === "complete").length;
  assert.ok(complete > 20, `load was real: ${complete}`);
  await settled();
  const rows = records();
  assert.equal(new Set(rows.map(({ holdId }) => holdId)).size, rows.length, "each settled once");
  await until("all workers", () => started("data-plane") >= 8);
  const last = await until("one that listens", () =>
    ask(daemon.url, { dialect: "chat", model: "echo", key }).catch(() => undefined),
  );
  assert.equal(last.status, 200);
});

test("use() answers though a worker dies meanwhile, and its heir has the new generation", async (t) => {
  const { daemon, kill, createKey, admin } = await lab(t, { ...patient, server: { workers: 2 } });
  const key = await createKey("reloaded", 1000);
  for (let round = 0; round < 4; round += 1) {
    const aliases = { [`only-${round}`]: "echo" };
    writeFileSync(join(daemon.home, "config.yaml"), JSON.stringify({ ...patient, server: { workers: 2 }, aliases }));
    await Promise.all([admin("POST", "/api/reload", {}), kill("data-plane")]);
    const told = await until("both workers", async () => {
      const calls = Array.from({ length: 12 }, () =>
        ask(daemon.url, { dialect: "chat", model: `only-${round}`, key }).catch(() => undefined),
      );
      const answers = await Promise.all(calls);
      return answers.every((answer) => answer !== undefined) && answers.map((answer) => answer?.status);
    });
    assert.deepEqual([...new Set(told)], [200]);
  }
});

test("openStoreThreads() replaces a dead state writer: each request is in the books once", async (t) => {
  const { daemon, kill, createKey, settled, records, started } = await lab(t, patient);
  const key = await createKey("written", 1000);
  const stop = load(daemon.url, [key], "echo-paid", 8);
  for (let round = 0; round < 4; round += 1) {
    await pause(20 + Math.random() * 200);
    await kill("state-writer");
  }
  await until("the fifth writer", () => started("state-writer") === 5);
  const answers = await stop();
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  await settled();
  const rows = records();
  assert.equal(rows.length, answers.length);
  assert.equal(new Set(rows.map(({ holdId }) => holdId)).size, rows.length);
  assert.deepEqual([...new Set(rows.map(({ flags }) => flags))], [0], "none is an estimate");
});

test("openStoreThreads() replaces the traffic writer and the reader", async (t) => {
  const { daemon, kill, createKey, admin, settled } = await lab(t, patient);
  const key = await createKey("logged", 1000);
  const rows = async (): Promise<readonly { id: string }[]> =>
    (await admin<{ rows: { id: string }[] }>("GET", "/api/logs?limit=1000")).rows;
  await rows(); // the reader starts with the first question
  let asked = 0;
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        const { status } = await ask(daemon.url, { dialect: "chat", model: "echo", key });
        if (status === 200) asked += 1;
      }),
    );
    await Promise.all([kill("traffic-writer"), kill("reader")]);
  }
  assert.equal(asked, 150);
  const ids = await until("every row", async () => {
    const seen = await rows().catch(() => []);
    return seen.length >= 150 && seen.map(({ id }) => id);
  });
  assert.equal(new Set(ids).size, 150);
  await settled();
});
