/** Lists as other gateways' clients ask for them, by offset and in an order of their choice; and usage that is begun anew. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { KeyAnswer, KeyListAnswer } from "../../daemon/admin/contract/keys.ts";
import type { BudgetListAnswer, OwnerAnswer, OwnerListAnswer } from "../../daemon/admin/contract/owners.ts";
import { ask } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

let daemon: Daemon;
before(async () => {
  daemon = await startDaemon({ config: { ledger: patientLedger } });
  await daemon.admin("POST", "/api/governance/teams", { name: "research", budgets });
  for (const name of ["delta", "alpha", "charlie", "bravo"])
    await daemon.admin("POST", "/api/keys", { name, team: "research", budgets });
});
after(() => daemon?.stop());

const budgets = [
  { limit_nano: 5e9, window: { kind: "rolling", length_ms: 86_400_000 } },
  { limit_nano: 9e9, window: { kind: "forever" } },
];
const keys = (query: string) => daemon.admin<KeyListAnswer>("GET", `/api/governance/virtual-keys?${query}`);
const names = async (query: string) => (await keys(query)).keys.map(({ name }) => name);

test("lists come in the order that is asked for, from an offset on", async () => {
  const made = ["delta", "alpha", "charlie", "bravo"];
  const ours = async (query: string) => names(`team=research&${query}`);
  assert.deepEqual(await ours(""), made);
  assert.deepEqual(await ours("sort_by=name"), made.toSorted());
  assert.deepEqual(await ours("sort_by=name&order=desc"), made.toSorted().reverse());
  assert.deepEqual(await ours("sort_by=created_at&order=desc"), made.toReversed());
  assert.deepEqual(await ours("sort_by=name&limit=2&offset=1"), ["bravo", "charlie"]);
  assert.deepEqual(await ours("offset=9"), []);
  assert.deepEqual(await names("team_id=research&sort_by=name&limit=1"), ["alpha"]);
  const page = await keys("team=research&sort_by=name&limit=2&offset=1");
  assert.deepEqual([page.count, page.total_count, page.limit, page.offset, page.next], [2, 4, 2, 1, null]);
  const first = await keys("team=research&limit=2");
  assert.deepEqual([first.limit, first.offset], [2, 0]);
  assert.deepEqual(await ours(`limit=2&after=${first.next}`), ["charlie", "bravo"]);
  await assert.rejects(keys("sort_by=name&after=3"), /give it, or offset, sort_by and order/);
  await assert.rejects(keys("sort_by=budget"), /sort_by/);
  await daemon.admin("POST", "/api/governance/teams", { name: "analytics" });
  const budgetsOf = async (search: string) =>
    (await daemon.admin<BudgetListAnswer>("GET", `/api/governance/budgets?search=${search}`)).budgets;
  assert.deepEqual(
    (await budgetsOf("RAV")).map(({ owner }) => owner.name),
    ["bravo", "bravo"],
  );
  const { id } = (await keys("search=delta")).keys[0]!;
  assert.equal((await budgetsOf(id))[0]?.owner.name, "delta");
  assert.deepEqual(await budgetsOf("%25"), []);
  const teams = await daemon.admin<OwnerListAnswer>("GET", "/api/governance/teams?sort_by=name&limit=1");
  assert.deepEqual([teams.owners[0]?.name, teams.total_count, teams.limit], ["analytics", 2, 1]);
});

test("reset_budget_usage begins the windows of a key's budgets anew, and leaves its owner's and its wallet", async () => {
  const { secret } = await daemon.admin<{ secret: string }>("POST", "/api/keys/alpha/rotate", {});
  await daemon.admin("POST", "/api/keys/alpha/wallet", { amount_nano: 1e9 });
  const { status } = await ask(daemon.url, {
    ...{ dialect: "chat", model: "echo-paid", key: secret, prompt: "#echo words=9", maxTokens: 9 },
  });
  assert.equal(status, 200);
  await daemon.settled();
  const spent = async () =>
    (await daemon.admin<KeyAnswer>("GET", "/api/keys/alpha")).key.budgets.map((b) => b.spent_nano);
  const before = await spent();
  assert.ok(
    before.every((each) => each !== null && each > 0),
    JSON.stringify(before),
  );
  await daemon.admin("PUT", "/api/governance/virtual-keys/alpha", { reset_budget_usage: true });
  assert.deepEqual(await spent(), [0, 0, before[2]]);
  const team = async () => (await daemon.admin<OwnerAnswer>("GET", "/api/governance/teams/research")).owner.budgets[0];
  assert.equal((await team())?.spent_nano, before[0]);
  await daemon.admin("PATCH", "/api/governance/teams/research", { reset_budget_usage: true });
  assert.equal((await team())?.spent_nano, 0);
  await daemon.restart();
  assert.deepEqual(await spent(), [0, 0, before[2]]);
  await daemon.settled();
});
