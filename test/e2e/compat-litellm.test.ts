/** `compat.litellm`: its management paths on the port of the models, and its headers; nothing of it without the switch. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { KeyAnswer } from "../../daemon/admin/contract/keys.ts";
import type { TokenSecretAnswer } from "../../daemon/admin/contract/tokens.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const config = (litellm: boolean) => ({
  echo: true,
  ledger: patientLedger,
  aliases: { cheap: "echo/echo" },
  compat: { litellm },
});

let daemon: Daemon;
let token: string;
before(async () => {
  daemon = await startDaemon({ config: config(true) });
  const body = { name: "master", role: "admin" };
  token = (await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", body)).secret;
});
after(() => daemon?.stop());

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes, each compared where it is read
type Told = { readonly status: number; readonly body: Record<string, any> };

async function ask(method: string, path: string, body?: unknown, bearer = token): Promise<Told> {
  const answer = await fetch(`${daemon.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Told["body"] };
}

const chat = (key: string, model: string) =>
  fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, max_tokens: 5, messages: [{ role: "user", content: "Hello" }] }),
  });

test("compat.litellm: a key is made, shown, changed, blocked, renewed and deleted in LiteLLM's words", async () => {
  const made = await ask("POST", "/key/generate", {
    key_alias: "app",
    models: ["cheap"],
    max_budget: 2.5,
    budget_duration: "30d",
    rpm_limit: 100,
    duration: "7d",
    metadata: { cost_center: 17 },
    guardrails: [],
    soft_budget: null,
  });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  const { key: secret, token_id: id } = made.body;
  assert.deepEqual(
    [made.body["max_budget"], made.body["budget_duration"], made.body["spend"], made.body["rpm_limit"]],
    [2.5, "1mo", 0, 100],
  );
  assert.deepEqual(made.body["models"], ["echo/echo"], "what the name stands for");
  assert.deepEqual(made.body["metadata"], { cost_center: "17" });
  assert.equal((await chat(secret, "cheap")).status, 200);
  assert.equal((await chat(secret, "echo-paid/echo-paid")).status, 403);
  const { key } = await daemon.admin<KeyAnswer>("GET", "/api/keys/app");
  assert.equal(key.id, id, "the same key as the admin API's");

  const info = await ask("GET", `/key/info?key=${id}`);
  assert.deepEqual([info.body["key"], info.body["info"].key_alias], [id, "app"]);
  const changed = await ask("POST", "/key/update", { key: secret, max_budget: 5, models: [] });
  assert.deepEqual(
    [changed.body["max_budget"], changed.body["budget_duration"], changed.body["models"]],
    [5, "1mo", []],
  );
  assert.equal((await ask("POST", "/key/block", { key: secret })).body["blocked"], true);
  assert.equal((await chat(secret, "cheap")).status, 401);
  assert.equal((await ask("POST", "/key/unblock", { key: secret })).body["blocked"], false);
  const renewed = await ask("POST", `/key/${id}/regenerate`);
  assert.equal((await chat(secret, "cheap")).status, 401, "the old secret");
  assert.equal((await chat(renewed.body["key"], "cheap")).status, 200);
  const list = await ask("GET", "/key/list?return_full_object=true&size=100");
  assert.ok(list.body["keys"].some(({ key_alias: alias }: { key_alias: string }) => alias === "app"));
  const own = await ask("POST", "/key/generate", { key: "sk-of-my-own-0123456789", key_alias: "own" });
  assert.equal(own.body["key"], "sk-of-my-own-0123456789");
  assert.equal((await chat("sk-of-my-own-0123456789", "cheap")).status, 200);
  assert.deepEqual((await ask("POST", "/key/delete", { key_aliases: ["app", "own"] })).body, {
    deleted_keys: ["app", "own"],
  });
  assert.equal((await chat(renewed.body["key"], "cheap")).status, 401);
});

test("compat.litellm: teams, users and customers are made, shown, changed and deleted", async () => {
  for (const [path, id, alias, ids] of [
    ["/team", "team_id", "team_alias", "team_ids"],
    ["/user", "user_id", "user_alias", "user_ids"],
    ["/customer", "user_id", "alias", "user_ids"],
  ] as const) {
    const made = await ask("POST", `${path}/new`, { [id]: "x-1", [alias]: "Research", max_budget: 10, tpm_limit: 5 });
    assert.equal(made.status, 200, JSON.stringify(made.body));
    assert.deepEqual([made.body[alias], made.body["max_budget"], made.body["tpm_limit"]], ["Research", 10, 5]);
    const changed = await ask("POST", `${path}/update`, { [id]: "x-1", max_budget: 20 });
    assert.equal((changed.body["data"] ?? changed.body)["max_budget"], 20);
    const info = await ask("GET", `${path}/info?${id}=x-1`);
    assert.equal(info.status, 200, JSON.stringify(info.body));
    const list = await ask("GET", `${path}/list`);
    assert.equal((path === "/user" ? list.body["users"] : list.body).length, 1);
    if (path === "/team") {
      const key = await ask("POST", "/key/generate", { key_alias: "of the team", team_id: "x-1" });
      assert.equal(key.body["team_id"], made.body["team_id"]);
      assert.equal((await chat(key.body["key"], "cheap")).status, 429, "the limit of its team");
      assert.equal((await ask("POST", "/team/delete", { team_ids: ["x-1"] })).status, 200);
      assert.equal((await chat(key.body["key"], "cheap")).status, 401, "a team's keys go with it");
    } else assert.equal((await ask("POST", `${path}/delete`, { [ids]: ["x-1"] })).status, 200);
    assert.equal((await ask("GET", `${path}/info?${id}=x-1`)).status, 404);
  }
});

test("compat.litellm: what was spent, from the log and its sums", async () => {
  const { body } = await ask("POST", "/key/generate", { key_alias: "spender", max_budget: 1 });
  const answer = await chat(body["key"], "echo-paid/echo-paid");
  assert.equal(answer.status, 200);
  const cost = Number(answer.headers.get("x-bifrost-cost-usd"));
  assert.ok(cost > 0);
  const id = answer.headers.get("x-request-id");
  // Other requests for this model came before: it is this one's row that must be there.
  await until("its row", async () => (await daemon.rows("echo-paid/echo-paid", 1)).some((row) => row.id === id));
  const logs = await ask("GET", `/spend/logs?request_id=${id}`);
  assert.deepEqual([logs.body[0].spend, logs.body[0].key_alias], [cost, "spender"]);
  const of = await ask("GET", `/spend/logs?api_key=${body["token"]}`);
  assert.equal(of.body["length"], 1);
  assert.ok((await ask("GET", "/global/spend")).body["spend"] >= cost);
  const keys = await ask("GET", "/spend/keys");
  assert.equal(keys.body["find"](({ token: id }: { token: string }) => id === body["token"]).spend, cost);
  assert.equal((await ask("GET", "/spend/tags")).status, 200);
});

test("compat.litellm: says no in LiteLLM's shape, to whom the admin API would say no", async () => {
  const none = await ask("POST", "/key/generate", {}, "bf-admin-guess");
  assert.deepEqual([none.status, none.body["error"].code], [401, "401"]);
  const key = await daemon.createKey({ name: "no token" });
  assert.equal((await ask("GET", "/key/list", undefined, key)).status, 401);
  const viewer = (await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", { name: "viewer", role: "viewer" }))
    .secret;
  assert.equal((await ask("GET", "/key/list", undefined, viewer)).status, 200);
  assert.equal((await ask("POST", "/key/generate", { key_alias: "x" }, viewer)).status, 403);
  const odd = await ask("POST", "/key/generate", { key_alias: "x", guardrails: ["pii"] });
  assert.deepEqual([odd.status, odd.body["error"].type], [400, "invalid_request"]);
  assert.match(odd.body["error"].message, /guardrails/);
  assert.equal((await ask("POST", "/key/generate", { budget_duration: "soon", max_budget: 1 })).status, 400);
  assert.equal((await ask("GET", "/key/info?key=nobody")).status, 404);
  assert.equal((await ask("GET", "/key/nothing")).status, 404);
});

test("A40 compat.litellm: each change leaves one audit record, with the token's name", async () => {
  const records = async () =>
    (await daemon.cli("audit", "export")).stdout.split("\n").filter((line) => line.includes("audited"));
  await ask("POST", "/team/new", { team_alias: "audited" });
  const made = await records();
  assert.equal(made.length, 1);
  assert.match(made[0]!, /team\.create/);
  assert.match(made[0]!, /token:master/);
});

test("compat.litellm: answers carry LiteLLM's headers, and nothing of it is there without the switch", async () => {
  const key = await daemon.createKey({ name: "headers" });
  const names = (headers: Headers) => [...headers.keys()].filter((name) => name.startsWith("x-litellm-")).toSorted();
  const answer = await chat(key, "cheap");
  assert.deepEqual(names(answer.headers), [
    "x-litellm-attempted-fallbacks",
    "x-litellm-attempted-retries",
    "x-litellm-call-id",
    "x-litellm-model-group",
    "x-litellm-model-id",
    "x-litellm-overhead-duration-ms",
    "x-litellm-response-cost",
    "x-litellm-response-duration-ms",
  ]);
  const paying = await daemon.createKey({ name: "paying", budget: "1/1d" });
  const first = (await chat(paying, "echo-paid/echo-paid")).headers;
  assert.equal(first.get("x-litellm-key-spend"), first.get("x-litellm-response-cost"));
  const second = (await chat(paying, "echo-paid/echo-paid")).headers;
  assert.equal(Number(second.get("x-litellm-key-spend")), 2 * Number(first.get("x-litellm-response-cost")));
  assert.equal(answer.headers.get("x-litellm-model-id"), "echo/echo");
  assert.equal(answer.headers.get("x-litellm-model-group"), "cheap");
  assert.equal(answer.headers.get("x-litellm-attempted-retries"), "0");
  assert.equal(answer.headers.get("x-litellm-call-id"), answer.headers.get("x-request-id"));
  daemon.writeConfig(config(false));
  assert.equal((await daemon.cli("reload")).code, 0);
  assert.deepEqual(names((await chat(key, "cheap")).headers), []);
  assert.equal((await ask("GET", "/key/list")).status, 404);
  assert.equal((await ask("POST", "/key/generate", {})).status, 404);
});
