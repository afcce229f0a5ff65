/** Tokens and roles of the clouds by the proxy and the authorities that their provider names. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ask } from "../support/client.ts";
import { baseKeys, type Cloud, startCloud } from "../support/cloud.ts";
import { type Daemon, hold, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const folder = mkdtempSync(join(tmpdir(), "bf-way-"));
let cloud: Cloud;
let proxy: ChildProcess;
let told = "";
let daemon: Daemon;
let key: string;

before(async () => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  cloud = await startCloud(folder, publicKey);
  cloud.roleSeconds = 3600;
  const { port } = new URL(cloud.origin);
  const secure = new URL(cloud.entra).port;
  writeFileSync(
    join(folder, "account.json"),
    JSON.stringify({
      type: "service_account",
      client_email: "bifrost@project.iam",
      private_key: privateKey,
      token_uri: `http://google.test:${port}/google/token`,
    }),
  );
  proxy = spawn(process.execPath, [fileURLToPath(new URL("../support/proxy-process.ts", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  proxy.stdout?.setEncoding("utf8").on("data", (text: string) => (told += text));
  const proxyPort = await until("the proxy's port", () => /^(\d+)\n/.exec(told)?.[1]);
  hold(proxy, false);
  const way = {
    base_url: `http://models.test:${port}/v1`,
    free: true,
    proxy: `http://user:pass@127.0.0.1:${proxyPort}`,
  };
  const app = { tenant_id: "11111111-2222-3333-4444-555555555555", client_id: "an-app", client_secret: "env.FOUR" };
  daemon = await startDaemon({
    config: {
      providers: {
        role: {
          ...way,
          aws: { region: "eu-1", role_arn: "arn:aws:iam::123456789012:role/models", external_id: "e-1" },
        },
        account: { ...way, google: { credentials_file: join(folder, "account.json") } },
        app: { ...way, ca_file: join(folder, "ca.pem"), azure: { ...app, authority: `https://login.test:${secure}` } },
        untrusted: { ...way, azure: { ...app, authority: `https://login.test:${secure}` } },
        direct: {
          ...way,
          base_url: `${cloud.origin}/v1`,
          proxy: "none",
          ca_file: join(folder, "ca.pem"),
          azure: { ...app, authority: cloud.entra },
        },
      },
    },
    env: {
      FOUR: "entra-secret",
      AWS_ACCESS_KEY_ID: baseKeys.id,
      AWS_SECRET_ACCESS_KEY: baseKeys.secret,
      AWS_ENDPOINT_URL_STS: `http://sts.test:${port}`,
      // A proxy that leads nowhere: what a provider says of its own way comes before it.
      HTTPS_PROXY: "http://127.0.0.1:9",
    },
  });
  key = await daemon.createKey();
});
after(async () => {
  await daemon?.stop();
  proxy?.stdin?.end();
  await cloud?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const call = (provider: string) => ask(daemon.url, { dialect: "chat", model: `${provider}/m`, key });
const proxied = () =>
  told
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => JSON.parse(line) as { method: string; url: string; authorization?: string });

for (const [provider, host] of [
  ["role", "sts.test"],
  ["account", "google.test"],
  ["app", "login.test"],
] as const) {
  test(`${provider}: what proves who we are is fetched by the provider's proxy, with its password`, async () => {
    const answer = await call(provider);
    assert.equal(answer.status, 200, answer.text);
    const asked = proxied().filter(({ url }) => url.includes(host));
    assert.ok(asked.length > 0, told);
    assert.equal(asked[0]!.authorization, `Basic ${Buffer.from("user:pass").toString("base64")}`);
  });
}

test("an authority that neither the system nor the provider trusts gets no secret", async () => {
  const before = cloud.grants.length;
  const answer = await call("untrusted");
  assert.equal(answer.status, 502);
  assert.match(answer.text, /upstream_credential/);
  assert.equal(cloud.grants.length, before);
});

test("`proxy: none` goes there directly, whatever the environment says", async () => {
  assert.equal((await call("direct")).status, 200);
});
