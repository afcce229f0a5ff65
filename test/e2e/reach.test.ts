/** Tokens that are bound to an owner, over TCP: what is below it and nothing else, to see and to change. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import type { KeyListAnswer, KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import type { OwnerAnswer } from "../../daemon/admin/contract/owners.ts";
import type { TokenListAnswer, TokenSecretAnswer } from "../../daemon/admin/contract/tokens.ts";
import { adminRoutes } from "../../daemon/admin/routes.ts";
import { ask } from "../support/client.ts";
import { type Daemon, patientLedger, runCommand, startDaemon } from "../support/daemon.ts";

let daemon: Daemon;
let url: string;
let token: TokenSecretAnswer;
const keys: Record<string, KeySecretAnswer> = {};

type Answer = { readonly status: number; readonly body: Record<string, unknown>; readonly text: string };

function call(method: string, path: string, body?: unknown, secret = token.secret): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${secret}`, "content-type": "application/json" };
    const asked = request(`${url}${path}`, { method, headers, agent: false }, async (answer) => {
      let text = "";
      for await (const chunk of answer.setEncoding("utf8")) text += chunk;
      const isJson = answer.headers["content-type"] === "application/json";
      resolve({ status: answer.statusCode ?? 0, body: isJson ? JSON.parse(text) : {}, text });
    });
    asked.once("error", reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Two teams of one customer and a user in each; a key in each of them, and one that belongs to nobody. */
before(async () => {
  daemon = await startDaemon({ config: { admin: { listen: "127.0.0.1:0" }, ledger: patientLedger } });
  url = `http://127.0.0.1:${/"admin API listening".*?"port":(\d+)/.exec(daemon.stderr())?.[1]}`;
  const make = (path: string, body: object) => daemon.admin<OwnerAnswer>("POST", `/api/governance/${path}`, body);
  const budgets = [{ limit_nano: 5e9, window: { kind: "forever" } }];
  await make("customers", { name: "acme" });
  for (const team of ["mine", "theirs"]) {
    await make("teams", { name: team, customer: "acme", budgets });
    await make("users", { name: `user-of-${team}`, team });
    await make("model-configs", { name: `cap-of-${team}`, team, model: "gpt-4o", budgets });
  }
  const owners = { mine: { team: "mine" }, deep: { user: "user-of-mine" }, theirs: { team: "theirs" }, free: {} };
  for (const [name, owner] of Object.entries(owners)) {
    keys[name] = await daemon.admin<KeySecretAnswer>("POST", "/api/keys", { name, ...owner, budgets });
    const said = await ask(daemon.url, { dialect: "chat", model: "echo/echo", key: keys[name].secret });
    assert.equal(said.status, 200);
  }
  await daemon.rows("echo/echo", 4);
  token = await daemon.admin("POST", "/api/tokens", { name: "lead", role: "admin", team: "mine" });
});
after(() => daemon?.stop());

test("a bound token is shown with its owner, and sees of keys and owners what is below it", async () => {
  assert.equal(token.token.within?.name, "mine");
  const names = (answer: Answer) => (answer.body as unknown as KeyListAnswer).keys.map(({ name }) => name);
  const listed = await call("GET", "/api/keys");
  assert.deepEqual([names(listed), listed.body["total_count"]], [["mine", "deep"], 2]);
  assert.deepEqual(names(await call("GET", "/api/keys?search=e")), ["mine", "deep"]);
  assert.equal((await call("GET", "/api/keys?team=theirs")).status, 404);
  assert.equal((await call("GET", "/api/keys/deep")).status, 200);
  for (const other of ["theirs", keys["theirs"]!.key.id, "free"])
    assert.equal((await call("GET", `/api/keys/${other}`)).status, 404, other);
  const owned = async (path: string) =>
    ((await call("GET", `/api/governance/${path}`)).body["owners"] as { name: string; parent: unknown }[]).map(
      ({ name }) => name,
    );
  assert.deepEqual(await owned("teams"), ["mine"]);
  assert.deepEqual(await owned("users"), ["user-of-mine"]);
  assert.deepEqual(await owned("model-configs"), ["cap-of-mine"]);
  assert.deepEqual([await owned("customers"), await owned("tags"), await owned("end-users")], [[], [], []]);
  const budgets = (await call("GET", "/api/governance/budgets")).body["budgets"] as { owner: { name: string } }[];
  assert.deepEqual([...new Set(budgets.map(({ owner }) => owner.name))].sort(), ["cap-of-mine", "deep", "mine"]);
});

test("a bound token changes what is below its owner, and not what binds it", async () => {
  const made = await call("POST", "/api/keys", { name: "made" });
  assert.equal((made.body["key"] as { parent: { name: string } }).parent.name, "mine", "where else");
  assert.equal((await call("PATCH", "/api/keys/made", { user: "user-of-mine" })).status, 200);
  assert.equal((await call("POST", "/api/keys/made/rotate", {})).status, 200);
  assert.equal((await call("DELETE", "/api/keys/made")).status, 200);
  assert.equal((await call("POST", "/api/governance/users", { name: "more" })).status, 200);
  const limit = { user: "more", model: "gpt-5", concurrency_max: 1 };
  assert.equal((await call("POST", "/api/governance/model-configs", limit)).status, 200);
  assert.equal((await call("DELETE", "/api/governance/model-configs/*%2Fgpt-5%20for%20user%20more")).status, 200);
  assert.equal((await call("DELETE", "/api/governance/users/more")).status, 200);
  const override = { extra_nano: 1, mode: "forever" };
  assert.equal((await call("PUT", "/api/keys/deep/budgets/0/override", override)).status, 200);
  const refused: [string, string, unknown?][] = [
    ["PATCH", "/api/governance/teams/mine", { budgets: [] }],
    ["DELETE", "/api/governance/teams/mine"],
    ["PUT", "/api/governance/teams/mine/budgets/0/override", override],
    ["POST", "/api/governance/teams/mine/budgets/0/reset"],
    ["POST", "/api/governance/teams/mine/wallet", { amount_nano: 1 }],
    ["DELETE", "/api/governance/model-configs/cap-of-mine"],
    ["PATCH", "/api/governance/model-configs/cap-of-mine", { budgets: [] }],
    ["POST", "/api/governance/model-configs", { model: "gpt-5" }],
    ["PATCH", "/api/keys/deep", { user: null }],
    ["PATCH", "/api/governance/users/user-of-mine", { team: null }],
    ["POST", "/api/governance/customers", { name: "new" }],
    ["POST", "/api/governance/teams", { name: "new" }],
    ["POST", "/api/governance/tags", { name: "new=tag" }],
  ];
  for (const [method, path, body] of refused) {
    const { status, text } = await call(method, path, body);
    assert.equal(status, 403, `${method} ${path}: ${text}`);
  }
  const absent: [string, string, unknown?][] = [
    ["PATCH", "/api/keys/theirs", { disabled: true }],
    ["DELETE", "/api/keys/theirs"],
    ["POST", "/api/keys/free/rotate", {}],
    ["POST", "/api/keys", { name: "smuggled", team: "theirs" }],
    ["PATCH", "/api/keys/deep", { team: "theirs" }],
    ["PATCH", "/api/governance/users/user-of-mine", { customer: "acme" }],
    ["PATCH", "/api/governance/teams/theirs", { disabled: true }],
    ["DELETE", "/api/governance/users/user-of-theirs"],
    ["PUT", "/api/keys/theirs/budgets/0/override", override],
    ["POST", "/api/keys/theirs/budgets/0/reset"],
    ["GET", "/api/keys/theirs/wallet"],
    ["POST", "/api/keys/theirs/wallet", { amount_nano: 1 }],
  ];
  for (const [method, path, body] of absent) {
    const { status, text } = await call(method, path, body);
    assert.equal(status, 404, `${method} ${path}: ${text}`);
  }
  const { status, text } = await call("POST", "/api/keys", { name: "theirs" });
  assert.ok(status === 409 && !text.includes("key_"), "a name is taken, by whom is not said");
});

test("a bound token reads the requests and the usage of what is below its owner", async () => {
  const rows = (answer: Answer) => (answer.body["rows"] as { key_name: string; id: string }[]) ?? [];
  const listed = rows(await call("GET", "/api/logs"));
  assert.deepEqual(listed.map(({ key_name: name }) => name).sort(), ["deep", "mine"]);
  assert.equal((await call("GET", "/api/logs?key=theirs")).status, 404);
  assert.equal((await call("GET", "/api/logs?team=theirs")).status, 404);
  assert.equal(rows(await call("GET", "/api/logs?key=deep")).length, 1);
  const all = await daemon.logs();
  for (const { id, key_name: name } of all) {
    const expected = name === "mine" || name === "deep" ? 200 : 404;
    assert.equal((await call("GET", `/api/logs/${id}`)).status, expected, name ?? "");
    assert.equal((await call("GET", `/api/logs/${id}/explain`)).status, expected, name ?? "");
  }
  const requests = async (path: string, of: (body: never) => { requests: number }) =>
    of((await call("GET", path)).body as never).requests;
  const sums = (body: { sums: { requests: number } }) => body.sums;
  assert.equal(await requests("/api/logs/stats", sums), 2);
  assert.equal(await requests("/api/logs/stats?model=echo/echo", sums), 2);
  const rankings = (await call("GET", "/api/logs/rankings?by=key")).body["rankings"] as { name: string }[];
  assert.deepEqual(rankings.map(({ name }) => name).sort(), ["deep", "mine"]);
  const series = (await call("GET", "/api/logs/histogram")).body["series"] as { total: { requests: number } }[];
  assert.equal(series[0]?.total.requests, 2);
  const exported = await call("GET", "/api/logs/export?format=csv");
  assert.ok(exported.text.includes("deep") && !exported.text.includes("theirs"));
  const dashboard = await call("GET", "/api/logs/dashboard");
  assert.ok(dashboard.text.includes("deep") && !dashboard.text.includes("theirs"));
  const usage = await runCommand(
    ["usage", "--by", "key", "--json"],
    { BIFROST_TOKEN: token.secret, BIFROST_URL: url },
    daemon.home,
  );
  assert.equal(usage.code, 0, usage.stderr);
  assert.ok(usage.stdout.includes("deep") && !usage.stdout.includes("theirs"));
});

test("a bound token is refused by every route that does not keep to the bounds", async () => {
  for (const route of adminRoutes) {
    if (route.reachable) continue;
    const path = route.path.replaceAll(/\{\w+\}/g, "none");
    const { status, text } = await call(route.method, path);
    assert.equal(status, 403, `${route.method} ${path}: ${text}`);
    assert.match(text, /team \\"mine\\", which is all that this token reaches/);
  }
});

test("a bound token makes and sees tokens of its own reach alone", async () => {
  const made = await call("POST", "/api/tokens", { name: "helper", permissions: ["keys:read"] });
  assert.equal((made.body["token"] as { within: { name: string } }).within.name, "mine");
  const narrower = await call("POST", "/api/tokens", { name: "one", role: "viewer", user: "user-of-mine" });
  assert.equal(narrower.status, 200, narrower.text);
  const { secret } = narrower.body as unknown as TokenSecretAnswer;
  const { keys: seen } = (await call("GET", "/api/keys", undefined, secret)).body as unknown as KeyListAnswer;
  assert.deepEqual(
    seen.map(({ name }) => name),
    ["deep"],
  );
  assert.equal((await call("POST", "/api/tokens", { name: "x", role: "viewer", customer: "acme" })).status, 404);
  await daemon.admin("POST", "/api/tokens", { name: "elsewhere", role: "viewer", team: "theirs" });
  await daemon.admin("POST", "/api/tokens", { name: "everywhere", role: "viewer" });
  const { tokens } = (await call("GET", "/api/tokens")).body as unknown as TokenListAnswer;
  assert.deepEqual(tokens.map(({ name }) => name).sort(), ["helper", "lead", "one"]);
  for (const name of ["elsewhere", "everywhere"])
    assert.equal((await call("DELETE", `/api/tokens/${name}`)).status, 404);
  assert.equal((await call("DELETE", "/api/tokens/helper")).status, 200);
});

test("a bound token ends with its owner", async () => {
  await daemon.admin("POST", "/api/governance/teams", { name: "short-lived" });
  const bound = { name: "orphan", role: "viewer", team: "short-lived" };
  const { secret } = await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", bound);
  assert.equal((await call("GET", "/api/keys", undefined, secret)).status, 200);
  await daemon.admin("DELETE", "/api/governance/teams/short-lived");
  const refused = await call("GET", "/api/keys", undefined, secret);
  assert.equal(refused.status, 401, refused.text);
});

test("a token of a user sees no log, since whoever calls may name a user", async () => {
  const made = await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", {
    ...{ name: "alone", role: "admin", user: "user-of-mine" },
  });
  for (const path of ["/api/logs", "/api/logs/stats", "/api/logs/sessions/x", "/api/logs/req_x", "/api/feed"]) {
    const answer = await call("GET", path, undefined, made.secret);
    assert.equal(answer.status, 403, path);
    assert.match(answer.text, /take one of a team or customer/);
  }
  const { status, body } = await call("GET", "/api/keys", undefined, made.secret);
  assert.deepEqual([status, (body as unknown as KeyListAnswer).keys.map(({ name }) => name)], [200, ["deep"]]);
});
