/** Hedging by a whole daemon: the ledger's books are right afterwards, and the operator can see what happened. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ExplainAnswer } from "../../daemon/admin/contract/logs.ts";
import { ask } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
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
      providers: { up, other: up },
      groups: { pair: { strategy: "ordered", targets: ["up/f2-silent+h", "other/ok+quick"] } },
      hedging: { pair: { after: "50ms", min: "1ms", max_share: 1 } },
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
