/** Windows under a clock that is somewhere else: month ends, and the day that is an hour short. Needs libfaketime. */
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { test } from "node:test";
import type { KeyAnswer, KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import { ask } from "../support/client.ts";
import { patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const [library] = globSync("/usr/lib/{*/,}faketime/libfaketimeMT.so.1");
const hourMs = 3_600_000;

const cases: readonly {
  readonly what: string;
  /** A few seconds before the window ends, in UTC. */
  readonly from: string;
  readonly unit: "day" | "month" | "quarter";
  readonly zone: string;
  readonly ends: number;
  readonly next: number;
}[] = [
  {
    ...{ what: "February ends on the 28th", from: "2027-02-28 23:59:52", unit: "month", zone: "UTC" },
    ...{ ends: Date.UTC(2027, 2, 1), next: Date.UTC(2027, 3, 1) },
  },
  {
    ...{ what: "a day of 23 hours follows", from: "2027-03-27 22:59:52", unit: "day", zone: "Europe/Berlin" },
    ...{ ends: Date.UTC(2027, 2, 27, 23), next: Date.UTC(2027, 2, 27, 23) + 23 * hourMs },
  },
];

for (const { what, from, unit, zone, ends, next } of library === undefined ? [] : cases) {
  test(`A9 admit() begins a window anew when its zone's clock says so: ${what}`, async () => {
    const daemon = await startDaemon({
      config: { ledger: patientLedger, prices: { "echo-paid/*": { input: 0, output: 0, request: 0.01 } } },
      env: { LD_PRELOAD: library!, FAKETIME: `@${from}`, FAKETIME_DONT_FAKE_MONOTONIC: "1", TZ: "UTC" },
    });
    try {
      const window = { kind: "calendar", unit, count: 1, zone };
      const { secret: key } = await daemon.admin<KeySecretAnswer>("POST", "/api/keys", {
        name: "k",
        budgets: [{ limit_nano: 10_000_000, window }],
      });
      const call = async () =>
        (await ask(daemon.url, { dialect: "chat", model: "echo-paid", key, maxTokens: 5 })).status;
      const resetsAt = async () => (await daemon.admin<KeyAnswer>("GET", "/api/keys/k")).key.budgets[0]!.resets_at_ms;
      assert.equal(await resetsAt(), ends);
      assert.equal(await call(), 200);
      assert.equal(await call(), 402);
      await until("the window to begin anew", async () => (await call()) === 200, 30_000);
      assert.equal(await resetsAt(), next);
      await daemon.settled();
    } finally {
      await daemon.stop();
    }
  });
}
