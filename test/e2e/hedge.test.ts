/** Hedging by a whole daemon: the ledger's books are right afterwards, and the operator can see what happened. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ExplainAnswer } from "../../daemon/admin/contract/logs.ts";
import type { RouteTestAnswer } from "../../daemon/admin/contract/routing.ts";
import { ask } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";

let upstream: FaultUpstream;
let daemon: Daemon;
let key: string;
before(async () => {
  upstream = await startFaultUpstream();
  const up = { base_url: `${upstream.origin}/v1`, dialect: "openai-chat", api_key: "env.UP" };
  daemon = await startDaemon({
    env: { UP: "secret" },
    config: {
      ledger: patientLedger,
      providers: { up, other: up },
      groups: {
        pair: { strategy: "ordered", targets: ["up/f2-silent+h", "other/ok+quick"] },
        usual: { strategy: "ordered", targets: ["up/ok+usual", "other/ok+quick"] },
        seldom: { strategy: "ordered", targets: ["up/ok+seldom", "other/ok+quick"] },
      },
      hedging: {
        pair: { after: "50ms", min: "1ms", max_share: 1 },
        usual: { after: "p95", min: "1ms", max_share: 1 },
        seldom: { after: "50ms", min: "1ms", max_share: 0.1 },
        "up/*": { after: "50ms", min: "1ms", max_share: 1 },
      },
      prices: { "up/*": { input: 1, output: 5 }, "other/*": { input: 2, output: 5 } },
    },
  });
  key = await daemon.createKey({ name: "ci", budget: "10/1d" });
});
after(async () => {
  await daemon?.stop();
  await upstream?.stop();
});

test("A1 hedged() holds and settles both of its attempts once: ledger check agrees, and explain shows both", async () => {
  const calls = Array.from({ length: 8 }, (_, index) =>
    ask(daemon.url, { dialect: "chat", model: "pair", key, stream: index % 2 === 0 }),
  );
  for (const answer of await Promise.all(calls))
    assert.deepEqual([answer.status, answer.headers["x-bifrost-hedge"]], [200, "won"]);
  const check = await daemon.settled();
  assert.deepEqual(check.problems, []);
  const rows = await daemon.rows("pair", 8);
  const { attempts } = await daemon.json<ExplainAnswer>("explain", rows[0]!.id);
  assert.deepEqual(
    attempts.map(({ target, outcome, reason }) => [target, outcome, reason]),
    [
      ["up/f2-silent+h", "outpaced", "requested"],
      ["other/ok+quick", "ok", "hedge"],
    ],
  );
  assert.ok(attempts.every(({ cost_nano: cost }) => cost !== null && cost > 0));
  for (const call of await upstream.calls("f2-silent+h")) assert.ok(call.clientLeftAt !== undefined, "it was left");
});

test("route test tells which other target would be asked, after how long, and why nobody would", async () => {
  const hedgeOf = async (model: string, more: object = {}) =>
    (await daemon.admin<RouteTestAnswer>("POST", "/api/route/test", { model, ...more })).hedge;
  const nobody = (note: string, after: number | null = null) => ({ target: null, after_ms: after, note });
  assert.deepEqual(await hedgeOf("pair"), { target: "other/ok+quick", after_ms: 50, note: null });
  assert.equal(await hedgeOf("other/ok+quick"), null, "hedging names no such model");
  assert.deepEqual(await hedgeOf("up/ok+alone"), nobody("no other target stands ready"));
  assert.deepEqual(
    await hedgeOf("pair", { headers: { "x-bifrost-fallbacks": "off" } }),
    nobody("no other target stands ready"),
  );
  assert.deepEqual(await hedgeOf("seldom"), nobody("max_share is used up for now", 50));
  assert.deepEqual(await hedgeOf("pair", { request_type: "speech" }), nobody("what is relayed unread is not hedged"));
  await daemon.createKey({ name: "first-only", models: ["pair", "up/*"] });
  assert.deepEqual(
    await hedgeOf("pair", { key: "first-only" }),
    nobody("other/ok+quick would be asked, but the key may not call it"),
  );
  assert.deepEqual(
    await hedgeOf("usual", { stream: true }),
    nobody("fewer than ten streams of up/ok+usual are known, so there is no p95 yet"),
  );
  for (let index = 0; index < 12; index++)
    assert.equal((await ask(daemon.url, { dialect: "chat", model: "usual", key, stream: true })).status, 200);
  const streamed = await hedgeOf("usual", { body: { stream: true } });
  assert.deepEqual([streamed?.target, streamed?.note], ["other/ok+quick", null]);
  assert.ok(streamed!.after_ms! > 0);
  assert.match(String((await hedgeOf("usual"))?.note), /^fewer than ten whole answers of up\/ok\+usual/);
  const printed = await daemon.cli("route", "test", "--model", "pair");
  assert.match(printed.stdout, /asked beside it +other\/ok\+quick after 50ms/);
  const refused = await daemon.cli("route", "test", "--model", "up/ok+alone");
  assert.match(refused.stdout, /asked beside it +nobody: no other target stands ready/);
  assert.doesNotMatch((await daemon.cli("route", "test", "--model", "other/ok+quick")).stdout, /asked beside/);
  const targets = await daemon.cli("providers", "--targets");
  assert.match(targets.stdout, /FIRST EVENT P50 +P99 +WHOLE P50 +P99/);
});
