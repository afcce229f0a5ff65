import assert from "node:assert/strict";
import { test } from "node:test";
import { startProgress, startSteps, whileTold } from "../../cli/progress.ts";
import type { RankingsAnswer } from "../../daemon/admin/contract/log-statistics.ts";
import type { LogRow } from "../../daemon/admin/contract/logs.ts";
import { patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

test("usage, top and logs with a filter tell what was asked for, by whom, and what it cost", async (t) => {
  const daemon = await startDaemon({ config: { ledger: patientLedger } });
  t.after(() => daemon.stop());
  for (const [name, prompts] of [
    ["shop", ["#echo words=20", "#echo words=20", "#echo fail=503"]],
    ["ci", ["hello"]],
  ] as const) {
    const secret = await daemon.createKey({ name });
    for (const content of prompts)
      await (
        await fetch(`${daemon.url}/v1/chat/completions`, {
          method: "POST",
          headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
          body: JSON.stringify({ model: "echo-paid/echo-paid", messages: [{ role: "user", content }] }),
        })
      ).text();
  }
  await daemon.rows("echo-paid/echo-paid", 4);
  const usage = await until("all in the roll-ups", async () => {
    const found = await daemon.json<RankingsAnswer & { total: { requests: number } }>(
      "usage",
      "--by",
      "key",
      "--period",
      "today",
    );
    return found.total.requests === 4 && found;
  });
  assert.deepEqual(
    usage.rankings.map(({ name, sums }) => [name, sums.requests, sums.errors]),
    [
      ["shop", 3, 1],
      ["ci", 1, 0],
    ],
  );

  const table = await daemon.cli("usage", "--by", "key", "--period", "1h");
  assert.match(
    table.stdout,
    /^KEY +REQUESTS +ERRORS +TOKENS IN +TOKENS OUT +COST\s*\nshop \(key_\w+\) +3 +1 .*\$\d\S+ +█{24}\nci \(key_\w+\) /,
  );
  assert.match(table.stdout, /\n\d{4}-\d\d-\d\d \d\d:\d\d {2}█+ +\$\S+ {2}\d requests\n/);
  assert.match(table.stderr, /^From .* UTC: 4 requests, \$\S+, \d+ tokens in, \d+ out, 1 errors/);

  const top = await daemon.cli("top", "--by", "key", "--order", "errors");
  assert.match(
    top.stdout,
    /serving\n0 in flight, .* in the last 5m\n\nKEY +REQ\/S +REQUESTS +ERRORS .*\nshop +\S+ +3 +33% /,
  );

  const filtered = await daemon.cli("logs", "--json", "key:shop", "!status:5xx", "out:>=20");
  const rows = filtered.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as LogRow);
  assert.deepEqual(
    rows.map(({ key_name, status }) => [key_name, status]),
    [
      ["shop", 200],
      ["shop", 200],
    ],
  );
  const wrong = await daemon.cli("logs", "stauts:200");
  assert.deepEqual([wrong.code, /no field "stauts"; there are id, status/.test(wrong.stderr)], [2, true]);
});

test("whileTold() says the time it takes until it is told how far it is, then draws a bar, and takes its line away", async () => {
  const said: string[] = [];
  let at = 0;
  const terminal = { err: (part: string) => void said.push(part), errIsTerminal: true, now: () => at };
  const { promise: work, resolve: end } = Promise.withResolvers<number>();
  let tell: ((done: number, total: number) => void) | undefined;
  const waiting = whileTold(
    "walking the chain",
    (given) => {
      tell = given;
      return work;
    },
    terminal,
  );
  at = 2_500;
  await until("the line", () => said.length > 0);
  assert.equal(said[0], "\r\u001b[Kwalking the chain … 2 s");
  at = 2_550;
  tell?.(10, 200);
  at = 3_000;
  tell?.(50, 200);
  tell?.(60, 200);
  at = 4_000;
  // More was written meanwhile than there was to begin with.
  tell?.(300, 200);
  end(7);
  assert.equal(await waiting, 7);
  assert.deepEqual(said.slice(1), [
    "\r\u001b[K██████·················· 25%  walking the chain, 50 of 200",
    "\r\u001b[K████████████████████████ 100%  walking the chain, 200 of 200",
    "\r\u001b[K",
  ]);
  said.length = 0;
  const silent = { ...terminal, errIsTerminal: false };
  assert.equal(await whileTold("x", async (given) => (given === undefined ? 8 : 9), silent), 8);
  assert.deepEqual(said, []);
});

test("startProgress() draws what is done of what there is, on a terminal alone, and takes its line away", () => {
  const said: string[] = [];
  let at = 0;
  const terminal = { err: (part: string) => void said.push(part), errIsTerminal: true, now: () => at };
  const progress = startProgress("records", 200, terminal);
  at = 100;
  progress.add(10);
  assert.deepEqual(said, [], "short work shows nothing");
  at = 1_000;
  progress.add(90);
  progress.end();
  assert.deepEqual(said, ["\r\u001b[K████████████············ 50%  100 records, 100 a second", "\r\u001b[K"]);
  const silent = startProgress("records", 200, { ...terminal, errIsTerminal: false });
  at = 9_000;
  silent.add(1);
  silent.end();
  assert.equal(said.length, 2);
});

test("startSteps() says each step once, and draws a bar below it on a terminal alone", () => {
  const said: string[] = [];
  let at = 0;
  const terminal = { err: (part: string) => void said.push(part), errIsTerminal: true, now: () => at };
  const steps = startSteps(terminal);
  steps("copying", 0);
  at = 200;
  steps("copying", 0.25);
  at = 1_000;
  steps("copying", 0.5);
  steps("copying", 0.51);
  steps("sealing");
  steps.end();
  const bar = "\r\u001b[K████████████············ 50%";
  assert.deepEqual(said, ["copying …\n", bar, "\r\u001b[K", "sealing …\n"]);
  said.length = 0;
  const piped = startSteps({ ...terminal, errIsTerminal: false });
  piped("copying");
  at = 9_000;
  piped("copying", 0.5);
  piped.end();
  assert.deepEqual(said, ["copying …\n"]);
});
