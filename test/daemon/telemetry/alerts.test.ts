import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../../daemon/config/load.ts";
import type { AlertRuleData } from "../../../daemon/config/telemetry-data.ts";
import { isPublic } from "../../../daemon/runtime/public-address.ts";
import { checkAlert, factTypes } from "../../../daemon/telemetry/alerts/conditions.ts";
import { createAlertEngine, type Judged, type Notice } from "../../../daemon/telemetry/alerts/engine.ts";
import { openAlertMemory } from "../../../daemon/telemetry/alerts/memory.ts";
import { pagerDutyBody, slackBody } from "../../../daemon/telemetry/alerts/messages.ts";

const rule: AlertRuleData = {
  ...{ name: "slow", on: "traffic", by: "provider", windowMs: 60_000, when: "latency_p99 > 100", severity: "warning" },
  ...{ channels: ["ops"], cooldownMs: 1_000, resolved: true },
};
const judged = (subject: string, latency_p99: number): Judged => ({
  subject,
  name: null,
  facts: { subject, latency_p99 },
});

test("evaluate() tells once, again after the cooldown, and once when it is over", async () => {
  const told: string[] = [];
  const engine = createAlertEngine([rule], (_rule, { kind, subject, atMs }: Notice) =>
    told.push(`${atMs} ${kind} ${subject}`),
  );
  const at = (nowMs: number, ...all: Judged[]) => engine.evaluate(nowMs, async () => all);
  await at(0, judged("a", 50), judged("b", 500));
  await at(500, judged("a", 150), judged("b", 500));
  await at(1_200, judged("a", 150), judged("b", 500));
  await engine.evaluate(1_300, () => Promise.reject(new Error("the database is away")));
  assert.deepEqual(
    engine.states().map(({ firing, error }) => [firing.map(({ subject }) => subject), error]),
    [[["b", "a"], "the database is away"]],
  );
  await at(1_400, judged("a", 150));
  await at(1_600);
  assert.deepEqual(told, ["0 firing b", "500 firing a", "1200 firing b", "1400 resolved b", "1600 resolved a"]);
});

test("createAlertEngine() goes on where another ended: nothing again before the cooldown, the end of it, and no end that nobody saw", async (t) => {
  const home = mkdtempSync(join(tmpdir(), "bf-alerts-"));
  t.after(() => rmSync(home, { recursive: true }));
  const told: string[] = [];
  const start = (changed = rule) =>
    createAlertEngine(
      [changed],
      (_rule, { kind, subject, atMs, sinceMs }) => told.push(`${atMs} ${kind} ${subject} since ${sinceMs}`),
      openAlertMemory(home).read(),
    );
  const first = start();
  await first.evaluate(0, async () => [judged("a", 500), judged("b", 500), judged("gone", 500)]);
  openAlertMemory(home).write(first.remembered());
  told.length = 0;
  const second = start();
  await second.evaluate(400, async () => [judged("a", 500), judged("b", 500)]);
  assert.deepEqual(told, []);
  await second.evaluate(500, async () => [judged("a", 500), judged("b", 50)]);
  await second.evaluate(1_100, async () => [judged("a", 500)]);
  assert.deepEqual(told, ["500 resolved b since 0", "1100 firing a since 0"]);
  assert.deepEqual(
    second.remembered().map(({ subject, lastSent }) => [subject, lastSent]),
    [["a", 1_100]],
  );
  const other = start({ ...rule, when: "latency_p99 > 10" });
  await other.evaluate(1_200, async () => [judged("a", 500)]);
  assert.equal(told.at(-1), "1200 firing a since 1200", "a rule that is judged otherwise is another one");
  writeFileSync(join(home, "alerts.json"), '[{"rule":');
  assert.deepEqual(openAlertMemory(home).read(), []);
});

test("evaluate() tells at most twenty new ones a round and keeps the rest for later", async () => {
  let told = 0;
  const engine = createAlertEngine([rule], () => {
    told += 1;
  });
  const all = Array.from({ length: 50 }, (_, index) => judged(`p${index}`, 500));
  const counts: number[] = [];
  for (const nowMs of [0, 1, 2, 3]) {
    await engine.evaluate(nowMs, async () => all);
    counts.push(told);
  }
  assert.deepEqual(counts, [20, 40, 50, 50]);
});

test("checkAlert() says what is wrong with a condition, and loadConfig() where", async () => {
  assert.equal(checkAlert("traffic", "requests >= 20 && error_rate > 0.1"), undefined);
  assert.match(checkAlert("budget", "requests > 1")!, /Unknown variable: requests/);
  assert.match(checkAlert("traffic", "requests")!, /says double, but a condition is true or false/);
  assert.match(checkAlert("traffic", "subject.matches('(a+)+')")!, /matches\(\) is not for alerts/);
  const text = `alerts:\n  channels: { ops: { type: slack, url: "https://hooks.example/x" } }\n  rules:\n    - name: x\n      on: traffic\n      when: nonsense > 1\n      channels: [ops, none]\nrecord:\n  redact_patterns: ["a(?=b)"]\n`;
  const result = await loadConfig({ text, path: "c.yaml", environment: {}, number: 1, now: 0 });
  assert.deepEqual(result.ok ? [] : result.problems.map(({ line, path }) => [line, path]), [
    [6, "alerts.rules[0].when"],
    [7, "alerts.rules[0].channels[1]"],
    [9, "record.redact_patterns[0]"],
  ]);
});

test("A37 isPublic() knows an inside address however it is written", () => {
  const inside = [
    ...["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"],
    ...["::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:7f00:1"],
    ...[
      "64:ff9b::10.0.0.1",
      "2002:7f00:1::",
      "2002:c0a8:1::1",
      "::127.0.0.1",
      "2001:db8::1",
      "not an address",
      "2130706433",
    ],
  ];
  for (const address of inside) assert.equal(isPublic(address), false, address);
  for (const address of [
    "1.1.1.1",
    "8.8.8.8",
    "172.32.0.1",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
  ])
    assert.equal(isPublic(address), true, address);
});

test("docs/alerts.md names everything that a condition can ask", () => {
  const page = readFileSync(new URL("../../../docs/alerts.md", import.meta.url), "utf8");
  for (const [subject, names] of Object.entries(factTypes)) {
    const row = page.split("\n").find((line) => line.startsWith(`| \`${subject}\` |`)) ?? "";
    assert.deepEqual(
      [...row.matchAll(/`([a-z0-9_]+)`/g)].map(([, name]) => name).slice(1),
      Object.keys(names),
      subject,
    );
  }
});

test("slackBody() lets nobody's name become a mention, and pagerDutyBody() keeps its key to what is taken", () => {
  const notice = (subject: string): Notice => ({
    ...{ kind: "firing", rule: "by user", severity: "warning", subject, name: null, summary: `by user: ${subject}` },
    ...{ sinceMs: 0, atMs: 0, facts: { requests: 3 } },
  });
  const slack = JSON.stringify(slackBody(notice("<!channel> & <http://x|y>")));
  assert.ok(!slack.includes("<") && !slack.includes(">"), slack);
  assert.equal(slack.match(/&lt;!channel&gt; &amp; /g)?.length, 2);
  const keyOf = (subject: string) => (pagerDutyBody(notice(subject), "k", "here") as { dedup_key: string }).dedup_key;
  assert.equal(keyOf("ann"), "bifrost/by user/ann");
  const long = "m".repeat(400);
  assert.equal(keyOf(long).length, 255);
  assert.notEqual(keyOf(`${long}1`), keyOf(`${long}2`));
});
