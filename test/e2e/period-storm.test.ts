/**
 * Requests that run over the ends of windows, from many callers over both workers, while budgets change and are reset:
 * what is held in one window and settled in the next passes the limit of neither, and books and memory stay one. With
 * BIFROST_STORM_SECONDS above ten the daemon is killed every ten seconds as well (`npm run storm`).
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import type { OwnerAnswer } from "../../daemon/admin/contract/owners.ts";
import { stateFile, trafficFile } from "../../daemon/store/boot.ts";
import { openDatabase } from "../../daemon/store/database.ts";
import { begin } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";
import { pause } from "../support/until.ts";

const seconds = Number(process.env["BIFROST_STORM_SECONDS"] ?? 3);
const callers = 12;
/** What each answered request costs, whatever is in it: what is held is what it comes to. */
const feeNano = 10_000_000;
const rolling = (fees: number, lengthMs: number) => ({
  limit_nano: fees * feeNano,
  window: { kind: "rolling", length_ms: lengthMs },
});
const models = ["flat/slow+words=3+gap=50", "flat/slow+words=2+gap=120", "flat/ok+a", "flat/f4-500"];

let upstream: FaultUpstream;
let daemon: Daemon;
before(async () => {
  upstream = await startFaultUpstream();
  daemon = await startDaemon({
    env: { UP: "secret" },
    config: {
      server: { workers: 2 },
      ledger: { ...patientLedger, hold_input: "bytes" },
      providers: { flat: { base_url: `${upstream.origin}/v1`, api_key: "env.UP", dialect: "openai-chat" } },
      prices: { "flat/*": { input: 0, output: 0, request: 0.01 } },
    },
  });
});
after(async () => {
  await daemon?.stop();
  await upstream?.stop();
});

async function call(key: string, turn: number): Promise<number | "gone"> {
  const begun = begin(daemon.url, {
    ...{ dialect: "chat", model: models[turn % models.length]!, stream: turn % 3 !== 0, key, maxTokens: 5 },
  });
  begun.head.catch(() => undefined);
  const patience = setTimeout(() => begun.abort(), turn % 11 === 0 ? 60 : 15_000);
  try {
    return (await (await begun.head).answer()).status;
  } catch {
    return "gone";
  } finally {
    clearTimeout(patience);
  }
}

test("A9 A1 a storm over the ends of windows: no window is overspent, and what is held over its end counts once", async () => {
  await daemon.admin("POST", "/api/governance/teams", {
    ...{
      name: "t",
      budgets: [rolling(12, 1_000), rolling(22, 2_100), { limit_nano: 9e12, window: { kind: "forever" } }],
    },
  });
  const make = async (name: string, budgets: readonly object[], more = {}) => {
    const body = { name, team: "t", budgets, ...more };
    return (await daemon.admin<KeySecretAnswer>("POST", "/api/keys", body)).secret;
  };
  const secrets = [
    await make("tight", [rolling(4, 1_000)]),
    await make("wide", [rolling(7, 1_500), rolling(6, 1_100)]),
    await make("changed", [rolling(50, 1_200)]),
    await make("free", [], { limits: [{ metric: "spend", limit: 6 * feeNano, window_ms: 1_000 }] }),
  ];
  const endAt = performance.now() + seconds * 1_000;
  const seen = new Map<number | string, number>();
  const caller = async (index: number) => {
    for (let turn = index; performance.now() < endAt; turn += 1) {
      const what = await call(secrets[index % secrets.length]!, turn);
      seen.set(what, (seen.get(what) ?? 0) + 1);
      if (what !== 200) await pause(8);
    }
  };
  const load = Array.from({ length: callers }, (_, index) => caller(index));
  for (let round = 1; performance.now() < endAt; round += 1) {
    await pause(Math.min(150, endAt - performance.now()));
    await daemon.admin("POST", "/api/keys/changed/budgets/0/reset");
    await daemon.admin("PATCH", "/api/keys/changed", {
      budgets: [rolling(50 + round, round % 3 === 0 ? 1_201 : 1_200)],
    });
    if (round % 60 !== 0) continue;
    await daemon.kill("SIGKILL");
    await daemon.restart();
  }
  await Promise.all(load);
  for (const kind of [200, 402]) assert.ok((seen.get(kind) ?? 0) > 0, `${kind} of ${JSON.stringify([...seen])}`);
  const check = await daemon.settled();
  assert.equal(check.overrun_nano, 0);
  const { over, straddled, total } = windows();
  assert.deepEqual(over, []);
  assert.ok(straddled > 0, "no request ran over the end of a window: the test did not test");
  const { owner } = await daemon.admin<OwnerAnswer>("GET", "/api/governance/teams/t");
  assert.equal(owner.budgets.at(-1)!.spent_nano, total, "every settled row counts once in the total");
});

/** From the books alone: what each window of each budget came to. */
function windows() {
  const state = openDatabase(stateFile(daemon.home), { readonly: true });
  const traffic = openDatabase(trafficFile(daemon.home), { readonly: true });
  const begun = new Map(traffic.prepare("SELECT id, at FROM requests").raw().all() as [string, number][]);
  const budgets = state
    .prepare(
      `SELECT s.name, b.scope_id AS scope, limit_nano AS most, anchor_at AS anchor, json_extract(window, '$.lengthMs') AS length
       FROM budgets b JOIN scopes s ON s.id = b.scope_id WHERE s.name <> 'changed'`,
    )
    .all() as { name: string; scope: number; most: number; anchor: number; length: number | null }[];
  const records = state
    .prepare(
      "SELECT hold_id AS id, at, ',' || scopes || ',' AS scopes, cost_nano AS cost FROM records WHERE cost_nano > 0",
    )
    .all() as { id: string; at: number; scopes: string; cost: number }[];
  state.close();
  traffic.close();
  let straddled = 0;
  const over = budgets.flatMap(({ name, scope, most, anchor, length }) => {
    const sums = new Map<number, number>();
    for (const { id, at, scopes, cost } of records) {
      if (!scopes.includes(`,${scope},`) || length === null) continue;
      const window = Math.floor((at - anchor) / length);
      sums.set(window, (sums.get(window) ?? 0) + cost);
      if (Math.floor(((begun.get(id) ?? at) - anchor) / length) < window) straddled += 1;
    }
    return [...sums].flatMap(([window, sum]) => (sum > most ? [{ name, length, window, sum, most }] : []));
  });
  return { over, straddled, total: records.reduce((sum, { cost }) => sum + cost, 0) };
}
