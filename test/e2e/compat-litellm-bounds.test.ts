/** `compat.litellm`: what else binds LiteLLM's keys and teams: single models, routes, members, soft and raised budgets. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { KeyAnswer } from "../../daemon/admin/contract/keys.ts";
import type { TokenSecretAnswer } from "../../daemon/admin/contract/tokens.ts";
import { askJson } from "../support/ask-json.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

let daemon: Daemon;
let token: string;
before(async () => {
  const config = {
    echo: true,
    ledger: patientLedger,
    aliases: { cheap: "echo/echo", dear: "echo-paid/echo-paid" },
    groups: { both: { targets: ["echo/echo", "echo-paid/echo-paid"] } },
    compat: { litellm: true },
  };
  daemon = await startDaemon({ config });
  token = (await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", { name: "master", role: "admin" })).secret;
});
after(() => daemon?.stop());

const ask = (method: string, path: string, body?: unknown, bearer = token) =>
  askJson(daemon.url + path, bearer, method, body);
async function post(path: string, body: object) {
  const answer = await ask("POST", path, body);
  assert.equal(answer.status, 200, `${path} ${JSON.stringify(answer.body)}`);
  return answer.body;
}
const refused = async (path: string, body: object, bearer = token) => {
  const { status, body: told } = await ask("POST", path, body, bearer);
  return [status, told.error?.param];
};
const info = async (key: string) => (await ask("GET", `/key/info?key=${key}`)).body.info;
const chat = async (key: string, model: string, more: object = {}) => {
  const body = { model, max_tokens: 5, messages: [{ role: "user", content: "Hi" }], ...more };
  return (await ask("POST", "/v1/chat/completions", body, key)).status;
};

test("compat.litellm: a key's budgets and limits of single models", async () => {
  const made = await post("/key/generate", {
    key_alias: "by-model",
    model_max_budget: { dear: { budget_limit: 0, time_period: "1d" } },
    model_rpm_limit: { cheap: 1 },
  });
  const told = { model_max_budget: { dear: { budget_limit: 0, time_period: "1d" } }, model_rpm_limit: { cheap: 1 } };
  const numbersOf = ({ model_max_budget, model_rpm_limit }: typeof told) => ({ model_max_budget, model_rpm_limit });
  assert.deepEqual(numbersOf(made), told);
  assert.deepEqual(numbersOf(await info(made.token)), told);
  assert.equal(await chat(made.key, "dear"), 402, "the budget of that model");
  assert.equal(await chat(made.key, "cheap"), 200);
  assert.equal(await chat(made.key, "cheap"), 429, "the limit of the other");
  await post("/key/update", { key: made.key, model_max_budget: { dear: { budget_limit: 1 } }, model_rpm_limit: null });
  assert.equal(await chat(made.key, "dear"), 200);
  assert.equal(await chat(made.key, "cheap"), 200, "taken away");
  const after = await info(made.token);
  assert.deepEqual(
    [after.model_max_budget, after.model_rpm_limit],
    [{ dear: { budget_limit: 1, time_period: null } }, {}],
  );

  const limits = async () => (await daemon.admin<{ owners: [] }>("GET", "/api/governance/model-configs")).owners.length;
  assert.equal(await limits(), 1);
  await post("/key/delete", { keys: [made.key] });
  assert.equal(await limits(), 0, "they go with the key");

  assert.deepEqual(await refused("/key/generate", { key_alias: "x", model_rpm_limit: { both: 1 } }), [
    400,
    "model_max_budget",
  ]);
  assert.equal((await ask("GET", "/key/info?key=x")).status, 404, "half of a key is not left");
  const permissions = ["keys:read", "keys:write"];
  const { secret } = await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", { name: "weak", permissions });
  assert.equal((await refused("/key/generate", { key_alias: "x", model_rpm_limit: { dear: 1 } }, secret))[0], 403);
  assert.equal((await ask("POST", "/key/generate", { key_alias: "x" }, secret)).status, 200);
});

test("compat.litellm: a team's limits of single models bind its keys", async () => {
  const team = await post("/team/new", { team_id: "by-model", model_tpm_limit: { dear: 0 } });
  const { key } = await post("/key/generate", { key_alias: "of by-model", team_id: "by-model" });
  assert.equal(await chat(key, "dear"), 429);
  assert.equal(await chat(key, "cheap"), 200);
  const { body } = await ask("GET", "/team/info?team_id=by-model");
  assert.deepEqual(body.team_info.model_tpm_limit, { dear: 0 }, JSON.stringify(team));
  await post("/team/delete", { team_ids: ["by-model"] });
});

test("compat.litellm: allowed_routes, aliases and enforced_params bind a key", async () => {
  const made = await post("/key/generate", {
    key_alias: "bound",
    allowed_routes: ["/v1/chat/completions", "/embeddings"],
    aliases: { mine: "dear" },
    enforced_params: ["user"],
    key_type: "llm_api",
  });
  assert.deepEqual(
    [made.allowed_routes, made.aliases, made.enforced_params],
    [["chat", "embeddings"], { mine: "dear" }, ["user"]],
  );
  assert.equal(await chat(made.key, "mine", { user: "ann" }), 200);
  assert.equal(await chat(made.key, "mine"), 400);
  assert.equal(
    (await ask("POST", "/v1/moderations", { model: "cheap", input: "Hi", user: "ann" }, made.key)).status,
    403,
  );
  const again = await post("/key/update", { key: made.key, allowed_routes: made.allowed_routes });
  assert.deepEqual(again.allowed_routes, ["chat", "embeddings"], "as it was told");
  const readOnly = await post("/key/update", { key: made.key, allowed_routes: ["info_routes"] });
  assert.deepEqual(readOnly.allowed_routes, ["info_routes"]);
  assert.equal(await chat(made.key, "mine", { user: "ann" }), 403);
  await post("/key/update", { key: made.key, allowed_routes: ["llm_api_routes"], enforced_params: [], aliases: {} });
  assert.equal(await chat(made.key, "cheap"), 200);
  assert.equal(await chat(made.key, "mine"), 404);
  assert.deepEqual(await refused("/key/generate", { allowed_routes: ["/key/generate"] }), [400, "allowed_routes"]);
});

test("compat.litellm: a soft budget tells and does not refuse, beside the one that does", async () => {
  const made = await post("/key/generate", {
    key_alias: "soft",
    max_budget: 5,
    soft_budget: 0,
    budget_duration: "30d",
  });
  assert.deepEqual([made.max_budget, made.soft_budget, made.budget_duration], [5, 0, "1mo"]);
  assert.equal(await chat(made.key, "dear"), 200);
  const { key } = await daemon.admin<KeyAnswer>("GET", "/api/keys/soft");
  const [hard, soft] = key.budgets;
  assert.deepEqual([hard!.shadow, soft!.shadow, soft!.would_have_refused], [false, true, 1]);
  const spent = hard!.spent_nano;
  assert.ok(spent! > 0);
  const changed = await post("/key/update", { key: made.key, soft_budget: 2 });
  assert.deepEqual([changed.max_budget, changed.soft_budget], [5, 2]);
  const more = await post("/key/update", { key: made.key, max_budget: 6 });
  assert.deepEqual(
    [more.max_budget, more.soft_budget, more.spend],
    [6, 2, spent! / 1e9],
    "neither forgets what was spent",
  );
  assert.deepEqual((await post("/key/update", { key: made.key, soft_budget: null })).soft_budget, null);
  const alone = await post("/key/generate", { key_alias: "only-soft", soft_budget: 0 });
  assert.deepEqual([alone.max_budget, alone.soft_budget, await chat(alone.key, "dear")], [null, 0, 200]);
});

test("compat.litellm: a budget is raised for a while", async () => {
  const made = await post("/key/generate", { key_alias: "raised", max_budget: 0 });
  assert.equal(await chat(made.key, "dear"), 402);
  const raised = await post("/key/update", { key: made.key, temp_budget_increase: 3, temp_budget_expiry: "10d" });
  assert.deepEqual([raised.max_budget, raised.temp_budget_increase], [0, 3]);
  assert.ok(Date.parse(raised.temp_budget_expiry) > Date.now() + 9 * 86_400_000);
  assert.equal(await chat(made.key, "dear"), 200);
  const no = (body: object) => refused("/key/update", { key: made.key, ...body });
  assert.deepEqual(await no({ temp_budget_increase: 3 }), [400, "temp_budget_expiry"]);
  assert.deepEqual(await no({ temp_budget_increase: 3, temp_budget_expiry: "2020-01-01" }), [400, "until_ms"]);
  assert.deepEqual(await no({ temp_budget_increase: 3, temp_budget_expiry: "soon" }), [400, "duration"]);
  const cli = await daemon.cli("budgets", "override", "key:raised", "0", "--extra", "1", "--until", "2d", "--json");
  const { override } = JSON.parse(cli.stdout) as { override: { extra_nano: number; until_ms: number } };
  assert.equal(override.extra_nano, 1e9);
  assert.ok(override.until_ms < Date.now() + 3 * 86_400_000);
  const odd = await daemon.cli("budgets", "override", "key:raised", "0", "--extra", "1", "--until", "2d", "--forever");
  assert.match(odd.stderr, /--cycles, --until or --forever/);
});
