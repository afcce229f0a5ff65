/** `compat.litellm`: what is said and has no effect here is refused: filters of lists, roles, fields without a counterpart. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TokenSecretAnswer } from "../../daemon/admin/contract/tokens.ts";
import { litellmRoutes } from "../../daemon/admin/litellm/routes.ts";
import type { GenerationData } from "../../daemon/config/generation.ts";
import { askJson } from "../support/ask-json.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

let daemon: Daemon;
let token: string;
before(async () => {
  daemon = await startDaemon({ config: { echo: true, ledger: patientLedger, compat: { litellm: true } } });
  token = (await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", { name: "master", role: "admin" })).secret;
  await post("/organization/new", { organization_alias: "acme" });
  await post("/team/new", { team_id: "blue", organization_id: "acme" });
  await post("/team/new", { team_id: "red" });
  for (const [user_id, team_id] of [
    ["ann", "blue"],
    ["bob", "red"],
    ["cyd", "red"],
  ])
    await post("/user/new", { user_id, team_id, key_alias: `of-${user_id}` });
});
after(() => daemon?.stop());

const ask = (method: string, path: string, body?: unknown) => askJson(daemon.url + path, token, method, body);
async function post(path: string, body: object) {
  const answer = await ask("POST", path, body);
  assert.equal(answer.status, 200, `${path} ${JSON.stringify(answer.body)}`);
  return answer.body;
}
async function list(path: string, pick: string, id: string): Promise<readonly string[]> {
  const { status, body } = await ask("GET", path);
  assert.equal(status, 200, `${path} ${JSON.stringify(body)}`);
  const found = Array.isArray(body) ? body : body[pick];
  return found.map((each: Record<string, string>) => each[id]);
}

test("compat.litellm: no GET route ignores a parameter that it does not know", async () => {
  const reads = litellmRoutes(() => ({}) as GenerationData).filter(({ method }) => method === "GET");
  assert.ok(reads.length > 30, "the table is not empty");
  for (const { path } of reads) {
    const at = `${path.replaceAll(/\{\w+\}/g, "ann")}?nonsense=1`;
    const { status, body } = await ask("GET", at);
    assert.deepEqual([status, body.error?.param], [400, "nonsense"], `${at} ${JSON.stringify(body)}`);
  }
});

test("compat.litellm: lists are narrowed by what is asked for", async () => {
  const cases: readonly (readonly [path: string, pick: string, id: string, found: readonly string[]])[] = [
    ["/team/list", "", "team_id", ["blue", "red"]],
    ["/team/list?organization_id=acme", "", "team_id", ["blue"]],
    ["/team/list?user_id=bob", "", "team_id", ["red"]],
    ["/team/list?user_id=", "", "team_id", ["blue", "red"]],
    ["/v2/team/list?team_id=red", "teams", "team_id", ["red"]],
    ["/v2/team/list?team_alias=blu", "teams", "team_id", ["blue"]],
    ["/v2/team/list?sort_by=team_alias&sort_order=desc", "teams", "team_id", ["red", "blue"]],
    ["/v2/team/list?page_size=1&page=2", "teams", "team_id", ["red"]],
    ["/v2/team/list?page_size=1&page=3", "teams", "team_id", []],
    ["/user/list", "users", "user_id", ["ann", "bob", "cyd"]],
    ["/user/list?team=red", "users", "user_id", ["bob", "cyd"]],
    ["/user/list?user_ids=cyd,ann,nobody", "users", "user_id", ["cyd", "ann"]],
    ["/user/list?user_ids=cyd,ann&page_size=1&page=2", "users", "user_id", ["ann"]],
    ["/user/list?role=internal_user&sort_by=user_id&sort_order=desc", "users", "user_id", ["cyd", "bob", "ann"]],
    ["/organization/list?org_alias=acm", "", "organization_id", ["acme"]],
    ["/organization/list?org_alias=none", "", "organization_id", []],
    ["/key/list?return_full_object=true&user_id=ann", "keys", "key_alias", ["of-ann"]],
    [
      "/key/list?return_full_object=true&sort_by=key_alias&sort_order=desc",
      "keys",
      "key_alias",
      [...["of-cyd", "of-bob", "of-ann", "default"]],
    ],
    ["/key/list?return_full_object=true&include_team_keys=false&size=1&page=3", "keys", "key_alias", ["of-bob"]],
  ];
  for (const [path, pick, id, found] of cases) assert.deepEqual(await list(path, pick, id), found, path);
});

test("compat.litellm: a filter that asks for what there is not is refused by its name", async () => {
  for (const [path, param, says] of [
    ["/user/list?role=proxy_admin", "role", /internal_user/],
    ["/user/list?page=0", "page", /from 1 on/],
    ["/user/list?page_size=many", "page_size", /from 1 on/],
    ["/user/list?sort_by=spend", "sort_by", /created_at, user_id/],
    ["/user/list?sort_order=up", "sort_order", /asc or desc/],
    ["/key/list?include_team_keys=true", "include_team_keys", /give team_id/],
    ["/key/list?user_id=ann&user_id=bob", "user_id", /given twice/],
    ["/spend/logs?summarize=true", "summarize", /daily\/activity/],
    ["/spend/logs/v2?status_filter=odd", "status_filter", /success or failure/],
    ["/spend/logs/v2?min_spend=-1", "min_spend", /dollars/],
    ["/spend/logs/v2?sort_by=spend", "sort_by", /startTime/],
    ["/global/spend/keys?limit=all", "limit", /from 1 on/],
  ] as const) {
    const { status, body } = await ask("GET", path);
    assert.deepEqual([status, body.error.param], [400, param], path);
    assert.match(body.error.message, says, path);
  }
});

test("compat.litellm: the rows of a user are those of the user's keys", async () => {
  const { key } = await post("/key/generate", { key_alias: "second", user_id: "ann" });
  for (const names of [{}, { "x-bifrost-user": "bob" }]) {
    const call = await fetch(`${daemon.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...names },
      body: JSON.stringify({ model: "echo/echo", messages: [{ role: "user", content: "Hi" }] }),
    });
    assert.equal(call.status, 200);
    await daemon.explained(call.headers.get("x-request-id")!);
  }
  const rows = (await ask("GET", "/spend/logs?user_id=ann")).body;
  assert.deepEqual(
    rows.map(({ key_alias, user, end_user }: Record<string, string | null>) => [key_alias, user, end_user]),
    [
      ["second", null, "bob"],
      ["second", "ann", null],
    ],
  );
  assert.deepEqual(await list("/spend/logs?user_id=bob", "", "key_alias"), [], "bob is a user too, and called nothing");
  assert.deepEqual(await list("/spend/logs?end_user=bob", "", "key_alias"), ["second"]);
  assert.deepEqual(await list("/spend/logs/v2?user_id=ann&status_filter=success", "data", "key_alias"), [
    "second",
    "second",
  ]);
  assert.deepEqual(await list("/spend/logs/v2?user_id=ann&status_filter=failure", "data", "key_alias"), []);
});

test("compat.litellm: a role that manages is refused by its name, others are kept", async () => {
  for (const user_role of ["proxy_admin", "proxy_admin_viewer", "org_admin", "customer"]) {
    for (const path of ["/user/new", "/user/update"]) {
      const { status, body } = await ask("POST", path, { user_id: "ann", user_role });
      assert.deepEqual([status, body.error.param], [400, "user_role"], path);
      assert.match(body.error.message, /bifrost tokens create --role/);
    }
  }
  const roleOf = async (id: string) => (await ask("GET", `/user/info?user_id=${id}`)).body.user_info.user_role;
  assert.equal(await roleOf("ann"), "internal_user");
  const { metadata } = (await post("/user/update", { user_id: "ann", user_role: "internal_user_viewer" })).data;
  assert.deepEqual([await roleOf("ann"), metadata], ["internal_user_viewer", {}]);
});

test("compat.litellm: a field without a counterpart says what to do instead", async () => {
  for (const [path, fields, says] of [
    ["/customer/new", { user_id: "c", allowed_model_region: "eu" }, /"models"/],
    ["/customer/new", { user_id: "c", default_model: "x" }, /routing rule/],
    ["/key/generate", { guardrails: ["pii"] }, /not run here/],
    ["/key/generate", { auto_rotate: true, rotation_interval: "30d" }, /regenerate/],
    ["/key/generate", { permissions: { get_spend_routes: true } }, /bifrost tokens create/],
    ["/key/generate", { surprise: 1 }, /is not known here/],
  ] as const) {
    const { status, body } = await ask("POST", path, fields);
    assert.equal(status, 400, JSON.stringify(body));
    assert.equal(body.error.param, Object.keys(fields).at(path === "/customer/new" ? 1 : 0));
    assert.match(body.error.message, says);
  }
});
