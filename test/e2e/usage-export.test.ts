/** What `usage` exports adds up to what was charged, to the nano-dollar, by whoever and whatever. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { usageCsv } from "../../cli/usage-csv.ts";
import type { KeyAnswer, KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import type { Ranking, Sums } from "../../daemon/admin/contract/log-statistics.ts";
import { ask } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

let daemon: Daemon;
const spent: Record<string, number> = {};
const calls = { shop: 3, blog: 2 } as const;

before(async () => {
  daemon = await startDaemon({
    config: { ledger: patientLedger, prices: { "echo-paid/*": { input: 0.123457, output: 7.654321 } } },
  });
  for (const [customer, count] of Object.entries(calls)) {
    await daemon.admin("POST", "/api/governance/customers", { name: customer });
    const { secret } = await daemon.admin<KeySecretAnswer>("POST", "/api/keys", {
      ...{ name: `${customer}-key`, customer },
      budgets: [{ limit_nano: 10_000_000_000, window: { kind: "rolling", length_ms: 86_400_000 } }],
    });
    for (let call = 0; call < count; call++) {
      const headers = { "x-bf-dim-team": customer, "x-bf-dim-step": String(call) };
      const prompt = `#echo words=${7 + call}`;
      await ask(daemon.url, { dialect: "chat", model: "echo-paid", key: secret, prompt, maxTokens: 50, headers });
    }
  }
  await daemon.settled();
  for (const customer of Object.keys(calls)) {
    const { key } = await daemon.admin<KeyAnswer>("GET", `/api/keys/${customer}-key`);
    spent[customer] = key.budgets[0]?.spent_nano ?? 0;
  }
});
after(() => daemon?.stop());

type Exported = { readonly rankings: readonly Ranking[]; readonly total: Sums };

for (const by of ["customer", "key", "model", "provider", "tag"] as const) {
  test(`usage --by ${by} exports the same sums as JSON and as CSV, and they are what was charged`, async () => {
    const all = (spent["shop"] ?? 0) + (spent["blog"] ?? 0);
    const json = await until("the sums", async () => {
      const found = await daemon.json<Exported>("usage", "--by", by, "--period", "1d");
      return found.total.requests === 5 && found;
    });
    assert.equal(json.total.cost_nano, all);
    const csv = await daemon.cli("usage", "--by", by, "--period", "1d", "--csv");
    assert.equal(csv.code, 0, csv.stderr);
    const [head, ...lines] = csv.stdout
      .trimEnd()
      .split("\r\n")
      .map((line) => line.split(","));
    assert.deepEqual(head?.slice(0, 3), [by, "name", "requests"]);
    const column = (name: string) => head!.indexOf(name);
    assert.deepEqual(
      lines.map((line) => [line[0], Number(line[column("requests")]), Number(line[column("cost_nano")])]),
      json.rankings.map(({ value, sums }) => [value, sums.requests, sums.cost_nano]),
    );
    for (const line of lines)
      assert.equal(BigInt(line[column("cost_usd")]!.replace(".", "")), BigInt(line[column("cost_nano")]!));
    const sums = new Map(json.rankings.map(({ value, name, sums: { cost_nano: nano } }) => [name ?? value, nano]));
    if (by === "customer") assert.deepEqual(Object.fromEntries(sums), spent);
    if (by === "tag")
      for (const customer of Object.keys(calls)) assert.equal(sums.get(`team=${customer}`), spent[customer]);
    if (by !== "tag")
      assert.equal(
        [...sums.values()].reduce((sum, nano) => sum + nano, 0),
        all,
      );
  });
}

test("usageCsv() quotes what must be, makes no formula, and tells a sum below nothing", () => {
  const sums = { requests: 1, errors: 0, tokens_in: 2, tokens_out: 3, cost_nano: -1_500_000_001 } as unknown as Sums;
  const rest = { tokens_cache_read: 0, tokens_cache_write: 0, tokens_reasoning: 0, unpriced: 0 };
  const csv = usageCsv("tag", [{ value: '=a="b",c', name: null, sums: { ...sums, ...rest } }]);
  assert.equal(csv.split("\r\n")[1], `"'=a=""b"",c",,1,0,2,3,0,0,0,0,-1500000001,-1.500000001`);
});

test("usage refuses --csv and --json at once", async () => {
  assert.equal((await daemon.cli("usage", "--csv", "--json")).code, 2);
});
