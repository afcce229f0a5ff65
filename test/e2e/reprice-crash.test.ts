/** A crash between an adjusting entry and the sums of the log, which are two files: they agree again after the next start. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { KeyAnswer } from "../../daemon/admin/contract/keys.ts";
import type { StatsAnswer } from "../../daemon/admin/contract/log-statistics.ts";
import type { StoreAccess } from "../../daemon/admin/services/store-access.ts";
import { finishSums } from "../../daemon/admin/services/unsummed.ts";
import { openStateWriter, trafficFile } from "../../daemon/store/boot.ts";
import type { Adjustment } from "../../daemon/store/commands/adjust.ts";
import { openDatabase } from "../../daemon/store/database.ts";
import { TrafficWriter } from "../../daemon/store/traffic-writer.ts";
import { ask } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const config = (input: number, output: number) => ({
  ledger: patientLedger,
  prices: { "echo-paid/*": { input, output } },
});
const calls = 30;

async function start(): Promise<Daemon> {
  const daemon = await startDaemon({ config: config(10, 50) });
  const key = await daemon.createKey({ name: "one", budget: "1/1d" });
  const call = () =>
    ask(daemon.url, { dialect: "chat", model: "echo-paid", key, prompt: "#echo words=4", maxTokens: 20 });
  await Promise.all(Array.from({ length: calls }, call));
  await daemon.settled();
  await daemon.rows("echo-paid", calls);
  await until("the sums", async () => (await usedNano(daemon)) === (await spentNano(daemon)));
  return daemon;
}

const spentNano = async (daemon: Daemon) =>
  (await daemon.admin<KeyAnswer>("GET", "/api/keys/one")).key.budgets[0]?.spent_nano ?? 0;
async function usedNano(daemon: Daemon): Promise<number> {
  const now = Date.now() + 60_000;
  const path = `/api/logs/stats?since_ms=${now - 86_400_000}&until_ms=${now}`;
  return (await daemon.admin<StatsAnswer>("GET", path)).sums.cost_nano;
}

/** What each request was charged, once more or once less. */
function entriesOf(home: string, times: 1 | -1): readonly Adjustment[] {
  const database = openDatabase(join(home, "state.db"), { readonly: true });
  const rows = database
    .prepare(
      "SELECT hold_id AS holdId, at, key_id AS keyId, scopes, cost_nano AS nano, json_extract(record, '$.request') AS request FROM records WHERE flags & 144 = 0 AND cost_nano > 0",
    )
    .all() as (Pick<Adjustment, "holdId" | "at" | "keyId" | "scopes"> & { nano: number; request: string | null })[];
  database.close();
  assert.equal(rows.length, calls);
  return rows.map(({ nano, request, ...row }) => ({
    ...{ ...row, request: request ?? row.holdId, target: "echo-paid/echo-paid" },
    ...{ fromNano: 0, toNano: 0, deltaNano: times * nano },
  }));
}

test("A8 reprice() broken off before the sums: the next start finishes them; broken off after: it does not add them twice", async () => {
  const daemon = await start();
  const charged = await spentNano(daemon);
  assert.ok(charged > 0);
  await daemon.kill("SIGKILL");
  const adjust = (times: 1 | -1, then: (access: StoreAccess) => Promise<void>) => {
    const writer = openStateWriter(daemon.home);
    writer.execute({ kind: "adjust", entries: entriesOf(daemon.home, times) }, "test");
    const access = {
      execute: () => Promise.reject(new Error("killed")),
      query: () => Promise.reject(new Error("nothing is queried")),
      database: () => writer.database,
    };
    return then(access).finally(() => writer.close());
  };

  await adjust(1, async () => undefined);
  await daemon.restart();
  assert.equal(await spentNano(daemon), 2 * charged);
  await until("the sums", async () => (await usedNano(daemon)) === 2 * charged);
  assert.equal((await daemon.settled()).ok, true);

  await daemon.kill("SIGKILL");
  await adjust(-1, async (access) => {
    const traffic = new TrafficWriter(openDatabase(trafficFile(daemon.home)), { retentionMs: 0 });
    await assert.rejects(
      finishSums(access, async (batch) => traffic.adjust(batch), "test"),
      /killed/,
    );
    traffic.close();
  });
  await daemon.restart();
  assert.equal(await spentNano(daemon), charged);
  // A later adjustment waits for what the start finishes, so its end is the end of both.
  daemon.writeConfig(config(20, 100));
  await daemon.json("reload");
  await daemon.json("ledger", "reprice", "--since", "1h");
  assert.equal(await usedNano(daemon), await spentNano(daemon));
  assert.equal((await daemon.settled()).ok, true);
  await daemon.stop();
});

test("A8 reprice() killed at any moment leaves ledger and sums that agree after a start", async () => {
  const daemon = await start();
  for (let round = 0; round < 6; round += 1) {
    daemon.writeConfig(config(round % 2 === 0 ? 20 : 10, round % 2 === 0 ? 100 : 50));
    await daemon.json("reload");
    const under = daemon
      .admin("POST", "/api/ledger/reprice", { since_ms: Date.now() - 3_600_000, until_ms: Date.now() + 1 })
      .catch(() => undefined);
    const kill = new Promise((resolve) => setTimeout(resolve, 7 * round));
    await kill;
    await daemon.kill("SIGKILL");
    await under;
    await daemon.restart();
    const spent = await spentNano(daemon);
    await until(`the sums of round ${round}`, async () => (await usedNano(daemon)) === spent);
    assert.equal((await daemon.settled()).ok, true);
  }
  await daemon.stop();
});
