/** A wrong price, put right: entries of their own, exact, once, and the settled rows as they were. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import Database from "better-sqlite3";
import type { AuditListAnswer } from "../../daemon/admin/contract/audit.ts";
import type { KeyAnswer } from "../../daemon/admin/contract/keys.ts";
import type { RankingsAnswer, StatsAnswer } from "../../daemon/admin/contract/log-statistics.ts";
import type { RepriceAnswer } from "../../daemon/admin/contract/reprice.ts";
import { ask } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const config = (input: number, output: number) => ({
  ledger: patientLedger,
  prices: { "echo-paid/*": { input, output } },
});

let daemon: Daemon;
before(async () => {
  daemon = await startDaemon({ config: config(10, 50) });
});
after(() => daemon?.stop());

const spent = async (name: string) =>
  (await daemon.admin<KeyAnswer>("GET", `/api/keys/${name}`)).key.budgets[0]?.spent_nano ?? 0;
const usageNano = async () => {
  const now = Date.now() + 60_000;
  return (await daemon.admin<StatsAnswer>("GET", `/api/logs/stats?since_ms=${now - 86_400_000}&until_ms=${now}`)).sums
    .cost_nano;
};
const reprice = (...more: string[]) => daemon.json<RepriceAnswer>("ledger", "reprice", "--since", "1h", ...more);

/** The settled rows, to the byte. */
function settledRows(): unknown[] {
  const database = new Database(join(daemon.home, "state.db"), { readonly: true });
  const rows = database
    .prepare(
      "SELECT hold_id, at, key_id, scopes, cost_nano, tokens, flags, record, hash FROM records WHERE flags & 144 = 0 ORDER BY seq",
    )
    .all();
  database.close();
  return rows;
}

describe("ledger reprice", { concurrency: false }, () => {
  const calls = 6;
  let charged = 0;

  test("A8 reprice() tells the difference and changes nothing with --dry-run", async () => {
    const key = await daemon.createKey({ name: "one", budget: "1/1d" });
    for (let call = 0; call < calls; call += 1)
      await ask(daemon.url, { dialect: "chat", model: "echo-paid", key, prompt: "#echo words=4", maxTokens: 20 });
    await daemon.settled();
    await daemon.rows("echo-paid", calls);
    charged = await spent("one");
    assert.ok(charged > 0);
    daemon.writeConfig(config(20, 100));
    await daemon.json("reload");
    const told = await reprice("--dry-run");
    assert.deepEqual([told.dry_run, told.looked_at, told.adjusted], [true, calls, calls]);
    assert.equal(told.difference_nano, charged, "twice the price");
    assert.equal(await spent("one"), charged);
    assert.equal((await reprice("--dry-run", "--model", "echo-paid/other")).looked_at, 0);
  });

  test("A8 reprice() moves balances and sums by the entries, once, and leaves settled rows alone", async () => {
    await until("the sums", async () => (await usageNano()) === charged);
    const before = settledRows();
    const done = await reprice();
    assert.equal(done.difference_nano, charged);
    assert.deepEqual(done.models, [
      {
        ...{ model: "echo-paid/echo-paid", requests: calls },
        ...{ before_nano: charged, after_nano: 2 * charged, difference_nano: charged },
      },
    ]);
    assert.deepEqual(settledRows(), before);
    assert.equal(await spent("one"), 2 * charged);
    assert.equal(await usageNano(), 2 * charged);
    assert.ok((await daemon.settled()).ok);
    const again = await reprice();
    assert.deepEqual([again.adjusted, again.difference_nano], [0, 0]);
    assert.equal(await spent("one"), 2 * charged);
    const { records } = await daemon.admin<AuditListAnswer>("GET", "/api/audit/records?changes=true&limit=50");
    assert.ok(records.filter(({ action }) => action === "ledger.reprice").length >= 2, "each run is in the trail");
    const verified = await daemon.json<{ ok: boolean }>("audit", "verify");
    assert.ok(verified.ok);
  });

  test("A8 reprice() goes down again, and what it did is there after kill -9 and a start", async () => {
    daemon.writeConfig(config(5, 25));
    await daemon.json("reload");
    assert.equal((await reprice()).difference_nano, charged / 2 - 2 * charged);
    assert.equal(await spent("one"), charged / 2);
    await daemon.kill("SIGKILL");
    await daemon.restart();
    assert.equal(await spent("one"), charged / 2);
    assert.ok((await daemon.settled()).ok);
    assert.equal(await usageNano(), charged / 2);
    assert.equal((await reprice()).adjusted, 0);
  });

  test("A8 reprice() reaches the sums of requests whose rows are gone", async () => {
    const written = (work: (database: Database.Database) => void) => {
      const database = new Database(join(daemon.home, "traffic.db"), { timeout: 10_000 });
      work(database);
      database.close();
    };
    written((database) => database.exec("DELETE FROM requests"));
    daemon.writeConfig(config(20, 100));
    await daemon.json("reload");
    assert.equal((await reprice()).adjusted, calls);
    assert.equal(await spent("one"), 2 * charged);
    // An hour later no row can come any more.
    written((database) => database.exec("UPDATE awaited SET since = 0"));
    await daemon.restart();
    await until("the sums", async () => (await usageNano()) === 2 * charged);
    const now = Date.now() + 60_000;
    for (const [by, value] of [
      ["target", "echo-paid/echo-paid"],
      ["model", "echo-paid"],
      ["provider", "echo-paid"],
    ]) {
      const path = `/api/logs/rankings?by=${by}&since_ms=${now - 86_400_000}&until_ms=${now}`;
      const { rankings } = await daemon.admin<RankingsAnswer>("GET", path);
      assert.deepEqual(
        rankings.map((each) => [each.value, each.sums.cost_nano]),
        [[value, 2 * charged]],
      );
    }
  });

  test("A8 reprice() refuses what it cannot read, saying so", async () => {
    const wrong = await daemon.cli("ledger", "reprice", "--since", "soon");
    assert.equal(wrong.code, 2, wrong.stderr);
    const without = await daemon.cli("ledger", "reprice");
    assert.match(without.stderr, /--since/);
  });
});
