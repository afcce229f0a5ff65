/**
 * Mixed traffic from many callers over both workers while everything changes: streams cut by their clients, fallbacks,
 * cached tokens, hedges, errors; the config is read again, keys are changed and rotated, the daemon is killed. Afterwards no
 * cap was passed by more than the books say, and rows, sums and ledger tell one amount, by whomever they are asked.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { KeyAnswer, KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import type { RankingsAnswer, StatsAnswer } from "../../daemon/admin/contract/log-statistics.ts";
import type { LogRow, LogsAnswer } from "../../daemon/admin/contract/logs.ts";
import type { OwnerAnswer } from "../../daemon/admin/contract/owners.ts";
import { begin } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";
import { pause, until } from "../support/until.ts";

const callers = 24;
const callsEach = Number(process.env["BIFROST_STORM_CALLS"] ?? 12);
/** What the caps are counted in: a fifth of a dollar pays for a dozen of the calls. */
const dollar = 2e8;
const forever = (dollars: number) => [{ limit_nano: dollars * dollar, window: { kind: "forever" } }];

/** Calls that end in each of the ways there are. */
const kinds: readonly { readonly model: string; readonly stream?: true; readonly leaveAfterMs?: number }[] = [
  { model: "paid/ok+a" },
  { model: "paid/ok+b", stream: true },
  { model: "spare" },
  { model: "spare", stream: true },
  { model: "pair" },
  { model: "pair", stream: true },
  { model: "paid/cached" },
  { model: "paid/slow+words=6+gap=8", stream: true, leaveAfterMs: 20 },
  { model: "paid/f7-close", stream: true },
  { model: "paid/f12-usage-never", stream: true },
  { model: "paid/f4-500" },
  { model: "paid/f5-error-body" },
];

let upstream: FaultUpstream;
let daemon: Daemon;
const config = (outputPrice: number) => ({
  server: { workers: 2 },
  ledger: { ...patientLedger, hold_input: "bytes" },
  providers: {
    paid: { base_url: `${upstream.origin}/v1`, api_key: "env.UP", dialect: "openai-chat" },
    other: { base_url: `${upstream.origin}/v1`, api_key: "env.UP", dialect: "openai-chat" },
  },
  aliases: { "paid/cached": "paid/script-cached" },
  groups: {
    spare: { strategy: "ordered", targets: ["paid/f4-503", "other/ok+spare"] },
    pair: { strategy: "ordered", targets: ["paid/slow+words=2+gap=40+delay=80", "other/ok+quick"] },
  },
  hedging: { pair: { after: "30ms", min: "1ms", max_share: 1 } },
  prices: {
    "paid/*": { input: 200, output: outputPrice, cache_read: 20 },
    "other/*": { input: 300, output: 900 },
  },
  governance: { end_users: { each: { budgets: ["1000000"] } }, tags: { each: { budgets: ["1000000"] } } },
});

before(async () => {
  upstream = await startFaultUpstream();
  await upstream.script("cached", {
    status: 200,
    headers: { "content-type": "application/json" },
    chunks: [
      {
        data: JSON.stringify({
          ...{ id: "c", object: "chat.completion", created: 1, model: "m" },
          choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
          usage: { prompt_tokens: 20, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 16 } },
        }),
      },
    ],
  });
  daemon = await startDaemon({ env: { UP: "secret" }, config: config(1000) });
  await daemon.admin("POST", "/api/governance/customers", { name: "c", budgets: forever(2) });
  await daemon.admin("POST", "/api/governance/teams", { name: "t", customer: "c", budgets: forever(1.5) });
});
after(async () => {
  await daemon?.stop();
  await upstream?.stop();
});

async function storm(secrets: readonly string[], seed: number): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  const tell = (what: string | number) => {
    seen[what] = (seen[what] ?? 0) + 1;
  };
  const caller = async (index: number) => {
    for (let call = 0; call < callsEach; call += 1) {
      const { model, stream = false, leaveAfterMs } = kinds[(seed + 5 * index + call) % kinds.length]!;
      const begun = begin(daemon.url, {
        ...{ dialect: "chat", model, stream, key: secrets[index % secrets.length]!, maxTokens: 20 },
        headers: { "x-bifrost-end-user": `u${index % 3}`, "x-bifrost-tags": `tag${index % 2}` },
      });
      begun.head.catch(() => undefined);
      const patience = setTimeout(() => begun.abort(), 15_000);
      if (leaveAfterMs !== undefined) {
        await pause(leaveAfterMs);
        begun.abort();
        clearTimeout(patience);
        tell("left");
        continue;
      }
      try {
        tell((await (await begun.head).answer()).status);
      } catch {
        tell("gone");
      } finally {
        clearTimeout(patience);
      }
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, index) => caller(index)));
  return seen;
}

async function allRows(): Promise<readonly LogRow[]> {
  const rows: LogRow[] = [];
  for (let before: string | undefined; ; ) {
    const query = before === undefined ? "" : `&before=${before}`;
    const page = await daemon.admin<LogsAnswer>("GET", `/api/logs?limit=1000${query}`);
    rows.push(...page.rows);
    if (page.older === null) return rows;
    before = page.older;
  }
}

const sum = (rows: readonly LogRow[]) => rows.reduce((total, { cost_nano: nano }) => total + (nano ?? 0), 0);
const spentOf = async (kind: string, name: string) =>
  (await daemon.admin<OwnerAnswer>("GET", `/api/governance/${kind}/${name}`)).owner.budgets[0]?.spent_nano ?? 0;

/** One amount, however it is asked for; `ledger check` is clean. */
async function agree(keys: readonly string[]): Promise<{ readonly total: number; readonly overrun: number }> {
  const check = await daemon.settled();
  const now = Date.now() + 60_000;
  const range = `since_ms=${now - 86_400_000}&until_ms=${now}`;
  const views = await Promise.all(keys.map((name) => daemon.admin<KeyAnswer>("GET", `/api/keys/${name}`)));
  const spent = views.map(({ key }) => key.budgets[0]?.spent_nano ?? 0);
  const total = spent.reduce((all, nano) => all + nano, 0);
  // Rows and sums are written a moment after the answer, those that cost nothing too.
  const [rows, stats] = await until("every row, and the sums of it", async () => {
    const { sums } = await daemon.admin<StatsAnswer>("GET", `/api/logs/stats?${range}`);
    const found = await allRows();
    return (
      sum(found) === total && sums.cost_nano === total && sums.requests === found.length && ([found, sums] as const)
    );
  });
  for (const [index, { key }] of views.entries())
    assert.equal(sum(rows.filter((row) => row.key === key.id)), spent[index], `rows of ${key.name}`);
  assert.equal(await spentOf("teams", "t"), total, "the team");
  assert.equal(await spentOf("customers", "c"), total, "the customer");
  const users = await Promise.all([0, 1, 2].map((index) => spentOf("end-users", `u${index}`)));
  assert.equal(
    users.reduce((all, nano) => all + nano, 0),
    total,
    "end users",
  );
  const tags = await Promise.all([0, 1].map((index) => spentOf("tags", `tag${index}`)));
  assert.equal(
    tags.reduce((all, nano) => all + nano, 0),
    total,
    "tags",
  );
  assert.equal(stats.errors, rows.filter(({ status, error }) => status >= 400 || error !== null).length, "errors");
  for (const by of ["key", "team", "customer", "model", "provider", "target"]) {
    const { rankings } = await daemon.admin<RankingsAnswer>("GET", `/api/logs/rankings?by=${by}&limit=1000&${range}`);
    const ranked = rankings.reduce((all, { sums }) => all + sums.cost_nano, 0);
    assert.ok(
      by === "provider" || by === "target" ? ranked <= total : ranked === total,
      `${by}: ${ranked}, not ${total}`,
    );
  }
  return { total, overrun: check.overrun_nano };
}

test("A1 A3 a storm of mixed traffic while keys, config and process change: no cap is passed, and all books agree", async () => {
  const made = async (name: string, dollars: number) => {
    const body = { name, team: "t", budgets: forever(dollars) };
    return (await daemon.admin<KeySecretAnswer>("POST", "/api/keys", body)).secret;
  };
  const secrets = [await made("k0", 0.5), await made("k1", 0.8), await made("k2", 5)];

  const load = storm(secrets, 0);
  await pause(30);
  await daemon.admin("PATCH", "/api/keys/k0", { budgets: forever(0.3) });
  const rotated = await daemon.admin<KeySecretAnswer>("POST", "/api/keys/k1/rotate", { grace_ms: 60_000 });
  daemon.writeConfig(config(800));
  await daemon.json("reload");
  await daemon.admin("PATCH", "/api/keys/k0", { budgets: forever(0.6) });
  const seen = await load;
  for (const kind of [200, 402, "left"]) assert.ok((seen[kind] ?? 0) > 0, `${kind} of ${JSON.stringify(seen)}`);
  const first = await agree(["k0", "k1", "k2"]);
  const limits = { k0: 0.6, k1: 0.8, t: 1.5, c: 2 };
  for (const name of ["k0", "k1"] as const) {
    const { key } = await daemon.admin<KeyAnswer>("GET", `/api/keys/${name}`);
    const over = key.budgets[0]!.spent_nano! - limits[name] * dollar;
    assert.ok(over <= first.overrun, `${name} is ${over} over, the books know of ${first.overrun}`);
  }
  assert.ok(first.total <= limits.t * dollar + first.overrun, `the team spent ${first.total}`);

  await daemon.admin("PATCH", "/api/governance/teams/t", { budgets: forever(3) });
  await daemon.admin("PATCH", "/api/governance/customers/c", { budgets: forever(3) });
  const second = storm([secrets[0]!, rotated.secret, secrets[2]!], 3);
  await pause(150);
  await daemon.kill("SIGKILL");
  await second;
  await daemon.restart();
  const check = await daemon.settled();
  assert.deepEqual([check.problems, check.holds_open], [[], 0]);
  const team = await spentOf("teams", "t");
  assert.ok(team >= first.total, "nothing that was spent is forgotten");
  assert.equal(await spentOf("customers", "c"), team);
  const third = await storm([secrets[0]!, rotated.secret, secrets[2]!], 7);
  assert.ok((third[200] ?? 0) + (third[402] ?? 0) > 0, JSON.stringify(third));
  const last = await daemon.settled();
  assert.ok((await spentOf("teams", "t")) <= 3 * dollar + last.overrun_nano);
});
