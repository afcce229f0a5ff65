/** The admin API over TCP: tokens at the door, and every command through it. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import type { TokenSecretAnswer } from "../../daemon/admin/contract/tokens.ts";
import { type Daemon, runCommand, startDaemon } from "../support/daemon.ts";

let daemon: Daemon;
let url: string;
before(async () => {
  daemon = await startDaemon({ config: { admin: { listen: "127.0.0.1:0" } } });
  const port = /"message":"admin API listening".*?"port":(\d+)|"port":(\d+).*?admin API listening/.exec(
    daemon.stderr(),
  );
  assert.ok(port, daemon.stderr());
  url = `http://127.0.0.1:${port[1] ?? port[2]}`;
});
after(() => daemon?.stop());

const tokenFor = async (body: object) => (await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", body)).secret;

function statusOf(path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}${path}`, { headers, agent: false }, (answer) => {
      answer.resume();
      answer.once("end", () => resolve(answer.statusCode ?? 0));
    });
    asked.once("error", reject);
    asked.end();
  });
}

test("listenAdminTcp() answers holders of tokens only, each what its permissions name", async () => {
  const viewer = await tokenFor({ name: "viewer", role: "viewer" });
  assert.equal(await statusOf("/api/status", {}), 401);
  assert.equal(await statusOf("/api/status", { authorization: "Bearer bf-admin-guess" }), 401);
  assert.equal(await statusOf("/api/status", { authorization: `Bearer ${viewer}` }), 200);
  assert.equal(await statusOf("/api/status", { authorization: `Bearer ${viewer}`, origin: "http://evil" }), 403);
  assert.equal(await statusOf("/api/status", { authorization: `Bearer ${await daemon.createKey()}` }), 401);
});

test("A17 a revoked admin token is refused with the next request", async () => {
  const secret = await tokenFor({ name: "short", role: "viewer" });
  const headers = { authorization: `Bearer ${secret}` };
  assert.equal(await statusOf("/api/status", headers), 200);
  await daemon.admin("DELETE", "/api/tokens/short");
  assert.equal(await statusOf("/api/status", headers), 401);
});

for (const kind of ["revoked", "narrowed", "without its owner"] as const) {
  test(`whileHeld() ends the feed of a token that is ${kind}`, { timeout: 20_000 }, async () => {
    const name = `feeds-${kind.replaceAll(" ", "-")}`;
    await daemon.admin("POST", "/api/governance/teams", { name });
    const bound = kind === "without its owner" ? { team: name } : {};
    const secret = await tokenFor({ name, role: "viewer", ...bound });
    const headers = { authorization: `Bearer ${secret}` };
    const ended = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const asked = request(`${url}/api/feed`, { headers, agent: false }, (answer) => {
      answer.on("data", () => begun.resolve()).on("error", () => undefined);
      answer.once("close", () => ended.resolve());
    });
    asked.once("error", begun.reject).end();
    await begun.promise;
    if (kind === "revoked") await daemon.admin("DELETE", `/api/tokens/${name}`);
    else if (kind === "narrowed") await daemon.admin("PATCH", `/api/tokens/${name}`, { permissions: ["keys:read"] });
    else await daemon.admin("DELETE", `/api/governance/teams/${name}`);
    await ended.promise;
  });
}

test("every command goes through --url with $BIFROST_TOKEN", async () => {
  const BIFROST_TOKEN = await tokenFor({ name: "remote", role: "operator" });
  const remote = (...args: string[]) => runCommand(args, { BIFROST_TOKEN, BIFROST_URL: url }, daemon.home);
  const made = await remote("teams", "create", "--name", "far");
  assert.equal(made.code, 0, made.stderr);
  assert.match((await remote("teams", "list")).stdout, /far/);
  assert.match((await remote("status", "--url", url)).stdout, /serving/);
  const elsewhere = { BIFROST_TOKEN, BIFROST_URL: url, BIFROST_HOME: `${daemon.home}/nowhere` };
  const examined = await runCommand(["doctor", "--json"], elsewhere);
  const { checks } = JSON.parse(examined.stdout) as { checks: { check: string; findings: { message: string }[] }[] };
  assert.deepEqual(
    checks.map(({ check }) => check),
    ["daemon", "config", "store", "keys", "providers", "egress", "alerts"],
    "nothing of this machine",
  );
  assert.match(JSON.stringify(checks[0]), /serves at/);
  assert.ok(!JSON.stringify(checks).includes("not looked at"), examined.stdout);
  const refused = await remote("tokens", "create", "--name", "more", "--role", "admin");
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /permission tokens:write/);
  const { records } = await daemon.admin<{ records: { actor: string; action: string }[] }>("GET", "/api/audit/records");
  assert.ok(records.some(({ actor, action }) => action === "team.create" && actor.startsWith("token:remote")));
});
