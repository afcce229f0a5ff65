/** Owners, keys and limits that the config file declares, and end users and tags that only requests name. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KeyAnswer } from "../../daemon/admin/contract/keys.ts";
import type { OwnerAnswer, OwnerListAnswer } from "../../daemon/admin/contract/owners.ts";
import { type Answer, ask } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { outcome } from "../support/outcome.ts";

const secret = "sk-file-0123456789abcdef0123456789";
const other = "sk-other-0123456789abcdef0123456789";

const config = (governance: object) => ({
  server: { workers: 2 },
  ledger: { ...patientLedger, hold_input: "bytes" },
  prices: { "echo-paid/*": { input: 10, output: 50 } },
  governance,
});
const declared = {
  customers: { acme: { budgets: ["100/1M"], metadata: { plan: "gold" } } },
  teams: { research: { customer: "acme", budgets: ["0.05/1d"], rpm: 1_000 } },
  keys: { ci: { value: "env.CI_KEY", team: "research", providers: { echo: {}, "echo-paid": { weight: 1 } } } },
  end_users: { each: { budgets: ["0.01"] }, known: { vip: { budgets: ["5"] } } },
  tags: { each: { budgets: ["0.01"] } },
};

let daemon: Daemon;
before(async () => {
  daemon = await startDaemon({ config: config(declared), env: { CI_KEY: secret, OTHER_KEY: other } });
});
after(() => daemon?.stop());

type Extra = { readonly headers?: Record<string, string>; readonly body?: Record<string, unknown> };

function call(key: string, extra: Extra = {}, words = 20): Promise<Answer> {
  const prompt = `#echo words=${words}`;
  return ask(daemon.url, { dialect: "chat", model: "echo-paid", key, prompt, maxTokens: words, ...extra });
}

const show = async (kind: string, name: string) =>
  (await daemon.admin<OwnerAnswer>("GET", `/api/governance/${kind}/${name}`)).owner;

describe("declared", { concurrency: false }, () => {
  test("declare() has owners and keys of the file in force from the first request", async () => {
    assert.equal((await call(secret)).status, 200);
    const team = await show("teams", "research");
    assert.deepEqual([team.source, team.parent?.name, team.limits[0]?.limit], ["file", "acme", 1_000]);
    assert.deepEqual((await show("customers", "acme")).metadata, { plan: "gold" });
    const { key } = await daemon.admin<KeyAnswer>("GET", "/api/keys/ci");
    assert.deepEqual([key.source, key.parent?.name, key.providers?.length], ["file", "research", 2]);
  });

  test("declare() leaves to the file what is the file's", async () => {
    for (const [method, path, body] of [
      ["PATCH", "/api/governance/teams/research", { description: "mine" }],
      ["DELETE", "/api/governance/teams/research", undefined],
      ["PATCH", "/api/keys/ci", { disabled: true }],
      ["POST", "/api/keys/ci/rotate", {}],
      ["DELETE", "/api/keys/ci", undefined],
    ] as const) {
      await assert.rejects(daemon.admin(method, path, body), /409.*config file/, `${method} ${path}`);
    }
    assert.equal((await call(secret)).status, 200);
  });

  test("A2 admit() lets 200 parallel calls for an end user never seen before spend no more than $0.01", async () => {
    const prompt = "#echo words=20 delay=200ms";
    const wave = () =>
      Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          ask(daemon.url, {
            ...{ dialect: "chat", model: "echo-paid", key: index % 2 === 0 ? secret : secret, prompt, maxTokens: 20 },
            ...(index % 2 === 0 ? { body: { user: "newcomer" } } : { headers: { "x-bifrost-end-user": "newcomer" } }),
          }),
        ),
      );
    const answers = await wave();
    const refused = answers.filter(({ status }) => status === 402);
    assert.ok(refused.length > 150, `${refused.length} refused`);
    assert.match(outcome("chat", refused[0]!).error?.message ?? "", /end user "newcomer"/);
    await daemon.settled();
    const { budgets, source } = await show("end-users", "newcomer");
    assert.equal(source, "runtime");
    assert.ok(budgets[0]!.spent_nano! > 0 && budgets[0]!.spent_nano! <= 10_000_000, JSON.stringify(budgets));
  });

  test("A2 admit() lets 200 parallel calls with a tag never seen before spend no more than $0.01", async () => {
    const calls = Array.from({ length: 200 }, () => call(secret, { headers: { "x-bifrost-tags": "batch, night" } }));
    const answers = await Promise.all(calls);
    assert.ok(answers.some(({ status }) => status === 200) && answers.some(({ status }) => status === 402));
    await daemon.settled();
    for (const tag of ["batch", "night"]) {
      const { budgets } = await show("tags", tag);
      assert.ok(budgets[0]!.spent_nano! > 0 && budgets[0]!.spent_nano! <= 10_000_000, JSON.stringify(budgets));
    }
  });

  test("namedBy() takes a session's blob for nobody, and one user's sessions for one user", async () => {
    const count = async () => (await daemon.admin<OwnerListAnswer>("GET", "/api/governance/end-users")).total_count;
    const before = await count();
    const blob = JSON.stringify({ session: "1", device: "2" });
    assert.equal((await call(secret, { body: { metadata: { user_id: blob } } }, 1)).status, 200);
    assert.equal(await count(), before);
    for (const session of ["0d9f1a2b", "77aa88bb"])
      await call(secret, { body: { metadata: { user_id: `user_ab12_account_cd34_session_${session}` } } }, 1);
    assert.equal(await count(), before + 1);
  });

  test("A3 a scope made for a name is there after a kill, with what was spent", async () => {
    await daemon.settled();
    const before = await show("end-users", "newcomer");
    await daemon.kill("SIGKILL");
    await daemon.restart();
    await daemon.settled();
    const { budgets } = await show("end-users", "newcomer");
    assert.equal(budgets[0]!.spent_nano, before.budgets[0]!.spent_nano);
  });

  test("declare() puts a changed file in force, and takes away what has gone from it", async () => {
    await daemon.admin("POST", "/api/keys", { name: "guest", customer: "acme" });
    const spent = (await show("teams", "research")).budgets[0]!.spent_nano!;
    daemon.writeConfig(
      config({
        customers: {},
        teams: { research: { budgets: ["10/1d"], blocked: ["echo"] } },
        keys: { cd: { value: "env.OTHER_KEY", team: "research", unsupported: "strict" } },
      }),
    );
    await daemon.cli("reload");
    assert.equal((await call(secret)).status, 401, "the key has gone from the file");
    assert.equal((await call(other)).status, 200);
    assert.equal((await ask(daemon.url, { dialect: "chat", model: "echo", key: other })).status, 403);
    const unheard = { dialect: "messages", model: "echo-paid", key: other, body: { top_k: 3 } } as const;
    const refused = await ask(daemon.url, unheard);
    assert.deepEqual([refused.status, /cannot express: top_k/.test(refused.text)], [400, true], refused.text);
    const served = await ask(daemon.url, { ...unheard, headers: { "x-bifrost-unsupported": "drop" } });
    assert.deepEqual([served.status, served.headers["x-bifrost-dropped-params"]], [200, "top_k"]);
    const team = await show("teams", "research");
    assert.ok(team.budgets[0]!.spent_nano! >= spent, "a budget whose window stays keeps what was spent");
    assert.equal(team.parent, null);
    assert.equal((await show("customers", "acme")).source, "database", "a key of the database still belongs to it");
    await assert.rejects(show("end-users", "vip"), /404/);
    await daemon.settled();
  });

  test("declare() refuses a file that names owners it does not declare, and keeps what is in force", async () => {
    daemon.writeConfig(config({ teams: { research: { customer: "acmee" } } }));
    const { code, stderr } = await daemon.cli("reload");
    assert.notEqual(code, 0);
    assert.match(stderr, /governance\.teams\.research\.customer: there is no customer "acmee" in this file/);
    assert.equal((await call(other)).status, 200);
  });
});
