/** Signed requests and tokens of the three clouds, from their own services to the upstream, through a real daemon. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { ask } from "../support/client.ts";
import { baseKeys, type Cloud, type Sent, startCloud } from "../support/cloud.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { isSignedWith, scopeOf } from "../support/sigv4.ts";
import { until } from "../support/until.ts";

const folder = mkdtempSync(join(tmpdir(), "bf-cloud-"));
const { publicKey, privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
let cloud: Cloud;
let daemon: Daemon;
let key: string;

before(async () => {
  cloud = await startCloud(folder, publicKey);
  writeFileSync(
    join(folder, "account.json"),
    JSON.stringify({
      type: "service_account",
      project_id: "project-of-file",
      quota_project_id: "project-that-pays",
      client_email: "bifrost@project-of-file.iam",
      private_key: privateKey,
      token_uri: `${cloud.origin}/google/token`,
    }),
  );
  const there = { base_url: `${cloud.origin}/v1`, free: true };
  const role = { region: "eu-1", role_arn: "arn:aws:iam::123456789012:role/models", external_id: "e-1" };
  const account = { tenant_id: "11111111-2222-3333-4444-555555555555", client_id: "an-app" };
  daemon = await startDaemon({
    config: {
      providers: {
        keys: {
          ...there,
          aws: {
            region: "us-east-1",
            access_key_id: "env.ONE",
            secret_access_key: "env.TWO",
            session_token: "env.THREE",
          },
        },
        chain: { ...there, aws: { region: "us-west-2" } },
        role: { ...there, aws: role },
        account: { ...there, google: { credentials_file: join(folder, "account.json") } },
        metadata: { ...there, google: {} },
        app: { ...there, azure: { ...account, client_secret: "env.FOUR", authority: cloud.entra } },
        wrong: { ...there, azure: { ...account, client_secret: "env.TWO", authority: cloud.entra } },
        managed: { ...there, azure: {} },
      },
    },
    env: {
      ONE: "AKIDONE",
      TWO: "secret-canary",
      THREE: "session-one",
      FOUR: "entra-secret",
      AWS_ACCESS_KEY_ID: baseKeys.id,
      AWS_SECRET_ACCESS_KEY: baseKeys.secret,
      AWS_ENDPOINT_URL_STS: cloud.origin,
      GCE_METADATA_HOST: new URL(cloud.origin).host,
      IDENTITY_ENDPOINT: `${cloud.origin}/identity`,
      IDENTITY_HEADER: "identity-secret",
      NODE_EXTRA_CA_CERTS: join(folder, "ca.pem"),
    },
  });
  key = await daemon.createKey();
});
after(async () => {
  await daemon?.stop();
  await cloud?.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  cloud.calls.length = 0;
});

async function call(provider: string, prompt = "hello", headers: Record<string, string> = {}): Promise<Sent> {
  const answer = await ask(daemon.url, { dialect: "chat", model: `${provider}/m`, key, prompt, headers });
  assert.equal(answer.status, 200, answer.text);
  return cloud.calls.at(-1)!;
}

test("authorize() signs what is sent with the keys of the config", async () => {
  const sent = await call("keys", "é".repeat(50_000));
  assert.deepEqual(scopeOf(sent), { accessKeyId: "AKIDONE", region: "us-east-1", service: "bedrock" });
  assert.equal(sent.headers["x-amz-security-token"], "session-one");
  assert.ok(isSignedWith("secret-canary", sent));
  assert.ok(!isSignedWith("secret-canary", { ...sent, body: `${sent.body} ` }));
});

test("authorize() names the project that pays once, whatever a client says", async () => {
  for (const name of ["x-goog-user-project", "x-bf-eh-x-goog-user-project"]) {
    const sent = await call("account", "hello", { [name]: "theirs" });
    assert.equal(sent.headers["x-goog-user-project"], "project-that-pays");
  }
});

test("authorize() signs with what AWS's own chain finds", async () => {
  const sent = await call("chain");
  assert.deepEqual(scopeOf(sent), { accessKeyId: baseKeys.id, region: "us-west-2", service: "bedrock" });
  assert.ok(isSignedWith(baseKeys.secret, sent));
});

test("authorize() assumes a role, and again before it ends, while nobody waits", async () => {
  const assumed = () => cloud.grants.filter(({ body }) => body.includes("AssumeRole"));
  const first = await call("role");
  const asked = new URLSearchParams(assumed()[0]!.body);
  assert.equal(asked.get("RoleArn"), "arn:aws:iam::123456789012:role/models");
  assert.equal(asked.get("RoleSessionName"), "bifrost");
  assert.equal(asked.get("ExternalId"), "e-1");
  const [number] = /\d+$/.exec(scopeOf(first)!.accessKeyId)!;
  assert.ok(isSignedWith(`role-secret-${number}`, first));
  assert.equal(first.headers["x-amz-security-token"], `role-session-${number}`);
  cloud.roleSeconds = 3600;
  const before = assumed().length;
  await until("the role to be assumed again, though nobody calls", () => assumed().length > before);
  const second = await until("the new one to be used", async () => {
    const sent = await call("role");
    return scopeOf(sent)!.accessKeyId !== scopeOf(first)!.accessKeyId && sent;
  });
  assert.ok(isSignedWith(`role-secret-${/\d+$/.exec(scopeOf(second)!.accessKeyId)![0]}`, second));
});

test("authorize() carries a token that a service account's key was exchanged for, fetched once", async () => {
  const [one, two] = await Promise.all([call("account"), call("account")]);
  assert.match(one.headers.authorization ?? "", /^Bearer google-\d+$/);
  assert.equal(one.headers.authorization, two.headers.authorization);
  assert.equal(cloud.grants.filter(({ path }) => path.startsWith("/google/")).length, 1);
});

test("authorize() carries the metadata server's token where Google's chain leads there", async () => {
  const { headers } = await call("metadata");
  assert.match(headers.authorization ?? "", /^Bearer metadata-\d+$/);
});

test("authorize() carries an Entra ID token of an application", async () => {
  const { headers } = await call("app");
  assert.match(headers.authorization ?? "", /^Bearer entra-\d+$/);
  const asked = new URLSearchParams(cloud.grants.find(({ path }) => path.includes("oauth2"))!.body);
  assert.equal(asked.get("client_id"), "an-app");
  assert.match(asked.get("scope") ?? "", /cognitiveservices\.azure\.com\/\.default/);
});

test("authorize() carries an Entra ID token of a managed identity", async () => {
  const { headers } = await call("managed");
  assert.match(headers.authorization ?? "", /^Bearer managed-\d+$/);
});

test("authorize() tells what is wrong, and neither a secret nor an answer that may quote one", async () => {
  const refused = await ask(daemon.url, { dialect: "chat", model: "wrong/m", key });
  assert.equal(refused.status, 502);
  assert.match(refused.text, /upstream_credential.*|could not obtain its credential for wrong/);
  assert.equal(cloud.calls.length, 0, "no request leaves without its credential");
  await until("the log to name it", () => /a credential could not be obtained.*wrong/.test(daemon.stderr()));
  for (const text of [refused.text, daemon.stderr(), daemon.stdout()]) {
    assert.doesNotMatch(text, /secret-canary|entra-secret|role-secret|PRIVATE KEY|identity-secret|(google|entra)-\d/);
  }
});
