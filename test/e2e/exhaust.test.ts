/** When money runs out: in the middle of a stream, and before a request that cheaper models could serve. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyAnswer, KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import { ask } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

async function withDaemon(ledger: object, body: (daemon: Daemon) => Promise<void>): Promise<void> {
  const config = {
    ledger: { ...patientLedger, hold_input: "bytes", ...ledger },
    prices: { "echo-paid/*": { input: 0, output: 50 } },
  };
  const daemon = await startDaemon({ config });
  try {
    await body(daemon);
    await daemon.settled();
  } finally {
    await daemon.stop();
  }
}

const make = async (daemon: Daemon, nano: number) =>
  (
    await daemon.admin<KeySecretAnswer>("POST", "/api/keys", {
      name: "k",
      budgets: [{ limit_nano: nano, window: { kind: "forever" } }],
    })
  ).secret;
const spentOf = async (daemon: Daemon) =>
  (await daemon.admin<KeyAnswer>("GET", "/api/keys/k")).key.budgets[0]!.spent_nano!;

/** Short answers teach the estimate; then a long one outruns it. */
async function outrun(daemon: Daemon, key: string) {
  const call = (words: number, stream: boolean) =>
    ask(daemon.url, { dialect: "chat", model: "echo-paid", key, stream, prompt: `#echo words=${words} gap=1ms` });
  for (let short = 0; short < 40; short += 1) assert.equal((await call(1, false)).status, 200);
  const before = await spentOf(daemon);
  const answer = await call(1_500, true);
  await daemon.settled();
  return { answer, spent: (await spentOf(daemon)) - before };
}

test("A10 on_exhaust: finish lets a stream outrun its hold, and charges all of it", () =>
  withDaemon({ on_exhaust: "finish" }, async (daemon) => {
    const { answer, spent } = await outrun(daemon, await make(daemon, 1e12));
    assert.match(answer.text, /"finish_reason":"stop"/);
    assert.ok(spent >= 1_500 * 50_000, `${spent}`);
  }));

test("A10 on_exhaust: cut ends a stream that outruns its hold, and charges what came", () =>
  withDaemon({ on_exhaust: "cut" }, async (daemon) => {
    const { answer, spent } = await outrun(daemon, await make(daemon, 1e12));
    assert.match(answer.text, /budget_exceeded/);
    assert.doesNotMatch(answer.text, /"finish_reason":"stop"/);
    assert.ok(spent > 0 && spent < 1_500 * 50_000, `${spent}`);
  }));

test("A10 on_exhaust: extend holds more while the budget has room, and cuts where it has none", () =>
  withDaemon({ on_exhaust: "extend" }, async (daemon) => {
    const key = await make(daemon, 1e12);
    const { answer } = await outrun(daemon, key);
    assert.match(answer.text, /"finish_reason":"stop"/);
    const limit = (await spentOf(daemon)) + 40_000_000;
    await daemon.admin("PATCH", "/api/keys/k", { budgets: [{ limit_nano: limit, window: { kind: "forever" } }] });
    const prompt = "#echo words=3000 gap=1ms";
    const cut = await ask(daemon.url, { dialect: "chat", model: "echo-paid", key, stream: true, prompt });
    if (cut.status === 200) assert.match(cut.text, /budget_exceeded/);
    else assert.equal(cut.status, 402);
  }));

test("downgrade() asks cheaper models when the budget does not cover the one that was asked", () =>
  withDaemon({ downgrade: { "echo-paid": ["echo"] } }, async (daemon) => {
    const key = await make(daemon, 0);
    const answer = await ask(daemon.url, { dialect: "chat", model: "echo-paid", key, maxTokens: 20 });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(await spentOf(daemon), 0);
    const [row] = await daemon.rows("echo-paid");
    assert.equal(row?.target, "echo/echo");
    const { attempts } = await daemon.json<{ attempts: { target: string; outcome: string }[] }>("explain", row!.id);
    assert.deepEqual(
      attempts.map(({ target, outcome }) => [target, outcome]),
      [
        ["echo-paid/echo-paid", "budget_exceeded"],
        ["echo/echo", "ok"],
      ],
    );
  }));
