/** Windows under a clock that is somewhere else: month ends, and the day that is an hour short. Needs libfaketime. */
import assert from "node:assert/strict";
import { globSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { KeyAnswer, KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import { ask } from "../support/client.ts";
import { patientLedger, startDaemon, temporaryHome } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const [library] = globSync("/usr/lib/{*/,}faketime/libfaketimeMT.so.1");
const hourMs = 3_600_000;

const cases: readonly {
  readonly what: string;
  readonly unit: "day" | "month" | "quarter";
  readonly startMonth?: number;
  readonly zone: string;
  readonly ends: number;
  readonly next: number;
}[] = [
  {
    ...{ what: "February ends on the 28th", unit: "month", zone: "UTC" },
    ...{ ends: Date.UTC(2027, 2, 1), next: Date.UTC(2027, 3, 1) },
  },
  {
    ...{ what: "a day of 23 hours follows", unit: "day", zone: "Europe/Berlin" },
    ...{ ends: Date.UTC(2027, 2, 27, 23), next: Date.UTC(2027, 2, 27, 23) + 23 * hourMs },
  },
  {
    ...{ what: "a day of 25 hours follows", unit: "day", zone: "Europe/Berlin" },
    ...{ ends: Date.UTC(2027, 9, 30, 22), next: Date.UTC(2027, 9, 30, 22) + 25 * hourMs },
  },
  {
    ...{ what: "February has a 29th", unit: "day", zone: "UTC" },
    ...{ ends: Date.UTC(2028, 1, 29), next: Date.UTC(2028, 2, 1) },
  },
  {
    ...{ what: "a fiscal quarter", unit: "quarter", zone: "UTC", startMonth: 2 },
    ...{ ends: Date.UTC(2028, 1, 1), next: Date.UTC(2028, 4, 1) },
  },
];

for (const { what, unit, zone, startMonth, ends, next } of library === undefined ? [] : cases) {
  test(`A9 admit() begins a window anew when its zone's clock says so: ${what}`, async () => {
    const clock = join(temporaryHome(), "clock");
    // What is added to the time, read anew each second: no machine is too slow for what comes before the window's end.
    const setClock = (atMs: number) => writeFileSync(clock, `+${Math.round((atMs - Date.now()) / 1_000)}`);
    setClock(ends - hourMs);
    const daemon = await startDaemon({
      config: { ledger: patientLedger, prices: { "echo-paid/*": { input: 0, output: 0, request: 0.01 } } },
      env: {
        ...{ LD_PRELOAD: library!, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_CACHE_DURATION: "1" },
        ...{ FAKETIME_DONT_FAKE_MONOTONIC: "1", TZ: "UTC" },
      },
    });
    try {
      const window = { kind: "calendar", unit, count: 1, zone, start_month: startMonth };
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
      // One call more, in this window alone.
      await daemon.admin("PUT", "/api/keys/k/budgets/0/override", {
        extra_nano: 10_000_000,
        mode: "cycles",
        cycles: 1,
      });
      assert.equal(await call(), 200, "the override holds at once");
      assert.equal(await call(), 402);
      setClock(ends + 1_000);
      await until("the window to begin anew", async () => (await call()) === 200, 30_000);
      assert.equal(await resetsAt(), next);
      assert.equal(await call(), 402, "the override has ended with its window");
      await daemon.settled();
    } finally {
      await daemon.stop();
      rmSync(dirname(clock), { recursive: true });
    }
  });
}

if (library !== undefined)
  test("A9 admit() refills nothing when the clock is set back over a window's beginning", async () => {
    const clock = join(temporaryHome(), "clock");
    const setClock = (atMs: number) => writeFileSync(clock, `+${Math.round((atMs - Date.now()) / 1_000)}`);
    const midnight = Date.UTC(2027, 2, 1);
    setClock(midnight + hourMs);
    const daemon = await startDaemon({
      config: { ledger: patientLedger, prices: { "echo-paid/*": { input: 0, output: 0, request: 0.01 } } },
      env: {
        ...{ LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_CACHE_DURATION: "1" },
        ...{ FAKETIME_DONT_FAKE_MONOTONIC: "1", TZ: "UTC" },
      },
    });
    try {
      const window = { kind: "calendar", unit: "day", count: 1, zone: "UTC" };
      const body = { name: "k", budgets: [{ limit_nano: 30_000_000, window }] };
      const { secret: key } = await daemon.admin<KeySecretAnswer>("POST", "/api/keys", body);
      const call = async () =>
        (await ask(daemon.url, { dialect: "chat", model: "echo-paid", key, maxTokens: 5 })).status;
      const spent = async () => (await daemon.admin<KeyAnswer>("GET", "/api/keys/k")).key.budgets[0]!.spent_nano;
      let made = 0;
      /** As the daemon has it. */
      const now = async () =>
        (await daemon.admin<KeySecretAnswer>("POST", "/api/keys", { name: `at-${made++}` })).key.created_at_ms;
      assert.deepEqual([await call(), await call()], [200, 200]);
      await daemon.settled();
      setClock(midnight - hourMs);
      await until("the clock to be back", async () => (await now()) < midnight, 30_000);
      assert.deepEqual([await call(), await call()], [200, 402]);
      assert.equal(await spent(), 30_000_000, "three calls, not a dollar more");
      assert.deepEqual((await daemon.settled()).problems, []);
      await daemon.restart();
      assert.equal(await spent(), 30_000_000, "nor is any forgotten with a restart");
      assert.equal(await call(), 402);
      setClock(midnight + 2 * hourMs);
      await until("the clock to be right", async () => (await now()) > midnight, 30_000);
      assert.equal(await call(), 402, "it is the same day");
      await daemon.kill("SIGKILL");
      await daemon.restart();
      assert.deepEqual([await spent(), await call()], [30_000_000, 402]);
      assert.deepEqual((await daemon.settled()).problems, []);
    } finally {
      await daemon.stop();
      rmSync(dirname(clock), { recursive: true });
    }
  });
