/**
 * What may happen to a call under way: its client leaves at any moment, its key is deleted, moved, lowered or reset, the config is
 * read again, the daemon is asked to end. Afterwards no hold is open, the books agree, and the rows cost what the balance moved.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KeyAnswer, KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import type { LogsAnswer } from "../../daemon/admin/contract/logs.ts";
import type { OwnerAnswer } from "../../daemon/admin/contract/owners.ts";
import { type Ask, ask, open } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";
import { until } from "../support/until.ts";

let upstream: FaultUpstream;
before(async () => {
  upstream = await startFaultUpstream();
});
after(() => upstream?.stop());

const configOf = (ledger: object, price = 50) => {
  const up = { base_url: `${upstream.origin}/v1`, api_key: "env.UP", dialect: "openai-chat" };
  return {
    ledger: { ...patientLedger, hold_input: "bytes", ...ledger },
    providers: { up, other: up },
    groups: {
      spare: { strategy: "ordered", targets: ["up/f4-503", "other/slow+words=4+gap=4+spare"] },
      pair: { strategy: "ordered", targets: ["up/slow+words=4+gap=4+delay=60", "other/slow+words=4+gap=4+quick"] },
    },
    hedging: { pair: { after: "5ms", min: "1ms", max_share: 1 } },
    prices: {
      "up/*": { input: 20, output: price },
      "other/*": { input: 30, output: 90 },
      "echo-paid/*": { input: 0, output: 50 },
    },
  };
};

const forever = (nano: number) => [{ limit_nano: nano, window: { kind: "forever" } }];
const spentOf = async (daemon: Daemon, name: string) =>
  (await daemon.admin<KeyAnswer>("GET", `/api/keys/${name}`)).key.budgets[0]!.spent_nano!;

async function makeKey(daemon: Daemon, name: string, nano = 1e12, more: object = {}): Promise<string> {
  const made = { name, budgets: forever(nano), ...more };
  return (await daemon.admin<KeySecretAnswer>("POST", "/api/keys", made)).secret;
}

/** What all rows cost, once there are as many as calls. */
async function rowsCost(daemon: Daemon, calls: number): Promise<number> {
  return until(`${calls} rows`, async () => {
    const { rows } = await daemon.admin<LogsAnswer>("GET", "/api/logs?limit=1000");
    return rows.length === calls && { sum: rows.reduce((sum, { cost_nano: nano }) => sum + (nano ?? 0), 0) };
  }).then(({ sum }) => sum);
}

/** Leaves when so many bytes have come, or all there are. */
async function leaveAt(daemon: Daemon, question: Ask, bytes: number): Promise<void> {
  const opened = await open(daemon.url, question);
  assert.equal(opened.response.statusCode, 200);
  await new Promise<void>((resolve) => {
    const look = () => {
      if (opened.received().length >= bytes) resolve();
    };
    opened.response.on("data", look);
    opened.response.on("close", resolve);
    look();
  });
  opened.abort();
}

type Way = {
  readonly what: string;
  readonly model: string;
  readonly prompt?: string;
  readonly ledger?: object;
  readonly nano?: number;
  readonly ends: RegExp;
};
const long = "#echo words=300 gap=1ms";
const ways: readonly Way[] = [
  { what: "after a fallback", model: "spare", ends: /"stop"/ },
  { what: "of a hedged call", model: "pair", ends: /"stop"/ },
  {
    ...{ what: "that is cut where its hold ends", model: "echo-paid", prompt: long, ends: /budget_exceeded/ },
    ledger: { on_exhaust: "cut" },
  },
  {
    ...{ what: "that extends its hold", model: "echo-paid", prompt: long, ends: /"stop"/ },
    ledger: { on_exhaust: "extend" },
  },
  {
    ...{ what: "of a cheaper model", model: "up/slow+words=4+gap=4", nano: 1, ends: /"stop"/ },
    ledger: { downgrade: { "up/slow+words=4+gap=4": ["echo"] } },
  },
];
/** Short answers teach the estimate, which a long one outruns. */
const lessons = 40;

describe("a client that leaves", { concurrency: 2 }, () => {
  for (const { what, model, prompt, ledger = {}, nano, ends } of ways) {
    test(`A5 settle() charges once, wherever the client leaves a stream ${what}`, async () => {
      const daemon = await startDaemon({ env: { UP: "x" }, config: configOf(ledger) });
      try {
        const key = await makeKey(daemon, "k", nano);
        const taught = prompt === undefined ? 0 : lessons;
        for (let call = 0; call < taught; call += 1)
          await ask(daemon.url, { dialect: "chat", model, key, prompt: "#echo words=1" });
        const question = { dialect: "chat", model, key, stream: true, prompt } as const;
        const { bytes, text } = await ask(daemon.url, question);
        assert.match(text, ends);
        const step = Math.max(1, Math.floor(bytes.length / 40));
        const places = Array.from({ length: Math.ceil(bytes.length / step) }, (_, index) => index * step);
        for (let at = 0; at < places.length; at += 8)
          await Promise.all(places.slice(at, at + 8).map((place) => leaveAt(daemon, question, place)));
        await daemon.settled();
        assert.equal(await rowsCost(daemon, taught + 1 + places.length), await spentOf(daemon, "k"));
      } finally {
        await daemon.stop();
      }
    });
  }
});

/** `moved`: what the balances that were there moved by, all in all. */
const changes: readonly {
  readonly what: string;
  readonly change: (daemon: Daemon) => Promise<unknown>;
  readonly moved: (daemon: Daemon) => Promise<number>;
}[] = [
  {
    what: "its key is deleted",
    change: (daemon) => daemon.admin("DELETE", "/api/keys/k"),
    moved: (daemon) => teamSpent(daemon, "one"),
  },
  {
    what: "its key is moved to another team",
    change: (daemon) => daemon.admin("PATCH", "/api/keys/k", { team: "two" }),
    moved: async (daemon) => {
      assert.equal(await teamSpent(daemon, "two"), 0, "it was admitted by the team that it was in");
      assert.equal(await teamSpent(daemon, "one"), await spentOf(daemon, "k"));
      return spentOf(daemon, "k");
    },
  },
  {
    what: "its budget is lowered below what it holds",
    change: (daemon) => daemon.admin("PATCH", "/api/keys/k", { budgets: forever(1) }),
    moved: (daemon) => spentOf(daemon, "k"),
  },
  {
    what: "its budget is reset",
    change: (daemon) => daemon.admin("POST", "/api/keys/k/budgets/0/reset", {}),
    moved: (daemon) => spentOf(daemon, "k"),
  },
  {
    what: "the config is read again with another price",
    change: async (daemon) => {
      daemon.writeConfig(configOf({}, 500));
      await daemon.admin("POST", "/api/reload", {});
    },
    moved: (daemon) => spentOf(daemon, "k"),
  },
  { what: "the daemon is asked to end", change: (daemon) => daemon.restart(), moved: (daemon) => spentOf(daemon, "k") },
];

const teamSpent = async (daemon: Daemon, name: string) =>
  (await daemon.admin<OwnerAnswer>("GET", `/api/governance/teams/${name}`)).owner.budgets[0]!.spent_nano!;

describe("a call under way", { concurrency: 2 }, () => {
  for (const { what, change, moved } of changes) {
    test(`A3 settle() charges at the price it was admitted at, to who was charged then, when ${what}`, async () => {
      const daemon = await startDaemon({ env: { UP: "x" }, config: configOf({}) });
      try {
        for (const name of ["one", "two"])
          await daemon.admin("POST", "/api/governance/teams", { name, budgets: forever(1e12) });
        const key = await makeKey(daemon, "k", 1e12, { team: "one" });
        const question = { dialect: "chat", model: "up/slow+words=30+gap=80", key, stream: true } as const;
        const opened = await open(daemon.url, question);
        await opened.until("w1 ");
        const left = await open(daemon.url, question);
        await left.until("w1 ");
        await change(daemon);
        left.abort();
        assert.equal((await opened.answer()).ended, "complete");
        await daemon.settled();
        const cost = await rowsCost(daemon, 2);
        assert.ok(cost > 0 && cost < 1e7, `${cost}`);
        assert.equal(await moved(daemon), cost);
      } finally {
        await daemon.stop();
      }
    });
  }
});
