/** `compat.litellm`: organizations and who belongs to them, tags, a team's models and keys at once, prices without a call. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TokenSecretAnswer } from "../../daemon/admin/contract/tokens.ts";
import { askJson } from "../support/ask-json.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

let daemon: Daemon;
let token: string;
before(async () => {
  daemon = await startDaemon({
    config: {
      echo: true,
      ledger: patientLedger,
      aliases: { cheap: "echo/echo", dear: "echo-paid/echo-paid" },
      governance: { provider_limits: { "echo-paid": { budgets: ["7/1d"] } } },
      compat: { litellm: true },
    },
  });
  token = (await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", { name: "master", role: "admin" })).secret;
});
after(() => daemon?.stop());

const ask = (method: string, path: string, body?: unknown) => askJson(daemon.url + path, token, method, body);
async function done(method: string, path: string, body?: object) {
  const answer = await ask(method, path, body);
  assert.equal(answer.status, 200, `${path} ${JSON.stringify(answer.body)}`);
  return answer.body;
}
const post = (path: string, body: object = {}) => done("POST", path, body);

function chat(key: string, model: string, tags?: string): Promise<Response> {
  return fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      ...(tags === undefined ? {} : { "x-bifrost-tags": tags }),
    },
    body: JSON.stringify({ model, max_tokens: 5, messages: [{ role: "user", content: "Hi" }] }),
  });
}

test("compat.litellm: an organization is a customer: it binds its teams, users and keys", async () => {
  const made = await post("/organization/new", { organization_alias: "acme", max_budget: 0, models: ["dear"] });
  assert.deepEqual(
    [made.organization_alias, made.max_budget, made.models],
    ["acme", 0, ["echo-paid/echo-paid"]],
    JSON.stringify(made),
  );
  const id: string = made.organization_id;
  await post("/team/new", { team_id: "acme-team", organization_id: id });
  const of = await post("/key/generate", { key_alias: "of-acme-team", team_id: "acme-team" });
  assert.equal((await chat(of.key, "dear")).status, 402, "a budget of nothing binds what is below");
  assert.equal((await done("PATCH", "/organization/update", { organization_id: id, max_budget: 5 })).max_budget, 5);
  assert.equal((await chat(of.key, "dear")).status, 200);
  assert.equal((await chat(of.key, "cheap")).status, 403, "and so does its list of models");

  const member = { organization_id: id, member: { user_id: "ann", role: "internal_user" } };
  const added = await post("/organization/member_add", { ...member, max_budget_in_organization: 3 });
  assert.deepEqual(
    added.updated_organization_memberships.map((each: { max_budget: number }) => each.max_budget),
    [3],
  );
  const info = await done("GET", `/organization/info?organization_id=${id}`);
  assert.deepEqual(
    [info.teams.map((team: { team_alias: string }) => team.team_alias), info.litellm_budget_table.max_budget],
    [["acme-team"], 5],
  );
  const ann = { organization_id: id, user_id: "ann" };
  assert.equal(
    (await done("PATCH", "/organization/member_update", { ...ann, max_budget_in_organization: 4 })).max_budget,
    4,
  );
  await post("/organization/new", { organization_alias: "other" });
  assert.equal((await ask("POST", "/organization/member_add", { organization_id: "other", member: ann })).status, 409);
  assert.deepEqual(
    (await done("GET", "/organization/list")).map((each: { organization_alias: string }) => each.organization_alias),
    ["acme", "other"],
  );
  assert.equal((await ask("DELETE", "/organization/delete", { organization_ids: [id] })).status, 409, "it has a team");
  await post("/team/delete", { team_ids: ["acme-team"] });
  await done("DELETE", "/organization/member_delete", ann);
  assert.equal((await ask("DELETE", "/organization/member_delete", ann)).status, 404, "no longer in it");
  const own = await post("/key/generate", { key_alias: "of-acme", organization_id: id });
  await done("DELETE", "/organization/delete", { organization_ids: [id] });
  assert.equal((await chat(own.key, "dear")).status, 401, "its keys go with it");
  assert.equal((await ask("GET", `/organization/info?organization_id=${id}`)).status, 404);
});

test("compat.litellm: a tag has a budget, whoever names it", async () => {
  const { tag } = await post("/tag/new", { name: "batch", description: "Nightly", max_budget: 0 });
  assert.deepEqual([tag.name, tag.description, tag.max_budget], ["batch", "Nightly", 0]);
  assert.equal((await ask("POST", "/tag/new", { name: "batch" })).status, 409);
  const { key } = await post("/key/generate", { key_alias: "tagger" });
  assert.equal((await chat(key, "dear", "batch")).status, 402);
  assert.equal((await chat(key, "dear")).status, 200);
  await post("/tag/update", { name: "batch", max_budget: 1 });
  assert.equal((await chat(key, "dear", "batch")).status, 200);
  const info = await post("/tag/info", { names: ["batch"] });
  assert.deepEqual([info.batch.max_budget, info.batch.description], [1, "Nightly"]);
  assert.ok(info.batch.spend > 0);
  assert.deepEqual(
    (await done("GET", "/tag/list")).map(({ name }: { name: string }) => name),
    ["batch"],
  );
  await until("the day's sum of the tag", async () => {
    const { results } = await done("GET", "/tag/daily/activity?tags=batch");
    return results[0]?.metrics.successful_requests === 1;
  });
  const rows = await daemon.rows("dear", 1);
  assert.ok(
    rows.some(({ tags, status }) => tags["batch"] === "" && status === 200),
    "the log knows it too",
  );
  await post("/tag/delete", { name: "batch" });
  assert.deepEqual(await done("GET", "/tag/list"), []);
});

test("compat.litellm: a team's models are added and taken away, and its keys changed at once", async () => {
  await post("/team/new", { team_id: "lab", models: ["cheap"] });
  const [one, other] = [
    await post("/key/generate", { key_alias: "lab-1", team_id: "lab" }),
    await post("/key/generate", { key_alias: "lab-2", team_id: "lab" }),
  ];
  const outside = await post("/key/generate", { key_alias: "outside", max_budget: 2 });
  assert.equal((await chat(one.key, "dear")).status, 403);
  const added = await post("/team/model/add", { team_id: "lab", models: ["dear"] });
  assert.deepEqual(added.models, ["echo/echo", "echo-paid/echo-paid"]);
  assert.equal((await chat(one.key, "dear")).status, 200);
  await post("/team/model/delete", { team_id: "lab", models: ["dear", "cheap"] });
  assert.equal((await chat(one.key, "cheap")).status, 403, "none are left, which is not all");
  await post("/team/model/add", { team_id: "lab", models: ["*"] });
  assert.equal((await chat(one.key, "cheap")).status, 200);

  const all = { team_id: "lab", all_keys_in_team: true, update_fields: { max_budget: 0, rpm_limit: 50 } };
  const changed = await post("/team/key/bulk_update", all);
  assert.deepEqual([changed.total_requested, changed.successful_updates.length, changed.failed_updates], [2, 2, []]);
  assert.equal((await chat(other.key, "dear")).status, 402);
  assert.equal((await done("GET", `/key/info?key=${outside.token}`)).info.max_budget, 2, "not of the team");
  await post("/team/key/bulk_update", { team_id: "lab", key_ids: [one.key], update_fields: { max_budget: 9 } });
  assert.equal((await chat(one.key, "dear")).status, 200);
  assert.equal((await chat(other.key, "dear")).status, 402, "only the one that was named");
  const no = async (body: object) => (await ask("POST", "/team/key/bulk_update", body)).status;
  assert.equal(await no({ team_id: "lab", key_ids: [outside.token], update_fields: { max_budget: 9 } }), 404);
  assert.equal(await no({ team_id: "lab", update_fields: { max_budget: 9 } }), 400, "which keys?");
  assert.equal(await no({ team_id: "lab", all_keys_in_team: true, update_fields: { team_id: "x" } }), 400);
  assert.equal((await done("GET", `/key/info?key=${outside.token}`)).info.max_budget, 2);
});

test("compat.litellm: a member's spend begins anew", async () => {
  await post("/team/new", { team_id: "crew" });
  await post("/team/member_add", { team_id: "crew", member: { user_id: "bo", role: "user" }, max_budget_in_team: 5 });
  const { key } = await post("/key/generate", { key_alias: "bo's", user_id: "bo" });
  assert.equal((await chat(key, "dear")).status, 200);
  const reset = await post("/team/crew/member/bo/reset_spend", { reset_to: 0 });
  assert.ok(reset.previous_spend > 0);
  assert.equal(reset.spend, 0);
  assert.equal((await ask("POST", "/team/crew/member/ann/reset_spend", {})).status, 404);
});

test("compat.litellm: what an answer cost and what a prompt would, without a call; what providers may still spend", async () => {
  const { key } = await post("/key/generate", { key_alias: "pricer" });
  const answer = await chat(key, "dear");
  const cost = Number(answer.headers.get("x-bifrost-cost-usd"));
  const body = (await answer.json()) as { usage: { completion_tokens: number; prompt_tokens: number } };
  assert.ok(cost > 0);
  const price = (said: object) => ask("POST", "/spend/calculate", said);
  assert.deepEqual((await price({ model: "dear", completion_response: body })).body, { cost });
  const messages = [{ role: "user", content: "x".repeat(4_000) }];
  const [short, long] = [
    (await price({ model: "dear", messages: [{ role: "user", content: "Hi" }] })).body.cost,
    (await price({ model: "dear", messages })).body.cost,
  ];
  assert.ok(short > 0 && long > 10 * short, `${short} ${long}`);
  assert.deepEqual((await price({ model: "cheap", messages })).body, { cost: 0 });
  assert.equal((await price({ model: "nobody/nothing", messages })).status, 404);
  assert.equal((await price({ messages })).status, 400);
  assert.equal((await price({ model: "dear" })).status, 400);

  const { providers } = await done("GET", "/provider/budgets");
  assert.deepEqual([providers["echo-paid"].budget_limit, providers["echo-paid"].time_period], [7, "86400s"]);
  assert.ok(providers["echo-paid"].spend > 0);
});
