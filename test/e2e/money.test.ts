/** Budgets under fire: what is spent, what is refused, what is written. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import Database from "better-sqlite3";
import type { KeyAnswer, KeyListAnswer } from "../../daemon/admin/contract/keys.ts";
import type { LogsAnswer } from "../../daemon/admin/contract/logs.ts";
import { ask, type ClientDialect } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { outcome } from "../support/outcome.ts";
import { until } from "../support/until.ts";

let daemon: Daemon;
before(async () => {
  daemon = await startDaemon({
    config: { ledger: { ...patientLedger, hold_input: "bytes" }, prices: { "echo-paid/*": { input: 10, output: 50 } } },
  });
});
after(() => daemon?.stop());

const dollar = 1_000_000_000;
const dialects: readonly ClientDialect[] = ["chat", "messages"];

async function spentNano(name: string): Promise<number> {
  const { key } = await daemon.admin<KeyAnswer>("GET", `/api/keys/${name}`);
  return key.budgets[0]?.spent_nano ?? 0;
}

describe("budgets", { concurrency: false }, () => {
  for (const dialect of dialects) {
    for (const stream of [false, true]) {
      test(`A1 admit() lets 200 parallel ${dialect} calls, ${stream ? "streamed" : "whole"}, spend no more than $1`, async () => {
        const name = `a1-${dialect}-${stream}`;
        const key = await daemon.createKey({ name, budget: "1/1d" });
        const prompt = "#echo words=200 delay=300ms";
        const wave = () =>
          Promise.all(
            Array.from({ length: 200 }, () =>
              ask(daemon.url, { dialect, model: "echo-paid", key, stream, prompt, maxTokens: 200 }),
            ),
          );
        const answers = await wave();
        const statuses = Map.groupBy(answers, ({ status }) => status);
        assert.deepEqual([...statuses.keys()].sort(), [200, 402], "some are served, the rest refused by the budget");
        for (const answer of statuses.get(402) ?? []) {
          const { error } = outcome(dialect, answer);
          if (dialect === "chat") assert.equal(error?.type, "budget_exceeded");
          assert.match(error?.message ?? "", new RegExp(name), "names the scope");
          assert.equal(answer.headers["x-should-retry"], "false");
        }
        for (let more = 0; more < 3; more += 1) await wave();
        await daemon.settled();
        const spent = await spentNano(name);
        assert.ok(spent <= dollar, `${spent} nano-dollars were spent of ${dollar}`);
        assert.ok(spent > 0.9 * dollar, `the budget was used: ${spent}`);
        // The log is written later than the ledger.
        await until("the log's rows to add up to the balance", async () => {
          const { rows } = await daemon.admin<LogsAnswer>("GET", `/api/logs?limit=1000&key=${name}`);
          return rows.reduce((sum, row) => sum + (row.cost_nano ?? 0), 0) === spent;
        });
      });
    }
  }

  test("A1 admit() counts what calls without a cap overran, and `ledger check` prints the sum", async () => {
    const name = "a1-uncapped";
    const key = await daemon.createKey({ name, budget: "0.5/1d" });
    const call = async (prompt: string) =>
      (await ask(daemon.url, { dialect: "chat", model: "echo-paid", key, prompt })).status;
    const before = (await daemon.settled()).overrun_nano;
    for (let short = 0; short < 40; short += 1) assert.equal(await call("#echo words=1"), 200);
    const long = await Promise.all(Array.from({ length: 40 }, () => call("#echo words=1500 delay=300ms")));
    assert.ok(long.includes(200), `statuses ${long}`);
    assert.equal(await call("#echo words=1"), 402, "what was overrun is seen by the next");
    const check = await daemon.settled();
    const over = (await spentNano(name)) - dollar / 2;
    const told = check.overrun_nano - before;
    assert.ok(over > 0, `nothing was overrun: ${over}`);
    assert.ok(over <= told, `${over} over the limit, ${told} told`);
    assert.match(
      (await daemon.cli("ledger", "check")).stdout,
      /above what was held +\$0\.[0-9]*[1-9]|above what was held +\$[1-9]/,
    );
  });

  test("A11 update() raises and lowers a limit at once, and no budget is not a budget of nothing", async () => {
    const name = "a11";
    const key = await daemon.createKey({ name, budget: "0.005/1d" });
    const status = async () =>
      (await ask(daemon.url, { dialect: "chat", model: "echo-paid", key, prompt: "#echo words=40", maxTokens: 60 }))
        .status;
    const budget = async (...flags: string[]) => {
      const { code, stderr } = await daemon.cli("keys", "update", name, ...flags);
      assert.equal(code, 0, stderr);
    };
    assert.equal(await status(), 200);
    assert.equal(await status(), 402);
    await budget("--budget", "1/1d");
    assert.equal(await status(), 200, "raised");
    await budget("--budget", "0.005/1d");
    assert.equal(await status(), 402, "lowered: what was spent still counts");
    await budget("--no-budget");
    assert.equal(await status(), 200, "none");
    await budget("--budget", "0/1d");
    assert.equal(await status(), 402, "zero");
  });

  test("A13 record() writes at most three rows a request", async () => {
    const key = await daemon.createKey({ name: "a13", budget: "1000/1d", rpm: 100_000, tpm: 100_000_000 });
    const calls = 300;
    const batch = (count: number) =>
      Promise.all(
        Array.from({ length: count }, (_, index) =>
          ask(daemon.url, { dialect: index % 2 === 0 ? "chat" : "messages", model: "echo-paid", key, maxTokens: 20 }),
        ),
      );
    await batch(50);
    await daemon.settled();
    await daemon.rows("echo-paid", 50);
    const rowsBefore = rowsOnDisk(daemon.home);
    for (let sent = 0; sent < calls; sent += 20) await batch(20);
    await daemon.settled();
    await until("every row", async () => {
      const { rows } = await daemon.admin<LogsAnswer>("GET", "/api/logs?limit=1000&key=a13");
      return rows.length === calls + 50;
    });
    const perCall = (rowsOnDisk(daemon.home) - rowsBefore) / calls;
    assert.ok(perCall <= 3, `${perCall} rows a request`);
    assert.ok(perCall >= 2, `${perCall} rows a request: a settlement and a log row at least`);
  });

  test("A17 the list of keys never holds a secret", async () => {
    const list = await daemon.json<KeyListAnswer | unknown[]>("keys", "list");
    assert.doesNotMatch(JSON.stringify(list), /sk-bf-[A-Za-z0-9_-]{20,}/);
  });
});

function rowsOnDisk(home: string): number {
  let total = 0;
  for (const file of ["state.db", "traffic.db"]) {
    const database = new Database(join(home, file), { readonly: true });
    const tables = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .all();
    for (const { name } of tables as { name: string }[]) {
      total += (database.prepare(`SELECT count(*) AS rows FROM "${name}"`).get() as { rows: number }).rows;
    }
    database.close();
  }
  return total;
}
