process.env["TZ"] = "UTC";

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { views } from "../../../cli/tui/views.ts";
import type { KeyListAnswer } from "../../../daemon/admin/contract/keys.ts";
import { cannedNow, cannedSource } from "./canned-source.ts";
import { keyBytes, openTui } from "./tui-lab.ts";

async function lab(t: TestContext, view: string, wait: RegExp) {
  const source = cannedSource();
  const opened = await openTui({ source, view, now: () => cannedNow });
  t.after(() => opened.close());
  await opened.seeing(wait);
  return Object.assign(opened, { source });
}

test("rotateKey() asks how long the old secret works, shows the new one once, and sends nothing without a yes", async (t) => {
  const { type, seeing, source, copied } = await lab(t, "keys", /web-shop/);
  source.answers.set("POST /api/keys/key_000001/rotate", { key: { name: "web-shop" }, secret: "sk-bf-fresh" });
  type("r");
  await seeing(/old secret/i);
  type(keyBytes.escape);
  assert.deepEqual(source.sent, []);
  type("r");
  await seeing(/old secret/i);
  type("\u0015", "1h", keyBytes.enter);
  await seeing(/Give "web-shop" a new secret\?/);
  type("y");
  await seeing(/sk-bf-fresh/);
  type("y", keyBytes.enter);
  assert.doesNotMatch((await seeing(/── Keys/)).join("\n"), /sk-bf-fresh/);
  assert.deepEqual(copied, ["sk-bf-fresh"]);
  assert.deepEqual(source.sent, [
    { method: "POST", path: "/api/keys/key_000001/rotate", body: { grace_ms: 3_600_000 } },
  ]);
});

test("disableKey() and revokeKey() say what will happen, and do it after a yes alone", async (t) => {
  const { type, seeing, source } = await lab(t, "keys", /web-shop/);
  source.answers.set("PATCH /api/keys/key_000001", { key: {} });
  source.answers.set("DELETE /api/keys/key_000001", { key: {} });
  for (const [key, question] of [
    ["d", /Disable "web-shop"\?[\s\S]*refused until it is enabled/],
    ["x", /Revoke "web-shop" \(key_000001\)\?[\s\S]*for good/],
  ] as const) {
    type(key);
    await seeing(question);
    type("n");
  }
  assert.deepEqual(source.sent, []);
  type("d");
  await seeing(/Disable/);
  type("y");
  await seeing(/"web-shop" is disabled/);
  type("x");
  await seeing(/Revoke/);
  type("y");
  await seeing(/"web-shop" is revoked/);
  assert.deepEqual(
    source.sent.map(({ method, body }) => [method, body]),
    [
      ["PATCH", { disabled: true }],
      ["DELETE", undefined],
    ],
  );
});

test("raiseBudget() leaves what only watches watching, and wallets alone", async (t) => {
  const { type, seeing, source } = await lab(t, "keys", /web-shop/);
  const { keys } = source.answers.get("/api/keys") as KeyListAnswer;
  const [key] = keys;
  const budget = key!.budgets[0]!;
  const shadow = { ...budget, slot: 1, shadow: true, limit_nano: 7_000_000_000, window: { kind: "forever" } as const };
  const wallet = { ...shadow, slot: 2, shadow: false, wallet: true };
  source.answers.set("/api/keys", {
    keys: [{ ...key!, budgets: [budget, shadow, wallet] }],
    count: 1,
    total_count: 1,
    next: null,
  });
  source.answers.set("PATCH /api/keys/key_000001", { key: {} });
  type("\u0012");
  await seeing(/Keys and budgets 1/);
  type("l");
  await seeing(/Which budget/);
  type(keyBytes.enter);
  await seeing(/New limit/);
  type("\u0015", "60", keyBytes.enter);
  await seeing(/to {4}\$60\.00/);
  type("y");
  await seeing(/may spend \$60\.00/);
  assert.deepEqual(source.sent[0]!.body, {
    budgets: [
      { window: budget.window, limit_nano: 60_000_000_000 },
      { window: { kind: "forever" }, limit_nano: 7_000_000_000, shadow: true },
    ],
  });
});

test("rollback() shows what would change, and reloadConfig() loads what is on disk", async (t) => {
  const { type, seeing, source } = await lab(t, "config", /Config 3|Config \d/);
  source.answers.set("POST /api/config/rollback", { generation: 8, hash: "c0ffee", changed: true, warnings: [] });
  source.answers.set("POST /api/reload", { generation: 9, hash: "beef", changed: true, warnings: [] });
  type("j", "R");
  const asked = await seeing(/Use generation \d+ of .* again\?/);
  assert.match(asked.join("\n"), /- +timeout: 60s[\s\S]*\+ +timeout: 30s/);
  type("n");
  assert.ok(source.sent.every(({ path }) => path !== "/api/config/rollback"));
  type("R");
  await seeing(/again\?/);
  type("y");
  await seeing(/Generation 8 runs, with the content of \d/);
  type("L");
  await seeing(/Generation 9 runs/);
  assert.deepEqual(
    source.sent.map(({ path }) => path).filter((path) => path !== "/api/config/validate"),
    ["/api/config/rollback", "/api/reload"],
  );
});

test("spend shows when a budget ends at this rate, and when it begins again, at 80 columns too", async (t) => {
  const { type, seeing } = await lab(t, "spend", /web-shop/);
  await seeing(/\$50\.00\/1d .* left \$17\.80 {2}lasts, begins again in 9h/);
  type("j");
  await seeing(/support-bot {2}\$0\.\d+ an hour[\s\S]*empty in 1h 14m, begins again/);
});

test("no key of any view changes anything with --read-only, whatever is answered after it", async (t) => {
  const reads = new Set(["/api/config/validate", "/api/route/test"]);
  const refused: string[] = [];
  for (const view of views) {
    const subject = { request: "req_0000000000000003", diff: "disk" }[view.name];
    for (const { key, changes } of view.actions) {
      const source = cannedSource();
      const opened = await openTui({ source, view: view.name, subject, readOnly: true, now: () => cannedNow });
      t.after(() => opened.close());
      await opened.seeing(/^(?![\s\S]*Loading)/);
      opened.type(key);
      await setImmediate();
      if (/--read-only: .* is not done here/.test(opened.see().at(-1)!)) refused.push(`${view.name} ${key}`);
      for (const answer of ["a", keyBytes.enter, "y", keyBytes.enter, "y"]) {
        opened.type(answer);
        await setImmediate();
      }
      const changed = source.sent.filter(({ path }) => !reads.has(path));
      assert.deepEqual(
        [changed, changes === true],
        [[], refused.includes(`${view.name} ${key}`)],
        `${view.name} ${key}`,
      );
    }
  }
  assert.deepEqual(
    refused,
    ["keys n", "keys l", "keys r", "keys d", "keys x", "config R", "config L", "alerts t"],
    "what changes something: a new one is refused too",
  );
});
