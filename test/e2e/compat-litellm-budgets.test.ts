/** `compat.litellm`: budgets by name, members of teams, changes in bulk, keys that come with users, reports by day. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TokenSecretAnswer } from "../../daemon/admin/contract/tokens.ts";
import { askJson, type Told } from "../support/ask-json.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

let daemon: Daemon;
let token: string;
before(async () => {
  daemon = await startDaemon({ config: { echo: true, ledger: patientLedger, compat: { litellm: true } } });
  token = (await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", { name: "master", role: "admin" })).secret;
});
after(() => daemon?.stop());

const ask = (method: string, path: string, body?: unknown) => askJson(daemon.url + path, token, method, body);
const post = async (path: string, body: object = {}) => {
  const answer = await ask("POST", path, body);
  assert.equal(answer.status, 200, `${path} ${JSON.stringify(answer.body)}`);
  return answer.body;
};
const get = async (path: string) => (await ask("GET", path)).body;
const info = async (key: string) => (await get(`/key/info?key=${key}`)).info;

function chat(key: string): Promise<Response> {
  return fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "echo-paid/echo-paid", max_tokens: 5, messages: [{ role: "user", content: "Hi" }] }),
  });
}

test("compat.litellm: a budget by name binds whom it is given to, and changes with its name", async () => {
  const made = await post("/budget/new", { budget_id: "free", max_budget: 0, rpm_limit: 7, soft_budget: null });
  assert.deepEqual([made.budget_id, made.max_budget, made.rpm_limit, made.budget_duration], ["free", 0, 7, null]);
  assert.equal((await ask("POST", "/budget/new", { budget_id: "free" })).status, 409);
  assert.equal((await ask("POST", "/budget/new", { budget_duration: "1d" })).status, 400, "a period of nothing");
  assert.equal((await ask("POST", "/budget/new", { model_max_budget: { m: { budget_limit: 1 } } })).status, 400);
  assert.equal((await ask("POST", "/key/generate", { budget_id: "nobody" })).status, 404);

  const bound = await post("/key/generate", { key_alias: "bound", budget_id: "free", metadata: { a: "b" } });
  assert.deepEqual(
    [bound.max_budget, bound.rpm_limit, bound.budget_id, bound.metadata],
    [0, 7, "free", { a: "b" }],
    "its numbers",
  );
  assert.equal((await chat(bound.key)).status, 402, "a budget of nothing");
  const apart = await post("/key/generate", { key_alias: "apart", budget_id: "free", max_budget: 3 });
  const customer = await post("/customer/new", { user_id: "c-1", budget_id: "free" });
  assert.equal(customer.max_budget, 0);

  const may = { name: "limits", permissions: ["limits:read", "limits:write"] };
  const { secret } = await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", may);
  const weak = await fetch(`${daemon.url}/budget/update`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    body: JSON.stringify({ budget_id: "free", max_budget: 900 }),
  });
  assert.equal(weak.status, 403);
  assert.match(await weak.text(), /a key follows this budget.*keys:write/);
  assert.deepEqual(
    [(await info(bound.token)).max_budget, (await get("/customer/info?end_user_id=c-1")).max_budget],
    [0, 0],
  );

  await post("/budget/update", { budget_id: "free", max_budget: 2, budget_duration: "30d", rpm_limit: null });
  const after = await info(bound.token);
  assert.deepEqual([after.max_budget, after.budget_duration, after.rpm_limit], [2, "1mo", null]);
  assert.equal((await chat(bound.key)).status, 200);
  const kept = await info(apart.token);
  assert.deepEqual([kept.max_budget, kept.rpm_limit], [3, null], "what was said of it alone stays");
  assert.equal((await get("/customer/info?end_user_id=c-1")).max_budget, 2);

  const list = await get("/budget/list");
  assert.deepEqual(
    list.map((each: { budget_id: string }) => each.budget_id),
    ["free"],
  );
  assert.equal((await post("/budget/info", { budgets: ["free", "none"] })).length, 1);
  const settings = await get("/budget/settings?budget_id=free");
  assert.equal(settings.find((each: { field_name: string }) => each.field_name === "max_budget").field_value, 2);
  const refused = await ask("POST", "/budget/delete", { id: "free" });
  assert.equal(refused.status, 409, "they would be without");
  assert.match(refused.body.error.message, /binds key .* and 2 more/);
  await post("/key/delete", { keys: [bound.token, apart.token] });
  await post("/customer/delete", { user_ids: ["c-1"] });
  await post("/budget/delete", { id: "free" });
  assert.deepEqual(await get("/budget/list"), []);
  assert.equal((await ask("POST", "/budget/delete", { id: "free" })).status, 404);
});

test("compat.litellm: /key/bulk_update changes those it can, and says why not the others", async () => {
  for (const name of ["b1", "b2"]) await post("/key/generate", { key_alias: name, max_budget: 1 });
  const told = await post("/key/bulk_update", {
    keys: [
      { key: "b1", max_budget: 4 },
      { key: "none", max_budget: 4 },
      { key: "b2", guardrails: ["pii"] },
    ],
  });
  assert.equal(told.total_requested, 3);
  assert.deepEqual(
    told.successful_updates.map(({ key, key_info }: Told["body"]) => [key, key_info.max_budget]),
    [["b1", 4]],
  );
  assert.deepEqual(
    told.failed_updates.map(({ key, failed_reason }: Told["body"]) => [key, failed_reason]),
    [
      ["none", 'there is no key "none"'],
      ["b2", '"guardrails": are not run here, so that nothing would be checked'],
    ],
  );
  assert.equal((await info("b2")).max_budget, 1);
});

test("compat.litellm: several budgets of one key hold together, and a change of one leaves the others", async () => {
  const made = await post("/key/generate", {
    key_alias: "windows",
    max_budget: 100,
    budget_limits: [
      { max_budget: 1, budget_duration: "1h" },
      { max_budget: 0, budget_duration: "24h" },
    ],
  });
  assert.equal((await chat(made.key)).status, 402, "the smallest");
  await post("/key/update", { key: made.token, max_budget: 50 });
  const { key } = await daemon.admin<Told["body"]>("GET", `/api/keys/${made.token}`);
  assert.deepEqual(
    key.budgets.map(({ limit_nano }: { limit_nano: number }) => limit_nano),
    [50e9, 1e9, 0],
  );
  assert.equal((await chat(made.key)).status, 402, "still");
});

test("compat.litellm: /user/new makes a key with the user unless it is told not to", async () => {
  const user = await post("/user/new", { user_id: "u-1", max_budget: 1, key_alias: "of u-1" });
  assert.equal((await chat(user.key)).status, 200);
  assert.equal((await info("of u-1")).user_id, user.user_id);
  const bare = await post("/user/new", { user_id: "u-2", auto_create_key: false });
  assert.equal(bare.key, undefined);
  const taken = await ask("POST", "/user/new", { user_id: "u-3", key_alias: "of u-1" });
  assert.equal(taken.status, 409, "the key's name is taken");
  assert.equal((await ask("GET", "/user/info?user_id=u-3")).status, 404, "and nobody was made");
  const bulk = await post("/user/bulk_update", {
    users: [
      { user_id: "u-1", max_budget: 9 },
      { user_id: "u-9", max_budget: 9 },
    ],
  });
  assert.deepEqual([bulk.successful_updates, bulk.failed_updates], [1, 1]);
  assert.equal((await get("/user/info?user_id=u-1")).user_info.max_budget, 9);
  await post("/user/delete", { user_ids: ["u-1", "u-2"] });
  assert.equal((await chat(user.key)).status, 401, "a user's keys go with the user");
});

test("compat.litellm: members are added to a team, bounded, and taken out", async () => {
  const team = await post("/team/new", { team_id: "t-1", members_with_roles: [{ role: "admin", user_id: "m-0" }] });
  assert.equal(team.members_with_roles.length, 1);
  const added = await post("/team/member_add", {
    team_id: "t-1",
    member: [{ user_id: "m-1", role: "user" }, { user_email: "m@example.com" }],
    max_budget_in_team: 0,
  });
  assert.deepEqual(
    added.updated_users.map((user: Told["body"]) => [user.max_budget, user.teams]),
    [
      [0, [team.team_id]],
      [0, [team.team_id]],
    ],
  );
  const key = await post("/key/generate", { user_id: "m-1", key_alias: "of m-1" });
  assert.equal((await chat(key.key)).status, 402);
  const more = await post("/team/member_update", { team_id: "t-1", user_id: "m-1", max_budget_in_team: 2 });
  assert.equal(more.max_budget_in_team, 2);
  assert.equal((await chat(key.key)).status, 200);
  await post("/team/new", { team_id: "t-2" });
  const elsewhere = await post("/team/bulk_member_add", {
    team_id: "t-2",
    members: [{ user_id: "m-1" }, { user_id: "m-2" }],
  });
  assert.deepEqual([elsewhere.successful_additions, elsewhere.failed_additions], [1, 1]);
  assert.match(elsewhere.results[0].error, /is in team "t-1": a user is of one team here/);
  assert.equal((await ask("POST", "/team/delete", { team_ids: ["t-1"] })).status, 409, "its members are in it");
  for (const user_id of ["m-0", "m-1", "m@example.com"]) await post("/team/member_delete", { team_id: "t-1", user_id });
  assert.deepEqual((await get("/team/info?team_id=t-1")).team_info.members_with_roles, []);
  assert.equal((await ask("POST", "/team/member_delete", { team_id: "t-1", user_id: "m-1" })).status, 404);
  await post("/team/delete", { team_ids: ["t-1"] });
  const page = await get("/v2/team/list?page_size=10");
  assert.deepEqual([page.total, page.teams.length], [1, 1]);
});

test("compat.litellm: what a team gives all its members binds those who were given nothing else, and changes with it", async () => {
  await post("/team/new", { team_id: "crew", members_with_roles: [{ user_id: "c-0" }] });
  await post("/team/member_add", { team_id: "crew", member: { user_id: "c-1" }, max_budget_in_team: 0.5 });
  const given = { team_member_budget: 0, team_member_budget_duration: "30d", team_member_rpm_limit: 9 };
  assert.equal((await post("/team/update", { team_id: "crew", ...given })).team_id, "crew");
  await post("/team/member_add", { team_id: "crew", member: { user_id: "c-2" } });
  const made = await post("/user/new", { user_id: "c-3", team_id: "crew" });
  assert.deepEqual([made.user_id, made.teams, made.max_budget, made.rpm_limit], ["c-3", ["crew"], 0, 9]);
  assert.equal((await chat(made.key)).status, 402);
  const told = await get("/team/info?team_id=crew");
  const bound = (answer: Told["body"]) =>
    Object.fromEntries(
      answer.team_memberships.map((each: Told["body"]) => [each.user_id, each.litellm_budget_table.max_budget]),
    );
  assert.deepEqual(bound(told), { "c-0": 0, "c-1": 0, "c-2": 0, "c-3": 0 }, "the smaller of two binds");
  const { team_member_budget: most, team_member_budget_table: table, metadata } = told.team_info;
  assert.deepEqual([most, table.max_budget, table.budget_duration, metadata], [0, 0, "30d", {}]);
  await post("/team/member_update", { team_id: "crew", user_id: "c-1", max_budget_in_team: 0.25 });
  await post("/team/update", { team_id: "crew", team_member_budget: 3 });
  assert.deepEqual(bound(await get("/team/info?team_id=crew")), { "c-0": 3, "c-1": 0.25, "c-2": 3, "c-3": 3 });
  assert.equal((await chat(made.key)).status, 200);
  const few = { name: "few", permissions: ["teams:write", "teams:read"] };
  const { secret } = await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", few);
  const refused = await askJson(`${daemon.url}/team/new`, secret, "POST", { team_id: "mine", team_member_budget: 1 });
  assert.equal(refused.status, 403, JSON.stringify(refused.body));
  for (const user_id of ["c-0", "c-1", "c-2", "c-3"]) await post("/team/member_delete", { team_id: "crew", user_id });
  await post("/user/delete", { user_ids: ["c-0", "c-1", "c-2", "c-3"] });
  await post("/team/delete", { team_ids: ["crew"] });
  assert.deepEqual(
    (await get("/budget/list")).filter((each: Told["body"]) => /^members of/.test(each.budget_id)),
    [],
  );
});

test("compat.litellm: the holder of a key is told of it, and of no other", async () => {
  const own = await post("/key/generate", {
    key_alias: "own",
    max_budget: 1,
    model_rpm_limit: { "echo-paid/echo-paid": 7 },
  });
  const other = await post("/key/generate", { key_alias: "other" });
  const told = (path: string, key: string) => askJson(daemon.url + path, key, "GET");
  for (const query of ["", "?key=own", `?key=${own.token}`, `?key=${own.key}`]) {
    const { status, body } = await told(`/key/info${query}`, own.key);
    assert.deepEqual([status, body.key, body.info.max_budget, body.info.spend], [200, own.token, 1, 0], query);
    assert.deepEqual(body.info.model_rpm_limit, { "echo-paid/echo-paid": 7 });
  }
  assert.equal((await told("/key/info?key=other", own.key)).status, 403);
  assert.equal((await told("/key/list", own.key)).status, 401, "that is for tokens");
  assert.equal((await askJson(`${daemon.url}/key/update`, own.key, "POST", { key: "own", max_budget: 9 })).status, 401);
  assert.equal((await told("/key/info", "sk-nobody-knows-this-one")).status, 401);
  const { key: fresh } = await post("/key/own/regenerate");
  assert.equal((await told("/key/info", own.key)).status, 401, "its secret is another now");
  assert.equal((await told("/key/info", fresh)).status, 200);
  await post("/key/block", { key: "other" });
  assert.equal((await told("/key/info", other.key)).status, 401);
  await post("/key/delete", { keys: ["own"] });
  assert.equal((await told("/key/info", fresh)).status, 401);
});

test("compat.litellm: what was spent before is said of what is new, and forgotten with 0", async () => {
  const key = await post("/key/generate", { key_alias: "moved", max_budget: 2, spend: 1.5, rpm_limit_type: null });
  assert.equal(key.spend, 1.5);
  assert.equal((await post("/key/update", { key: "moved", spend: 0 })).spend, 0);
  const said = await ask("POST", "/key/update", { key: "moved", spend: 1 });
  assert.deepEqual([said.status, said.body.error.param], [400, "spend"]);
  const type = await ask("POST", "/key/generate", { rpm_limit: 1, rpm_limit_type: "guaranteed_throughput" });
  assert.deepEqual([type.status, type.body.error.param], [400, "rpm_limit_type"]);
  const team = await post("/team/new", { team_alias: "Moved", max_budget: 2, spend: 2 });
  assert.deepEqual([team.team_id, team.team_alias, team.spend], ["Moved", "Moved", 2]);
  assert.equal((await chat((await post("/key/generate", { team_id: team.team_id })).key)).status, 402);
  const { keys } = await get(`/key/list?key_hash=${key.token}`);
  assert.deepEqual(keys, [key.token]);
  await post("/team/delete", { team_ids: ["Moved"] });
});

test("compat.litellm: a key's spend begins anew, and reports by day say what was spent", async () => {
  await post("/team/new", { team_id: "report" });
  const made = await post("/key/service-account/generate", { team_id: "report", key_alias: "bot", max_budget: 1 });
  assert.equal((await ask("POST", "/key/service-account/generate", { key_alias: "x" })).status, 400, "of which team?");
  const answer = await chat(made.key);
  const cost = Number(answer.headers.get("x-bifrost-cost-usd"));
  const id = answer.headers.get("x-request-id");
  await daemon.explained(id);
  assert.equal((await info("bot")).spend, cost);
  const reset = await post("/key/bot/reset_spend", { reset_to: 0 });
  assert.deepEqual([reset.spend, reset.previous_spend], [0, cost]);
  assert.ok((await get("/key/aliases")).aliases.includes("bot"));
  assert.equal((await post("/v2/key/info", { keys: ["bot"] })).info[0].key_alias, "bot");
  assert.equal((await post("/key/health")).key, "healthy");

  const logs = await get(`/spend/logs/v2?api_key=${made.token}&page_size=1`);
  assert.deepEqual([logs.total, logs.total_pages, logs.data[0].request_id, logs.data[0].spend], [1, 1, id, cost]);
  const today = new Date().toISOString().slice(0, 10);
  const days = await get(`/team/daily/activity?team_ids=report`);
  assert.deepEqual(
    days.results.map(({ date, metrics }: Told["body"]) => [date, metrics.spend, metrics.api_requests]),
    [[today, cost, 1]],
  );
  assert.equal(days.metadata.total_spend, cost);
  assert.ok((await get("/user/daily/activity")).metadata.total_api_requests >= 1);
  const report = await get(`/global/spend/report?group_by=team&start_date=${today}&end_date=${today}`);
  assert.equal(report[0].group_by_day, today);
  assert.equal(report[0].teams.find((each: Told["body"]) => each.team_name === "report").total_spend, cost);
  assert.equal(logs.data[0].team_id, "report");
  assert.equal((await get("/spend/logs?team_id=report")).length, 1);
  const who = await post("/user/new", { user_id: "r-1" });
  const theirs = await chat(who.key);
  await daemon.explained(theirs.headers.get("x-request-id"));
  const users = await get("/global/spend/report?group_by=internal_user_id");
  const spent = (id: string | null) => users[0].users.find((each: Told["body"]) => each.internal_user_id === id);
  assert.equal(spent("r-1").total_spend, Number(theirs.headers.get("x-bifrost-cost-usd")));
  assert.ok(spent(null).total_spend >= cost, "keys of nobody");
  const alone = await get("/global/spend/report?group_by=api_key&internal_user_id=r-1");
  assert.deepEqual(
    alone[0].api_keys.map((each: Told["body"]) => each.api_key),
    [who.token],
  );
  const both = await ask("GET", "/global/spend/report?team_id=report&internal_user_id=r-1");
  assert.equal(both.status, 400);
  assert.equal((await ask("GET", "/global/spend/report?group_by=mood")).status, 400);
  assert.equal((await daemon.cli("ledger", "check")).code, 0);
});
