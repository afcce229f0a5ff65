/** `compat.litellm`: groups of models, projects, what members may do, reports of what was spent, and forgetting all of it. */
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
      governance: { teams: { filed: { budgets: ["5/1d"] } } },
      compat: { litellm: true },
    },
  });
  token = (await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", { name: "master", role: "admin" })).secret;
});
after(() => daemon?.stop());

const ask = (method: string, path: string, body?: unknown, bearer = token) =>
  askJson(daemon.url + path, bearer, method, body);
async function done(method: string, path: string, body?: object, bearer = token) {
  const answer = await ask(method, path, body, bearer);
  assert.equal(answer.status, 200, `${path} ${JSON.stringify(answer.body)}`);
  return answer.body;
}
const post = (path: string, body: object = {}) => done("POST", path, body);

async function chat(key: string, model: string): Promise<number> {
  const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, max_tokens: 5, messages: [{ role: "user", content: "Hi" }] }),
  });
  await answer.text();
  return answer.status;
}

test("compat.litellm: who is given a group of models may call what is in it, also when it changes", async () => {
  const made = await post("/access_group/new", { access_group: "beta", model_names: ["cheap"] });
  assert.deepEqual(made, { access_group: "beta", model_names: ["cheap"], models_updated: 1 });
  const { key, token: id, models } = await post("/key/generate", { key_alias: "g", models: ["beta"] });
  const team = await post("/team/new", { team_id: "gt", models: ["beta", "echo-paid/other"] });
  assert.deepEqual([models, team.models], [["beta"], ["beta", "echo-paid/other"]]);
  const of = await post("/key/generate", { key_alias: "of-gt", team_id: "gt" });
  assert.deepEqual([await chat(key, "cheap"), await chat(key, "dear")], [200, 403]);
  assert.deepEqual([await chat(of.key, "cheap"), await chat(of.key, "dear")], [200, 403]);

  await done("PUT", "/access_group/beta/update", { model_names: ["dear"] });
  assert.deepEqual([await chat(key, "cheap"), await chat(key, "dear")], [403, 200]);
  assert.deepEqual([await chat(of.key, "cheap"), await chat(of.key, "dear")], [403, 200]);
  assert.deepEqual((await done("GET", `/key/info?key=${id}`)).info.metadata, {}, "the note is not shown");
  assert.deepEqual(await done("GET", "/access_group/list"), {
    access_groups: [{ access_group: "beta", model_names: ["dear"], deployment_count: 1 }],
  });
  assert.equal((await ask("DELETE", "/access_group/beta/delete")).status, 409, "somebody has it");

  await post("/team/model/add", { team_id: "gt", models: ["cheap"] });
  await done("PUT", "/access_group/beta/update", { model_names: ["echo/other"] });
  assert.deepEqual([await chat(of.key, "cheap"), await chat(of.key, "dear")], [200, 403], "what was added stays");
  const left = await post("/team/model/delete", { team_id: "gt", models: ["beta", "cheap", "echo-paid/other"] });
  assert.deepEqual([left.models, await chat(of.key, "cheap")], [[], 403], "without any it may call none");
  await post("/key/update", { key: id, models: ["cheap"] });
  await done("PUT", "/access_group/beta/update", { model_names: ["dear"] });
  assert.deepEqual([await chat(key, "cheap"), await chat(key, "dear")], [200, 403], "it follows no longer");
  assert.equal((await done("DELETE", "/access_group/beta/delete")).access_group, "beta");
  assert.equal((await ask("GET", "/access_group/beta/info")).status, 404);
});

test("compat.litellm: a group of models is no model, no budget and no group of groups", async () => {
  await post("/access_group/new", { access_group: "inner", model_names: ["cheap"] });
  for (const [method, path, body, status, param] of [
    ["POST", "/access_group/new", { access_group: "inner", model_names: ["dear"] }, 409, "access_group"],
    ["POST", "/access_group/new", { access_group: "dear", model_names: ["cheap"] }, 409, "access_group"],
    ["POST", "/access_group/new", { access_group: "outer", model_names: ["inner"] }, 400, "model_names"],
    ["POST", "/access_group/new", { access_group: "outer", model_names: ["*"] }, 400, "model_names"],
    ["POST", "/access_group/new", { access_group: "outer", model_names: [] }, 400, "model_names"],
    ["PUT", "/access_group/none/update", { model_names: ["cheap"] }, 404, "access_group"],
    ["PUT", "/access_group/inner/budget", { max_budget: 1 }, 400, "access_group"],
    ["POST", "/key/generate", { budget_id: "access_group:inner" }, 404, "budget_id"],
    ["POST", "/budget/new", { budget_id: "access_group:inner" }, 400, "budget_id"],
  ] as const) {
    const answer = await ask(method, path, body);
    assert.deepEqual([answer.status, answer.body.error.param], [status, param], JSON.stringify(answer.body));
  }
  assert.deepEqual(await done("GET", "/budget/list"), []);
});

test("compat.litellm: a project binds its keys, and is no member of its team", async () => {
  await post("/team/new", { team_id: "pt", team_member_budget: 7 });
  assert.equal((await ask("POST", "/project/new", { project_id: "p" })).body.error.param, "team_id");
  const fields = { project_alias: "flights", description: "Books flights", max_budget: 0, models: ["dear"] };
  const made = await post("/project/new", { project_id: "p", team_id: "pt", ...fields });
  assert.deepEqual(
    [made.project_id, made.project_alias, made.description, made.team_id, made.max_budget, made.models, made.metadata],
    ["p", "flights", "Books flights", "pt", 0, ["echo-paid/echo-paid"], {}],
  );
  const key = await post("/key/generate", { key_alias: "of-p", project_id: "p", team_id: "pt" });
  assert.deepEqual([key.project_id, key.user_id, key.metadata], ["p", null, {}]);
  assert.deepEqual([await chat(key.key, "dear"), await chat(key.key, "cheap")], [402, 403]);
  const changed = await post("/project/update", { project_id: "p", max_budget: 3, blocked: false });
  assert.deepEqual([changed.max_budget, changed.description, await chat(key.key, "dear")], [3, "Books flights", 200]);
  const info = await done("GET", "/team/info?team_id=pt");
  assert.deepEqual([info.team_info.members_with_roles, info.team_memberships], [[], []]);
  assert.equal((await done("GET", "/project/info?project_id=p")).litellm_budget_table.max_budget, 3);
  assert.deepEqual((await done("GET", "/key/list?project_id=p")).keys, [key.token]);
  assert.deepEqual(
    (await done("GET", "/project/list")).map(({ project_id }: { project_id: string }) => project_id),
    ["p"],
  );

  await post("/user/new", { user_id: "u", team_id: "pt", auto_create_key: false });
  for (const [body, param] of [
    [{ project_id: "u" }, "project_id"],
    [{ project_id: "p", user_id: "u" }, "user_id"],
    [{ project_id: "p", team_id: "filed" }, "team_id"],
  ] as const)
    assert.deepEqual((await ask("POST", "/key/generate", body)).body.error.param, param);
  assert.equal((await ask("GET", "/project/info?project_id=u")).status, 404, "a user is no project");
  const moved = await post("/key/update", { key: key.token, user_id: "u" });
  assert.deepEqual([moved.project_id, moved.user_id], [null, "u"]);
  await post("/key/update", { key: key.token, project_id: "p" });
  const [deleted] = await done("DELETE", "/project/delete", { project_ids: ["p"] });
  assert.deepEqual([deleted.project_id, await chat(key.key, "dear")], ["p", 401], "its keys go with it");
});

test("compat.litellm: members may ask about their keys, and whoever manages them holds a token", async () => {
  await post("/team/new", { team_id: "rights" });
  const listed = await done("GET", "/team/permissions_list?team_id=rights");
  assert.deepEqual(listed.team_member_permissions, ["/key/info", "/key/health"]);
  const rights = (team_member_permissions: string[]) => ({ team_id: "rights", team_member_permissions });
  assert.equal((await post("/team/permissions_update", rights(["/key/info"]))).team_id, "rights");
  const { status, body } = await ask("POST", "/team/permissions_update", rights(["/key/info", "/key/generate"]));
  assert.deepEqual([status, body.error.param], [400, "team_member_permissions"]);
  assert.match(body.error.message, /bifrost tokens create --team rights/);
});

test("compat.litellm: /v2/user/info is the user alone", async () => {
  await post("/user/new", { user_id: "solo", user_email: "solo@example.com", max_budget: 2 });
  const { keys, user_info: _, ...info } = await done("GET", "/v2/user/info?user_id=solo");
  assert.deepEqual(
    [keys, info.user_id, info.user_email, info.user_role, info.max_budget, info.spend, info.teams],
    [undefined, "solo", "solo@example.com", "internal_user", 2, 0, []],
  );
  assert.equal((await ask("GET", "/v2/user/info")).body.error.param, "user_id");
});

test("compat.litellm: reports tell what keys spent by model; a key's holder is told of it alone", async () => {
  await post("/team/new", { team_id: "rep" });
  const { key, token: id } = await post("/key/generate", { key_alias: "rep-1", team_id: "rep" });
  const other = await post("/key/generate", { key_alias: "rep-2", team_id: "rep" });
  assert.deepEqual([await chat(key, "dear"), await chat(key, "cheap"), await chat(other.key, "dear")], [200, 200, 200]);
  type Spent = { api_key: string; total_cost: number; total_input_tokens: number; model_details: { model: string }[] };
  const read = async (path: string, bearer = token): Promise<readonly Spent[]> => done("GET", path, undefined, bearer);
  await until("the sums", async () => (await read("/team/spend/report?team_id=rep")).length === 2);
  await until(
    "both models",
    async () => (await read(`/key/spend/report?api_key=${id}`))[0]?.model_details.length === 2,
  );
  const [row, ...more] = await read(`/key/spend/report?api_key=${id}`);
  assert.deepEqual(more, []);
  assert.deepEqual([row!.api_key, row!.total_cost > 0, row!.total_input_tokens > 0], [id, true, true]);
  assert.deepEqual(row!.model_details.map(({ model }) => model).toSorted(), ["echo-paid/echo-paid", "echo/echo"]);
  assert.deepEqual(await read("/key/spend/report", key), [row], "its holder is told the same");
  assert.deepEqual(await read("/key/spend/report?start_date=2020-01-01&end_date=2020-01-02", key), []);
  assert.equal((await ask("GET", `/key/spend/report?api_key=${other.token}`, undefined, key)).status, 403);
  assert.equal((await ask("GET", "/key/spend/report?odd=1", undefined, key)).body.error.param, "odd");
  assert.equal((await ask("GET", "/key/spend/report")).body.error.param, "api_key");
});

test("compat.litellm: /global/spend/reset begins the budgets of all keys and teams anew", async () => {
  await post("/team/new", { team_id: "spent", max_budget: 5 });
  const { key, token: id } = await post("/key/generate", { key_alias: "spent", team_id: "spent", max_budget: 5 });
  assert.equal(await chat(key, "dear"), 200);
  const spent = async () => [
    (await done("GET", `/key/info?key=${id}`)).info.spend,
    (await done("GET", "/team/info?team_id=spent")).team_info.spend,
  ];
  await until("both are charged", async () => (await spent()).every((each) => each > 0));
  const bound = await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", {
    name: "b",
    role: "admin",
    team: "spent",
  });
  assert.equal((await ask("POST", "/global/spend/reset", {}, bound.secret)).status, 403, "it concerns everybody");
  assert.equal((await post("/global/spend/reset")).status, "success");
  assert.deepEqual(await spent(), [0, 0]);
  assert.ok((await done("GET", "/global/spend")).spend > 0, "the log keeps it");
});
