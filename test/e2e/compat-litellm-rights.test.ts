/** LiteLLM's management paths on the port of the models, each of the router's own table: who is let in, and who is not. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TokenSecretAnswer } from "../../daemon/admin/contract/tokens.ts";
import { litellmRoutes } from "../../daemon/admin/litellm/routes.ts";
import type { GenerationData } from "../../daemon/config/generation.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

const routes = litellmRoutes(() => ({}) as GenerationData);
const pathOf = (path: string) => path.replaceAll(/\{\w+\}/g, "none");

let daemon: Daemon;
const bearers: Record<string, string> = {};
before(async () => {
  daemon = await startDaemon({ config: { echo: true, ledger: patientLedger, compat: { litellm: true } } });
  const token = async (name: string, fields: object) =>
    (await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", { name, ...fields })).secret;
  bearers["admin"] = await token("admin", { role: "admin" });
  bearers["viewer"] = await token("viewer", { role: "viewer" });
  bearers["nothing"] = await token("nothing", { permissions: ["status:read"] });
  bearers["revoked"] = await token("revoked", { role: "admin" });
  await daemon.admin("DELETE", "/api/tokens/revoked");
  await daemon.admin("POST", "/api/governance/teams", { name: "own" });
  bearers["bound"] = await token("bound", { role: "admin", team: "own" });
  bearers["key"] = await daemon.createKey({ name: "plain" });
  bearers["guess"] = "bf-admin-guess";
});
after(() => daemon?.stop());

/** What a key is told of itself, and the parameter that would name another. */
const own: Readonly<Record<string, string>> = { "GET /key/info": "key", "GET /key/spend/report": "api_key" };

async function ask(method: string, path: string, bearer: string | undefined, body?: object) {
  const answer = await fetch(`${daemon.url}${path}`, {
    method,
    headers: {
      "content-type": "application/json",
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    },
    ...(method === "GET" ? {} : { body: JSON.stringify(body ?? {}) }),
  });
  return { status: answer.status, text: await answer.text(), id: answer.headers.get("x-request-id") };
}

test("A35 A66 compat.litellm: no path of the table answers without the right token", async () => {
  for (const { method, path, permission, action } of routes) {
    const at = `${method} ${path}`;
    for (const who of [undefined, "guess", "key", "revoked"]) {
      const refused = await ask(method, pathOf(path), who === undefined ? undefined : bearers[who]);
      // A key is told of itself, and of itself alone.
      const named = own[at];
      if (who === "key" && named !== undefined) {
        assert.equal(refused.status, 200, refused.text);
        assert.equal((await ask(method, `${path}?${named}=somebody`, bearers["key"])).status, 403);
        continue;
      }
      assert.equal(refused.status, 401, `${at} as ${who ?? "nobody"}: ${refused.text}`);
      assert.equal((JSON.parse(refused.text) as { error: { code: string } }).error.code, "401", at);
      assert.ok(refused.id, `${at} names the request`);
    }
    const weak = await ask(method, pathOf(path), bearers["nothing"]);
    assert.equal(weak.status, 403, `${at} as nothing: ${weak.text}`);
    assert.match(weak.text, new RegExp(`this needs the permission ${permission}`), at);
    const viewer = await ask(method, pathOf(path), bearers["viewer"]);
    assert.equal(viewer.status === 403, action !== undefined, `${at} as viewer: ${viewer.text}`);
    const admin = await ask(method, pathOf(path), bearers["admin"]);
    assert.ok(![401, 403, 405, 500].includes(admin.status), `${at} as admin: ${admin.status} ${admin.text}`);
    assert.doesNotMatch(admin.text, /the admin API has no/, `${at} is not in reach of the port`);
  }
});

test("A34 compat.litellm: a token that is bound to a team makes, sees and changes nothing outside it", async () => {
  const other = await ask("POST", "/team/new", bearers["admin"], { team_id: "other", max_budget: 5 });
  assert.equal(other.status, 200, other.text);
  const made = await ask("POST", "/key/generate", bearers["admin"], { key_alias: "of-other", team_id: "other" });
  const { token } = JSON.parse(made.text) as { token: string };
  const user = await ask("POST", "/user/new", bearers["admin"], { user_id: "u-other", auto_create_key: false });
  assert.equal(user.status, 200, user.text);
  const tries: readonly (readonly [string, object])[] = [
    ["/key/update", { key: token, max_budget: 100 }],
    ["/key/bulk_update", { keys: [{ key: token, max_budget: 100 }] }],
    ["/key/delete", { keys: [token] }],
    [`/key/${token}/regenerate`, {}],
    [`/key/${token}/reset_spend`, {}],
    ["/key/generate", { key_alias: "free", team_id: "other" }],
    ["/team/update", { team_id: "other", max_budget: 100 }],
    ["/team/update", { team_id: "own", max_budget: 100 }],
    ["/team/delete", { team_ids: ["other"] }],
    ["/team/member_add", { team_id: "other", member: { user_id: "u-other" } }],
    ["/team/member_add", { team_id: "own", member: { user_id: "u-other" } }],
    ["/user/update", { user_id: "u-other", max_budget: 100 }],
    ["/budget/new", { budget_id: "b", max_budget: 1 }],
    ["/budget/list", {}],
  ];
  for (const [path, body] of tries) {
    const answer = await ask(path === "/budget/list" ? "GET" : "POST", path, bearers["bound"], body);
    const bulk = path.endsWith("bulk_update");
    assert.ok(
      bulk || answer.status === 403 || answer.status === 404 || answer.status === 409,
      `${path} ${answer.text}`,
    );
    if (bulk) assert.match(answer.text, /"successful_updates":\[\]/);
  }
  for (const path of ["/key/list?size=100", "/key/aliases", "/team/list", "/user/list"])
    assert.doesNotMatch((await ask("GET", path, bearers["bound"])).text, /other/, path);
  const own = await ask("POST", "/key/generate", bearers["bound"], { key_alias: "mine" });
  assert.equal(own.status, 200, own.text);
  assert.equal((await ask("GET", `/key/info?key=${token}`, bearers["admin"])).status, 200, "the other's key still is");
});
