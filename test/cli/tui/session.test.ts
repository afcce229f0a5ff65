process.env["TZ"] = "UTC";

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { logQuery } from "../../../cli/log-fields.ts";
import { placeBeforeInk } from "../../../cli/tui/painter.ts";
import { pace } from "../../../cli/tui/run-tui.ts";
import { tailRowsMax } from "../../../cli/tui/tail.ts";
import type { LogRow } from "../../../daemon/admin/contract/logs.ts";
import { until } from "../../support/until.ts";
import { batchRows, cannedOpen, explained } from "./canned-requests.ts";
import { cannedNow, cannedSource } from "./canned-source.ts";
import { keyBytes, openTui, type TuiLabOptions } from "./tui-lab.ts";

const clock = { now: cannedNow };

async function lab(t: TestContext, options: Partial<TuiLabOptions> = {}) {
  const source = cannedSource();
  const opened = await openTui({ source, now: () => clock.now, ...options });
  t.after(() => opened.close());
  await opened.seeing(/serving/);
  return Object.assign(opened, { source });
}

test("press() moves, opens a request and comes back to where it was", async (t) => {
  const { type, seeing, session } = await lab(t);
  await seeing(/gpt-4o-mini/);
  session.options.onChange();
  type("j", "j", keyBytes.up, "j", keyBytes.enter);
  assert.match((await seeing(/› request/))[0]!, /traffic › request req_0000000000000078/);
  type(keyBytes.escape);
  await seeing(/^ bifrost {2}traffic {2}/);
  assert.equal(session.state.stack[0]!.selected, "req_0000000000000078");
});

test("press() jumps by name, alias and completion, and says when there is no such view", async (t) => {
  const { type, seeing } = await lab(t);
  type(":", "mod", keyBytes.enter);
  await seeing(/── Models/);
  type(":", "k", keyBytes.enter);
  await seeing(/── Keys and budgets/);
  type(":", "au", keyBytes.tab, keyBytes.enter);
  await seeing(/── Audit/);
  type(":", "p", keyBytes.tab);
  await seeing(/^ :providers▏ +providers {2}spend/m);
  type(keyBytes.tab);
  await seeing(/^ :spend▏/m);
  type("\u001b[Z", keyBytes.enter);
  await seeing(/── Providers/);
  type(":", "audit", keyBytes.enter);
  type(":", "nowhere", keyBytes.enter);
  await seeing(/There is no view "nowhere"/);
  type(":", "req_0000000000000003", keyBytes.enter);
  await seeing(/audit › request req_0000000000000003/);
  type("1");
  await seeing(/── Traffic/);
});

test("traffic tells what a batch came to, when its end is told", async (t) => {
  t.after(() => {
    clock.now = cannedNow;
  });
  const { seeing, source } = await lab(t);
  await seeing(/Traffic 80/);
  const [corrected, open] = batchRows;
  source.tell({ type: "rows", rows: [open] });
  await seeing(/~\$0\.0549 .*until its end/);
  const asked: unknown[] = [];
  source.answers.set("/api/logs", (query: unknown) => {
    asked.push(query);
    return { rows: [{ ...corrected, id: open.id }], older: null, looked_until_ms: null, tail: "81" };
  });
  clock.now += 5_000;
  await seeing(/→\$0\.00409 .*was \$0\.0549/);
  assert.deepEqual(asked, [{ id: [open.id], limit: 50 }]);
  clock.now += 5_000;
  await seeing(/Traffic 81/);
  assert.equal(asked.length, 1, "nothing is left to be told");
});

test("press() filters while one types, keeps it with enter and takes it away with escape", async (t) => {
  const { type, seeing } = await lab(t);
  await seeing(/Traffic 80/);
  type("/", "s", "tatus:429");
  await seeing(/13 of 13/);
  type(keyBytes.enter);
  await seeing(/Traffic 13 of 13 {2}\/status:429/);
  type(keyBytes.escape);
  await seeing(/Traffic 80 ─/);
  type("/", "stauts:1", keyBytes.enter);
  await seeing(/no field "stauts"; there are time, status/);
});

test("press() sorts by column with s and S, and by a click on its head", async (t) => {
  const { type, seeing, session, see } = await lab(t, { view: "models" });
  await seeing(/claude-sonnet/);
  type("s", "s", "s");
  await seeing(/IN\/1M↓/);
  const rows = () =>
    see()
      .slice(4, 9)
      .map((line) => /^ (\S+)/.exec(line)?.[1]);
  assert.deepEqual(rows(), ["anthropic/claude-sonnet-4-5", "fast", "openai/gpt-4o", "echo/echo", "local/llama"]);
  type("S");
  assert.deepEqual(rows(), ["echo/echo", "fast", "openai/gpt-4o", "anthropic/claude-sonnet-4-5", "local/llama"]);
  const head = see().findIndex((line) => line.includes("CONTEXT"));
  type(`\u001b[<0;${see()[head]!.indexOf("CONTEXT") + 2};${head + 1}M`);
  assert.deepEqual(session.state.stack[0]!.place.sort, { column: "CONTEXT", descending: true });
});

test("press() chooses by click, opens by a second one, turns by wheel and switches by a click on the bar", async (t) => {
  const { type, seeing, session, see } = await lab(t);
  await seeing(/gpt-4o-mini/);
  const row = see().findIndex((line) => line.includes("429"));
  type(`\u001b[<0;20;${row + 1}M`);
  assert.equal(session.state.stack[0]!.selected, "req_0000000000000078");
  type(`\u001b[<65;20;${row + 1}M`);
  assert.equal(session.state.stack[0]!.selected, "req_0000000000000075");
  type(`\u001b[<0;20;${row + 1}M`, `\u001b[<0;20;${row + 1}M`);
  await seeing(/› request req_0000000000000078/);
  type(`\u001b[<0;${see()[1]!.indexOf("models") + 1};2M`);
  await seeing(/── Models/);
});

test("press() copies the chosen row's id and exports the rows that are shown", async (t) => {
  const { type, seeing, copied, saved } = await lab(t);
  await seeing(/gpt-4o-mini/);
  type("y");
  assert.deepEqual(copied, ["req_0000000000000080"]);
  type("/", "status:429", keyBytes.enter, "e");
  await seeing(/13 rows in bifrost-traffic-20261123-140509\.jsonl/);
  const lines = [...saved.values()][0]!.trimEnd().split("\n");
  assert.deepEqual([lines.length, JSON.parse(lines[0]!).status], [13, 429]);
});

const newRow = (opened: { session: { context(): { row: unknown } | undefined } }, id: string) =>
  ({ ...(opened.session.context()!.row as LogRow), id, at: cannedNow, status: 200 }) as LogRow;

test("a request in flight is opened with what it holds, and shows all of itself once it has ended", async (t) => {
  const { type, seeing, source } = await lab(t);
  await seeing(/Traffic 80/);
  source.answers.set("/api/logs/open", cannedOpen);
  clock.now += 1_000;
  await seeing(/\$0\.0615 held in flight/);
  assert.match((await seeing(/Traffic 82/)).join("\n"), /··· web-shop +anthropic\/claude[^\n]* ≤\$0\.0612/);
  type("g", "j", keyBytes.enter);
  await seeing(/› request req_0000000000000090[\s\S]* in flight [\s\S]*held +\$0\.0612 {2}at most/);
  const { request } = explained;
  source.answers.set("/api/logs/req_0000000000000090/explain", {
    ...explained,
    request: { ...request, id: "req_0000000000000090" },
  });
  source.answers.set("/api/logs/req_0000000000000090", { request, content: null });
  await seeing(/given back +\$0\.08879/);
  source.answers.set("/api/logs/open", { requests: [], total: 0, held_nano: 0 });
});

test("createSession() freezes what is shown while it is paused, and goes on", async (t) => {
  const opened = await lab(t);
  await opened.seeing(/Traffic 80/);
  const row = newRow(opened, "req_new");
  opened.type("p");
  opened.source.tell({ type: "rows", rows: [row] });
  const loadedAt = opened.session.state.stack[0]!.loadedAt!;
  const loads = () => opened.session.state.stack[0]!.loadedAt !== loadedAt;
  clock.now += 5;
  await until("another load", () => loads());
  assert.match(opened.see().join("\n"), / paused [\s\S]*Traffic 80 /);
  opened.type("p");
  await opened.seeing(/Traffic 81 /);
});

test("createSession() stays with the chosen row while newer ones come, and follows at the top", async (t) => {
  const opened = await lab(t);
  await opened.seeing(/Traffic 80/);
  opened.type("j", "j");
  opened.source.tell({ type: "rows", rows: ["req_new1", "req_new2", "req_new3"].map((id) => newRow(opened, id)) });
  await opened.seeing(/Traffic 83/);
  assert.equal((opened.session.context()!.row as LogRow).id, "req_0000000000000078");
  opened.type("f");
  assert.equal((opened.session.context()!.row as LogRow).id, "req_new3");
});

test("createTail() keeps no more rows than it may, and tells of how many one is shown", async (t) => {
  const opened = await lab(t);
  await opened.seeing(/Traffic 80/);
  for (let batch = 0; batch < 30; batch += 1)
    opened.source.tell({
      type: "rows",
      rows: Array.from({ length: 100 }, (_, index) => newRow(opened, `req_${batch}_${index}`)),
    });
  opened.source.tell({ type: "beat", at_ms: 0, in_flight: 0, ended: 25_000, matched: 25_000, dropped: 24_000 });
  const seen = await opened.seeing(/a sample: one in 25/);
  assert.match(seen.join("\n"), new RegExp(`Traffic ${tailRowsMax} `));
  assert.equal((opened.session.context()!.row as LogRow).id, "req_29_99");
});

test("createTail() asks the daemon for what a filter says exactly, once, and lets go of the feed when left", async (t) => {
  const opened = await lab(t);
  await opened.seeing(/Traffic 80/);
  assert.equal(opened.source.listeners(), 1);
  opened.type("/", "status:5xx latency:>100ms", keyBytes.enter);
  await opened.seeing(/Traffic 13 of 13/);
  assert.equal(opened.source.listeners(), 1);
  opened.type("2");
  await until("no listener", () => opened.source.listeners() === 0);
});

test("logQuery() takes numbers, and leaves to the screen what is matched anywhere", () => {
  assert.deepEqual(logQuery("status:5xx latency:>2s cost:>=0.5 key:web gpt"), {
    status: "5xx",
    latency_min_ms: 2_000,
    cost_min_nano: 500_000_000,
  });
  assert.deepEqual(logQuery("!status:503 status:5 latency:<1s mystatus:200"), {});
});

test("createSession() says that the daemon is away, keeps what it knew, and goes on when it is back", async (t) => {
  const opened = await lab(t, { view: "keys" });
  await opened.seeing(/web-shop/);
  opened.source.away = true;
  const away = await opened.seeing(/no daemon/);
  assert.match(away.join("\n"), /web-shop/);
  opened.source.away = false;
  await opened.seeing(/The daemon answers again/);
  await opened.seeing(/● serving/);
});

test("raiseBudget() asks, shows from what to what, and sends it only after a yes", async (t) => {
  const opened = await lab(t, { view: "keys" });
  await opened.seeing(/web-shop/);
  opened.source.answers.set("PATCH /api/keys/key_000001", { key: {} });
  opened.type("l");
  await opened.seeing(/New limit in dollars, in place of \$50\.00\/1d/);
  opened.type("\u0015", "75.5", keyBytes.enter);
  await opened.seeing(/from {2}\$50\.00\/1d[\s\S]*to {4}\$75\.50\/1d/);
  opened.type("n");
  assert.deepEqual(opened.source.sent, []);
  opened.type("l");
  await opened.seeing(/New limit/);
  opened.type("\u0015", "75.5", keyBytes.enter);
  await opened.seeing(/from {2}\$50/);
  opened.type("y");
  await opened.seeing(/"web-shop" may spend \$75\.50\/1d/);
  assert.deepEqual(opened.source.sent, [
    {
      method: "PATCH",
      path: "/api/keys/key_000001",
      body: { budgets: [{ window: { kind: "rolling", length_ms: 86_400_000 }, limit_nano: 75_500_000_000 }] },
    },
  ]);
});

test("createKey() shows the secret once, and copies it", async (t) => {
  const opened = await lab(t, { view: "keys" });
  await opened.seeing(/web-shop/);
  opened.source.answers.set("POST /api/keys", { key: { name: "new" }, secret: "sk-bf-secret" });
  opened.type("n");
  await opened.seeing(/Name of the new key/);
  opened.type("new", keyBytes.enter);
  await opened.seeing(/Budget of new/);
  opened.type(keyBytes.enter);
  await opened.seeing(/sk-bf-secret/);
  opened.type("y", keyBytes.enter);
  assert.deepEqual(opened.copied, ["sk-bf-secret"]);
  assert.doesNotMatch((await opened.seeing(/── Keys/)).join("\n"), /sk-bf-secret/);
  assert.deepEqual(opened.source.sent[0]!.body, {
    name: "new",
    budgets: [{ limit_nano: 10_000_000_000, window: { kind: "rolling", length_ms: 86_400_000 } }],
  });
});

test("runAction() with --read-only sends nothing and says why", async (t) => {
  const opened = await lab(t, { view: "keys", readOnly: true });
  await opened.seeing(/web-shop/);
  for (const key of ["n", "l", "r", "d", "x"]) {
    opened.type(key);
    await opened.seeing(/--read-only: \w+ is not done here/);
  }
  assert.deepEqual([opened.source.sent, opened.session.state.dialog], [[], undefined]);
  opened.type("?");
  assert.match((await opened.seeing(/not with --read-only/)).join("\n"), /x {2}revoke \(not with --read-only\)/);
});

test("an action that fails says the daemon's words and changes nothing on the screen", async (t) => {
  const opened = await lab(t, { view: "keys" });
  await opened.seeing(/web-shop/);
  opened.type("n");
  await opened.seeing(/Name of/);
  opened.type("a", keyBytes.enter);
  await opened.seeing(/Budget of a/);
  opened.type("\u0015", "ten dollars", keyBytes.enter);
  await opened.seeing(/! {2}Expected dollars and a window/);
});

test("press() leaves with q at the root, with ctrl-c anywhere, with :q", async (t) => {
  const opened = await lab(t);
  await opened.seeing(/gpt-4o-mini/);
  opened.type("q");
  assert.equal(opened.quits(), 1);
  opened.type(keyBytes.enter, "q");
  assert.equal(opened.quits(), 1, "back from the request");
  opened.type(":", "q", keyBytes.enter, "?", "\u0003");
  assert.equal(opened.quits(), 3);
});

test("createPainter() fits any size, and says when it is too small", async (t) => {
  const opened = await lab(t);
  await opened.seeing(/gpt-4o-mini/);
  for (const [width, height] of [
    [40, 8],
    [63, 17],
    [81, 25],
    [240, 70],
    [40, 200],
  ] as const) {
    opened.resize(width, height);
    assert.match(opened.see().join("\n"), /Traffic/, `${width}×${height}`);
    opened.type("?", keyBytes.escape);
  }
  opened.resize(30, 5);
  assert.match(opened.see()[0]!, /bifrost needs 40×8/);
});

test("createPainter() puts the first frame where Ink puts the later ones", async (t) => {
  const opened = await lab(t, { width: 91, height: 29 });
  const geometry = opened.geometry();
  assert.deepEqual(
    [geometry.barRow, geometry.bodyRow],
    [placeBeforeInk("bar", { width: 91, height: 29 })!.y, placeBeforeInk("body", { width: 91, height: 29 })!.y],
  );
  assert.match(opened.see()[placeBeforeInk("footer", { width: 91, height: 29 })!.y]!, /help/);
});

test("pace() draws at most thirty times a second, however much changes", async (t) => {
  let drawn = 0;
  const { soon, now, stop } = pace(() => {
    drawn += 1;
  });
  t.after(stop);
  const started = performance.now();
  for (; performance.now() - started < 300; await new Promise((resolve) => setImmediate(resolve))) {
    soon();
    now();
  }
  const most = Math.ceil((performance.now() - started) / 33) + 1;
  assert.ok(drawn >= 1 && drawn <= most, `${drawn} frames, at most ${most}`);
});

test("testRoute() tells where a request would go, and sends none", async (t) => {
  const opened = await lab(t, { view: "providers" });
  await opened.seeing(/openai/);
  opened.source.answers.set("POST /api/route/test", {
    model: "gpt-4o",
    chosen: "openai/gpt-4o",
    error: null,
    rules: ["long prompts"],
    strategy: "weighted",
    targets: [{ target: "openai/gpt-4o", share: 0.75, breaker: "closed", note: "weight 3" }],
    left_out: [{ target: "local/llama", note: "no tools" }],
  });
  opened.type("t");
  await opened.seeing(/for which model/);
  opened.type("gpt-4o", keyBytes.enter);
  const seen = await opened.seeing(/gpt-4o → openai\/gpt-4o/);
  assert.match(
    seen.join("\n"),
    /rules: long prompts[\s\S]*1 openai\/gpt-4o {2}75% {2}weight 3[\s\S]*not local\/llama: no tools/,
  );
  assert.deepEqual(
    opened.source.sent.map(({ path }) => path),
    ["/api/route/test"],
  );
});
