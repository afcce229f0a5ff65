/** A daemon killed at any moment: what the books say when it comes back. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import { ask } from "../support/client.ts";
import { patientLedger, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";
import { pause, until } from "../support/until.ts";

/** Of each durability. `npm run kill-loop` plays 100, `BIFROST_LONG=1` 250. */
const rounds = Number(process.env["BIFROST_KILL_ROUNDS"] ?? (process.env["BIFROST_LONG"] === undefined ? 13 : 250));
const callers = 12;

let upstream: FaultUpstream;
before(async () => {
  upstream = await startFaultUpstream();
});
after(() => upstream?.stop());

for (const durability of ["grouped", "strict"] as const) {
  describe(`kill -9, ${durability}`, () => {
    test(`A3 recover() closes every hold and keeps balances equal to their rows, ${durability}`, async () => {
      const daemon = await startDaemon({
        env: { UPSTREAM_KEY: "x" },
        config: {
          ledger: { ...patientLedger, durability, hold_input: "bytes" },
          providers: { paid: { base_url: `${upstream.origin}/v1`, api_key: "env.UPSTREAM_KEY" } },
          prices: { "paid/*": { input: 1, output: 5 } },
          governance: { tags: { each: { budgets: ["100000"] } }, end_users: { each: { budgets: ["100000/1d"] } } },
        },
      });
      const budgets = [{ limit_nano: 1e14, window: { kind: "forever" } }];
      await daemon.admin("POST", "/api/governance/customers", { name: "c", budgets });
      await daemon.admin("POST", "/api/governance/teams", { name: "t", customer: "c", budgets });
      const made = { name: "k", team: "t", budgets };
      const { secret: key } = await daemon.admin<KeySecretAnswer>("POST", "/api/keys", made);
      const model = `slow+words=3+gap=8+${durability}`;
      let answered = 0;
      for (let round = 0; round < rounds; round += 1) {
        let going = true;
        const caller = async (index: number) => {
          while (going) {
            const stream = index % 2 === 0;
            const dialect = index % 3 === 0 ? "messages" : "chat";
            const user = index === 0 ? `new-${round}` : `known-${index % 4}`;
            const names = { "x-bifrost-end-user": user, "x-bifrost-tags": `t${index % 3}` };
            const question = { dialect, model: `paid/${model}`, key, stream, maxTokens: 50, headers: names } as const;
            const answer = await ask(daemon.url, question).catch(() => undefined);
            if (answer?.status === 200 && answer.ended === "complete") answered += 1;
            if (answer === undefined) return; // the daemon is gone
            assert.ok([200, 503].includes(answer.status), `status ${answer.status}: ${answer.text}`);
          }
        };
        const load = Array.from({ length: callers }, (_, index) => caller(index));
        // Every other round is killed after an answer, however slow the machine; the others whenever it comes.
        const before = answered;
        if (round % 2 === 0) await until("an answer", () => answered > before, 20_000);
        await pause(10 + Math.random() * 150);
        await daemon.kill("SIGKILL");
        going = false;
        await Promise.all(load);
        await daemon.restart();
        const check = await daemon.settled();
        assert.equal(check.holds_open, 0);
        if (durability === "strict") {
          const calls = (await upstream.calls(model)).length;
          assert.ok(calls <= check.settlements, `${calls} upstream calls, ${check.settlements} in the books`);
        }
      }
      assert.ok(answered >= rounds / 2, `load was real: ${answered} answers`);
      const verified = await daemon.json<{ ok: boolean }>("audit", "verify");
      assert.ok(verified.ok, "the audit chain survived too");
      await daemon.stop();
    });
  });
}
