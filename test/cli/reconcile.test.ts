/** A provider's export of costs, read exactly, beside what a daemon has settled. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bareName, type Comparison, compare } from "../../cli/reconcile/compare.ts";
import { readExport } from "../../cli/reconcile/read-export.ts";
import type { KeyAnswer } from "../../daemon/admin/contract/keys.ts";
import { ask } from "../support/client.ts";
import { patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const read = (text: string) => readExport(text, {}, false);

test("readExport() reads OpenAI's dashboard to the nano-dollar, and days without costs as none", () => {
  const csv = `start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id
1759622400,1759708800,2025-10-05T00:00:00+00:00,2025-10-06T00:00:00+00:00,0.8958740000000001,usd,"gpt-5-mini-2025-08-07, input",p
1759622400,1759708800,2025-10-05T00:00:00+00:00,2025-10-06T00:00:00+00:00,0.0000000005,usd,"gpt-5-mini-2025-08-07, output",p
1759968000,1760054400,2025-10-09T00:00:00+00:00,2025-10-10T00:00:00+00:00,,,,
`;
  assert.deepEqual(read(csv), [
    { day: "2025-10-05", model: "gpt-5-mini-2025-08-07", nano: 895_874_000 },
    { day: "2025-10-05", model: "gpt-5-mini-2025-08-07", nano: 1 },
  ]);
  assert.deepEqual(read(csv.replaceAll(",", "\t").replaceAll('"', "")).length, 2, "with tabs");
});

test("readExport() reads OpenAI's costs API, pages of it, and Anthropic's cost report, which tells cents", () => {
  const bucket = {
    ...{ object: "bucket", start_time: 1_759_622_400 },
    results: [{ amount: { value: 1e-7, currency: "usd" }, line_item: "gpt-4o, cached input" }],
  };
  const page = { object: "page", data: [bucket] };
  const line = { day: "2025-10-05", model: "gpt-4o", nano: 100 };
  assert.deepEqual(read(JSON.stringify(page)), [line]);
  assert.deepEqual(read(JSON.stringify([page, page])), [line, line]);
  const report = {
    data: [
      {
        starting_at: "2025-10-05T00:00:00Z",
        results: [
          { currency: "USD", amount: "123.456789", model: "claude-sonnet-4-5-20250929", cost_type: "tokens" },
          { currency: "USD", amount: "1", model: null, description: "Web Search Usage" },
        ],
      },
    ],
  };
  assert.deepEqual(read(JSON.stringify(report)), [
    { day: "2025-10-05", model: "claude-sonnet-4-5-20250929", nano: 1_234_567_890 },
    { day: "2025-10-05", model: "Web Search Usage", nano: 10_000_000 },
  ]);
});

test("readExport() takes columns by name, and refuses what it cannot read, naming where", () => {
  const csv = 'When,What,Paid\n2025-10-05,"a ""b""",$150.5\n';
  assert.deepEqual(readExport(csv, { day: "when", model: "What", cost: "Paid" }, true), [
    { day: "2025-10-05", model: 'a "b"', nano: 1_505_000_000 },
  ]);
  for (const [text, words] of [
    ["", /empty/],
    [csv, /no column for the day; there are When, What, Paid/],
    ["date,model,cost\nsoon,m,1\n", /line 2: "soon" is no date/],
    ["date,model,cost\n2025-10-05,m,1e9x\n", /line 2: "1e9x" is no decimal/],
    ["date,model,cost,currency\n2025-10-05,m,1,EUR\n", /line 2 is in eur/],
    ['date,model,cost\n2025-10-05,"m,1\n', /quoted field does not end/],
    ["{", /neither JSON nor CSV/],
    ["{}", /has no "data"/],
    ['{"data":[{"results":[]}]}', /data\[0\] has no start_time/],
    ['{"data":[{"start_time":1759622400,"results":[{"amount":{"value":"x"}}]}]}', /results\[0\]\.amount is no decimal/],
  ] as const) {
    assert.throws(() => read(text), words, text);
  }
});

test("compare() joins dated names with ours, and tells what nothing explains", () => {
  const day = "2025-10-05";
  const ours = [
    { day, model: "gpt-4o", nano: 1_000_000_000, requests: 9, unpriced: 0 },
    { day, model: "o3", nano: 0, requests: 1, unpriced: 1 },
    { day, model: "gpt-5", nano: 500_000_000, requests: 2, unpriced: 0 },
  ];
  const theirs = [
    { day, model: "gpt-4o-2024-08-06", nano: 600_000_000 },
    { day, model: "gpt-4o", nano: 409_000_000 },
    { day, model: "o3", nano: 70_000_000 },
    { day, model: "Sora", nano: 90_000_000 },
  ];
  const found = compare(theirs, ours, 0.01, new Map());
  assert.deepEqual(
    found.lines.map(({ model, difference_nano: difference, unexplained_nano: unexplained }) => [
      ...[model, difference, unexplained],
    ]),
    [
      ["Sora", 90_000_000, 90_000_000],
      ["gpt-4o", 9_000_000, 0],
      ["gpt-5", -500_000_000, -500_000_000],
      ["o3", 70_000_000, 0],
    ],
  );
  assert.equal(found.difference_nano, found.theirs_nano - found.ours_nano);
  assert.equal(found.unexplained_nano, -410_000_000);
  assert.equal(compare(theirs, ours, 0.01, new Map([["Sora", "gpt-5"]])).lines.length, 3);
  assert.equal(bareName("Claude Sonnet 4.5"), bareName("claude-sonnet-4-5-20250929"));
});

test("reconcile compares an export with what was settled, and ends with 6 where they differ", async (t) => {
  const prices = { "echo-paid/*": { input: 1_000, output: 1_000 } };
  const daemon = await startDaemon({ config: { ledger: patientLedger, prices } });
  t.after(() => daemon.stop());
  const key = await daemon.createKey({ name: "one", budget: "100/1d" });
  for (let call = 0; call < 3; call++)
    await ask(daemon.url, { dialect: "chat", model: "echo-paid", key, prompt: "#echo words=30", maxTokens: 90 });
  await daemon.settled();
  const { key: one } = await daemon.admin<KeyAnswer>("GET", "/api/keys/one");
  const spent = one.budgets[0]?.spent_nano ?? 0;
  assert.ok(spent > 20_000_000, `${spent} is more than what is rounded`);
  const day = new Date().toISOString().slice(0, 10);
  const file = join(daemon.home, "costs.csv");
  const run = (nano: number, ...more: string[]) => {
    writeFileSync(file, `date,model,cost\n${day},echo-paid-2024-08-06,${(nano / 1e9).toFixed(9)}\n`);
    return daemon.cli("reconcile", file, "--provider", "echo-paid", ...more);
  };
  const same = await until("the sums", async () => {
    const found = await run(spent, "--json");
    return found.code === 0 && (JSON.parse(found.stdout) as Comparison);
  });
  assert.deepEqual([same.theirs_nano, same.ours_nano, same.difference_nano], [spent, spent, 0]);
  const dearer = await run(spent * 2);
  assert.equal(dearer.code, 6, dearer.stderr);
  assert.match(dearer.stdout, /^DAY +MODEL +THEIRS +OURS +DIFFERENCE +UNEXPLAINED/);
  assert.match(dearer.stderr, /echo-paid, .* unexplained \$0\.\d+/);
  assert.equal((await run(spent * 2, "--tolerance", "50%")).code, 0);
  const elsewhere = await run(spent, "--period", "2020-01");
  assert.deepEqual([elsewhere.code, elsewhere.stdout], [0, ""]);
  const missing = await daemon.cli("reconcile", join(daemon.home, "none.csv"), "--provider", "echo-paid");
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /cannot read/);
});
