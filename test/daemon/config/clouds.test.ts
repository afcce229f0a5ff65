import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { ProviderData } from "../../../daemon/config/generation.ts";
import { loadConfig } from "../../../daemon/config/load.ts";

type Environment = Readonly<Record<string, string>>;

async function load(provider: object, environment: Environment = {}, folder = "/etc/bifrost") {
  const text = JSON.stringify({ providers: { p: provider } });
  return loadConfig({ text, path: join(folder, "c.yaml"), environment, number: 1, now: 0 });
}

async function built(provider: object, environment: Environment = {}, folder?: string): Promise<ProviderData> {
  const result = await load(provider, environment, folder);
  assert.ok(result.ok, JSON.stringify("problems" in result && result.problems));
  return result.data.providers[0]!;
}

/** `path: message` of each problem. */
async function problems(provider: object, environment: Environment = {}, folder?: string): Promise<string[]> {
  const result = await load(provider, environment, folder);
  assert.ok(!result.ok);
  return result.problems.map(({ path, message }) => `${path}: ${message}`);
}

const azure = { host: "azure", dialect: "openai-chat" };

test("readCloud() fills a host's address from the section, else from the environment", async () => {
  const base = async (entry: object, environment?: Environment) => (await built(entry, environment)).baseUrl;
  const key = { api_key: "env.K" };
  assert.equal(await base({ ...azure, ...key, azure: { resource: "r1" } }, { K: "k" }), "https://r1.openai.azure.com");
  assert.equal(await base({ ...azure, ...key }, { K: "k", AZURE_RESOURCE_NAME: "r2" }), "https://r2.openai.azure.com");
  assert.equal(await base({ ...azure, ...key, base_url: "https://gate/x" }, { K: "k" }), "https://gate/x");
});

test("readCloud() takes a key for one, and the cloud's own chain where there is none", async () => {
  const given = await built({ ...azure, api_key: "env.K", azure: { resource: "r" } }, { K: "k" });
  assert.deepEqual([given.credentials.length, given.identity], [1, undefined]);
  const usual = await built({ ...azure, azure: { resource: "r" } }, { AZURE_OPENAI_API_KEY: "k" });
  assert.deepEqual([usual.credentials.length, usual.identity], [1, undefined]);
  const none = await built({ ...azure, azure: { resource: "r" } });
  assert.deepEqual(none.credentials, []);
  assert.deepEqual(none.identity, { kind: "entra", scope: "https://cognitiveservices.azure.com/.default" });
});

test("readCloud() resolves the secrets of a section", async () => {
  const local = { base_url: "http://127.0.0.1:1/v1" };
  const aws = { region: "eu-1", access_key_id: "env.A", secret_access_key: "env.B", session_token: "env.C" };
  assert.deepEqual((await built({ ...local, aws }, { A: "a", B: "b", C: "c" })).identity, {
    kind: "aws",
    region: "eu-1",
    service: "bedrock",
    keys: { accessKeyId: "a", secretAccessKey: "b", sessionToken: "c" },
  });
  const role = { region: "eu-1", profile: "p", role_arn: "arn:aws:iam::123456789012:role/r", session_name: "s-1" };
  assert.deepEqual((await built({ ...local, aws: role })).identity, {
    kind: "aws",
    region: "eu-1",
    service: "bedrock",
    profile: "p",
    role: { arn: "arn:aws:iam::123456789012:role/r", session: "s-1" },
  });
});

test("readCloud() reads a credentials file, and watches it", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "bf-cloud-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  const account = { type: "service_account", client_email: "a@b", private_key: "k", project_id: "from-file" };
  await writeFile(join(folder, "account.json"), JSON.stringify(account));
  await writeFile(join(folder, "other.json"), '{"type":"web"}');
  const local = { base_url: "http://127.0.0.1:1/v1" };
  const google = (name: string) => ({ ...local, google: { credentials_file: name } });
  const result = await load(google("account.json"), {}, folder);
  assert.ok(result.ok);
  assert.deepEqual(result.files, [join(folder, "account.json")]);
  assert.deepEqual(result.data.providers[0]!.identity, { kind: "google", key: JSON.stringify(account) });
  const at = "providers.p.google.credentials_file";
  assert.deepEqual(await problems(google("none.json"), {}, folder), [
    `${at}: cannot read ${join(folder, "none.json")}: no such file`,
  ]);
  const [wrong] = await problems(google("other.json"), {}, folder);
  assert.match(wrong!, /other\.json is no Google credentials file/);
});

const wrong: readonly (readonly [what: string, provider: object, message: RegExp])[] = [
  ["no resource", { ...azure }, /p: needs azure\.resource, or AZURE_RESOURCE_NAME in the environment/],
  ["a resource that is none", { ...azure, azure: { resource: "a/b" } }, /azure\.resource: must be letters/],
  [
    "half a key",
    { base_url: "http://h/v1", aws: { region: "r", access_key_id: "env.K" } },
    /needs secret_access_key as/,
  ],
  ["no region", { base_url: "http://h/v1", aws: { profile: "p" } }, /aws: needs region/],
  [
    "a role that is none",
    { base_url: "http://h/v1", aws: { region: "r", role_arn: "models" } },
    /role_arn: is no role/,
  ],
  ["a session of no role", { base_url: "http://h/v1", aws: { region: "r", external_id: "x" } }, /but no role_arn/],
  [
    "a key beside a chain",
    { base_url: "http://h/v1", api_key: "env.K", aws: { region: "r", profile: "p" } },
    /beside api_key/,
  ],
  [
    "two clouds",
    { base_url: "http://h/v1", aws: { region: "r", profile: "p" }, azure: { client_id: "c" } },
    /credentials under aws and azure/,
  ],
  ["a secret alone", { base_url: "http://h/v1", azure: { client_secret: "env.K" } }, /needs tenant_id and client_id/],
  ["an authority in the clear", { base_url: "http://h/v1", azure: { authority: "http://h" } }, /must begin with https/],
  [
    "an address with the path",
    { ...azure, api_key: "env.K", base_url: "https://r.openai.azure.com/openai/v1" },
    /base_url: must end before \/openai/,
  ],
  ["a token for a stranger", { ...azure, base_url: "https://stranger.example" }, /has no key for its own base_url/],
];

for (const [what, provider, message] of wrong) {
  test(`readCloud() refuses ${what}`, async () => {
    assert.match((await problems(provider, { K: "k" })).join("\n"), message);
  });
}
