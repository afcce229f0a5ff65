/** Keys of LiteLLM's database: their secrets go on working, with what they may do and have spent. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { KeyAnswer } from "../../daemon/admin/contract/keys.ts";
import type { OwnerAnswer, OwnerListAnswer } from "../../daemon/admin/contract/owners.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const old = "sk-Tm4vN1x0sQ2dW8yB5kPz_w";
const team = "sk-teamkey-0123456789abc";
const day = 86_400_000;
const later = new Date(Date.now() + 30 * day).toISOString();

const litellm = `model_list:
  - model_name: cheap
    litellm_params: { model: openai/gpt-4o-mini, api_key: os.environ/OPENAI_API_KEY }
  - model_name: dear
    litellm_params: { model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY }
`;

const database = {
  LiteLLM_BudgetTable: [{ budget_id: "b1", max_budget: 7, budget_duration: "30d" }],
  LiteLLM_TeamTable: [
    {
      team_id: "t-1",
      team_alias: "research",
      max_budget: 20,
      spend: 12.5,
      budget_duration: null,
      models: [],
      blocked: false,
    },
  ],
  LiteLLM_UserTable: [{ user_id: "default_user_id", user_role: "proxy_admin" }],
  LiteLLM_EndUserTable: [{ user_id: "alice", default_model: null, budget_id: "b1", spend: 1, blocked: false }],
  LiteLLM_VerificationToken: [
    {
      token: sha256(old),
      key_name: "sk-...Pz_w",
      key_alias: "prod",
      spend: 0.25,
      max_budget: 1,
      budget_duration: "1d",
      budget_reset_at: later,
      expires: later,
      rpm_limit: 3,
      models: [],
      blocked: false,
    },
    {
      token: sha256(team),
      key_name: "sk-...9abc",
      key_alias: "of a team",
      spend: 9,
      models: ["dear", "gone"],
      team_id: "t-1",
    },
    { token: sha256("sk-blocked-0123456789"), key_alias: "blocked", blocked: true },
    { token: sha256("sk-expired-0123456789"), key_alias: "expired", expires: "2020-01-01 00:00:00" },
    { token: sha256("sk-lost-0123456789abc"), key_alias: "of a lost team", team_id: "t-9" },
    {
      token: sha256("sk-routes-0123456789"),
      key_alias: "routes",
      allowed_routes: ["/embeddings"],
      aliases: { mine: "dear", lost: "gone" },
      max_budget: 5,
      soft_budget: 2,
      budget_limits: [{ budget_duration: "1h", max_budget: 1 }],
      model_max_budget: { dear: { budget_limit: 3, time_period: "1d" } },
      metadata: { model_rpm_limit: { cheap: 9, dear: 4 }, enforced_params: ["user"] },
    },
    { token: sha256("sk-budget-0123456789"), key_alias: "of a lost budget", budget_id: "b9" },
    { token: sha256("sk-organization-0123"), key_alias: "of a lost organization", organization_id: "o-9" },
  ],
};

test("bifrost import litellm --keys: an old secret authenticates, with its budget, spend, limits and models", async () => {
  const daemon = await startDaemon({ config: { echo: true, ledger: patientLedger } });
  const [config, keys] = [join(daemon.home, "litellm.yaml"), join(daemon.home, "keys.json")];
  writeFileSync(config, litellm);
  writeFileSync(keys, JSON.stringify(database, null, 1));
  assert.equal((await ask(daemon, old, "echo/echo")).status, 401, "not known yet");

  const dry = await daemon.cli(
    "import",
    "litellm",
    config,
    "--keys",
    keys,
    "--dry-run",
    "--out",
    join(daemon.home, "a.yaml"),
  );
  assert.match(dry.stderr, /9 of 9 keys and owners would be taken over\./);
  assert.doesNotMatch(dry.stderr, /Written to/);
  assert.equal((await ask(daemon, old, "echo/echo")).status, 401, "nor after --dry-run");

  const done = await daemon.cli("import", "litellm", config, "--keys", keys, "--out", join(daemon.home, "a.yaml"));
  assert.equal(done.code, 6, "a team is lost, and what bound its key");
  assert.match(done.stderr, /9 of 9 keys and owners taken over\./);
  assert.match(done.stderr, /\d+: keys\.json: LiteLLM_VerificationToken\[3\]: has expired/);
  assert.match(done.stderr, /VerificationToken\[4\]: its team t-9 .*\(security\)/);
  assert.match(done.stderr, /VerificationToken\[5\]: allowed_routes: operations, in any vendor's words/);
  assert.match(done.stderr, /VerificationToken\[5\]: aliases: "lost" stands for nothing in the config/);
  assert.doesNotMatch(done.stderr, /VerificationToken\[5\]: .*\(security\)/);
  const bound = (await daemon.admin<KeyAnswer>("GET", "/api/keys/routes")).key;
  assert.deepEqual([bound.operations, bound.aliases, bound.required], [["embeddings"], { mine: "dear" }, ["user"]]);
  assert.deepEqual(
    bound.budgets.map(({ limit_nano, shadow, window }) => [limit_nano / 1e9, shadow, window.kind]),
    [
      [5, false, "forever"],
      [1, false, "rolling"],
      [2, true, "forever"],
    ],
  );
  const limits = await daemon.admin<OwnerListAnswer>("GET", "/api/governance/model-configs?key=routes");
  assert.deepEqual(
    limits.owners.map(({ match, budgets, limits: rates }) => [match, budgets.length, rates[0]?.limit]),
    [
      [{ provider: "*", model: "openai/gpt-4o" }, 1, 4],
      [{ provider: "*", model: "openai/gpt-4o-mini" }, 0, 9],
    ],
  );
  assert.equal((await ask(daemon, "sk-routes-0123456789", "echo/echo")).status, 403, "chat is no embedding");
  assert.match(done.stderr, /VerificationToken\[6\]: its budget b9 .*\(security\)/);
  assert.match(done.stderr, /VerificationToken\[7\]: its organization o-9 .*\(security\)/);
  for (const lost of ["sk-budget-0123456789", "sk-organization-0123"])
    assert.equal((await ask(daemon, lost, "echo/echo")).status, 401, "freer than it was, so not taken over");
  assert.doesNotMatch(done.stdout + done.stderr, new RegExp(sha256(old)));

  const { key } = await daemon.admin<KeyAnswer>("GET", "/api/keys/prod");
  assert.deepEqual(
    [
      key.prefix,
      key.models,
      key.budgets.map(({ limit_nano, spent_nano }) => [limit_nano, spent_nano]),
      key.expires_at_ms,
    ],
    ["sk-...Pz_w", ["*"], [[1e9, 0.25e9]], Date.parse(later)],
  );
  assert.deepEqual(key.budgets[0]!.window, { kind: "calendar", unit: "day", count: 1, zone: "UTC" });
  const { key: teams } = await daemon.admin<KeyAnswer>("GET", "/api/keys/of%20a%20team");
  assert.deepEqual([teams.models, teams.parent?.name], [["openai/gpt-4o"], "research"]);
  const { owner } = await daemon.admin<OwnerAnswer>("GET", "/api/governance/teams/research");
  assert.deepEqual([owner.budgets[0]?.spent_nano, owner.budgets[0]?.window], [12.5e9, { kind: "forever" }]);
  const { owner: alice } = await daemon.admin<OwnerAnswer>("GET", "/api/governance/end-users/alice");
  assert.deepEqual([alice.budgets[0]?.limit_nano, alice.budgets[0]?.spent_nano], [7e9, 1e9]);

  const statuses: number[] = [];
  for (let count = 0; count < 4; count += 1) statuses.push((await ask(daemon, old, "echo/echo")).status);
  assert.deepEqual(statuses, [200, 200, 200, 429], "its rpm of 3");
  assert.equal((await ask(daemon, team, "echo/echo")).status, 403, "a model that it may not call");
  assert.equal((await ask(daemon, "sk-blocked-0123456789", "echo/echo")).status, 401, "blocked there, disabled here");

  const again = await daemon.cli("import", "litellm", config, "--keys", keys, "--out", join(daemon.home, "c.yaml"));
  assert.match(again.stderr, /0 of 9 keys and owners taken over\./);
  assert.match(again.stderr, /key "prod" is there already/);
  assert.equal((await daemon.settled()).ok, true, "what was spent there is in the ledger too");
  await daemon.restart();
  const { key: after } = await daemon.admin<KeyAnswer>("GET", "/api/keys/prod");
  assert.equal(after.budgets[0]?.spent_nano, 0.25e9, "and still after a restart");
  assert.equal((await daemon.settled()).ok, true);
  await daemon.stop();
});

test("bifrost import litellm --keys refuses to let an imported key spend what it has spent before", async () => {
  const daemon = await startDaemon({ config: { echo: true, ledger: patientLedger } });
  const [config, keys] = [join(daemon.home, "litellm.yaml"), join(daemon.home, "keys.csv")];
  writeFileSync(config, litellm);
  const header = "token,key_name,key_alias,spend,expires,models,max_budget,budget_duration,metadata,blocked";
  const rows = [
    `${sha256(old)},sk-...Pz_w,spent,0.999999999,,{},1,,"{""a"": ""b,c""}",f`,
    `${sha256(team)},sk-...9abc,"two, named",0.5,${later.replace("T", " ").replace("Z", "")},"{dear,cheap}",1,,{},f`,
  ];
  writeFileSync(keys, `${header}\n${rows.join("\n")}\n`);
  const done = await daemon.cli("import", "litellm", config, "--keys", keys, "--out", join(daemon.home, "a.yaml"));
  assert.equal(done.code, 0, done.stderr);
  writeFileSync(keys, "neither json\n");
  const odd = await daemon.cli("import", "litellm", config, "--keys", keys, "--out", join(daemon.home, "c.yaml"));
  assert.deepEqual([odd.code, /neither JSON nor CSV/.test(odd.stderr)], [1, true], odd.stderr);
  const refused = await ask(daemon, old, "echo-paid/echo-paid");
  assert.equal(refused.status, 402, JSON.stringify(refused.body));
  const { key } = await daemon.admin<KeyAnswer>("GET", `/api/keys/${encodeURIComponent("two, named")}`);
  assert.deepEqual(key.models, ["openai/gpt-4o", "openai/gpt-4o-mini"]);
  assert.equal(key.expires_at_ms, Date.parse(later));
  await daemon.stop();
});

async function ask(daemon: Daemon, key: string, model: string): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, max_tokens: 10_000, messages: [{ role: "user", content: "Hello" }] }),
  });
  return { status: answer.status, body: await answer.json() };
}
