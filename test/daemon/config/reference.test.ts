import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { configJsonSchema } from "../../../daemon/config/json-schema.ts";
import { loadConfig } from "../../../daemon/config/load.ts";
import { configKeys, renderReference } from "../../../daemon/config/reference.ts";
import { schemaFingerprint } from "../../../daemon/config/settings.ts";
import { certificate } from "./certificate.ts";

const root = new URL("../../../", import.meta.url);
const example = readFileSync(new URL("config.example.yaml", root), "utf8");

/** The settings that are commented out, brought to life. */
const everything = example.replace(/^( *)#(?=[^ \n])/gm, "$1");

const environment = {
  OPENAI_API_KEY: "sk-one",
  ANTHROPIC_API_KEY: "sk-two",
  ANTHROPIC_SPARE_KEY: "sk-three",
  OPENAI_RESEARCH_KEY: "sk-four",
  IN_HOUSE_KEY: "sk-five",
  S3_KEY_ID: "AKIAEXAMPLE",
  S3_SECRET: "s3-secret",
  S3_TOKEN: "s3-token",
  OTLP_TOKEN: "Bearer otlp",
  PUSH_PASSWORD: "push-password",
  SLACK_URL: "https://hooks.slack.com/services/T/B/x",
  PAGERDUTY_KEY: "pagerduty-key",
  SMTP_PASSWORD: "smtp-password",
  WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString("base64")}`,
  CI_KEY: "sk-a-virtual-key-of-ours-1",
  ACME_KEY: "sk-a-virtual-key-of-ours-2",
  AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
  AWS_SECRET_ACCESS_KEY: "sk-six",
  AWS_SESSION_TOKEN: "sk-seven",
  AZURE_CLIENT_SECRET: "sk-eight",
};

test("configKeys() are all in docs/config.md, as the schema describes them", () => {
  const file = new URL("docs/config.md", root);
  const page = readFileSync(file, "utf8");
  const [begin, end] = ["<!-- reference:begin -->\n", "<!-- reference:end -->"];
  const from = page.indexOf(begin) + begin.length;
  const renewed = `${page.slice(0, from)}\n${renderReference()}\n${page.slice(page.indexOf(end))}`;
  if (process.env["UPDATE"]) writeFileSync(file, renewed);
  assert.equal(readFileSync(file, "utf8"), renewed);
});

test("configKeys() all have a description and all are in config.example.yaml", async () => {
  const { parse } = await import("yaml");
  const values = parse(everything, { merge: true });
  for (const { path, description } of configKeys()) {
    assert.match(description, /^[A-Z`].*[.]$/, path);
    assert.ok(reach(values, path.split(/\.|(?=\[)/)), `${path} is missing in config.example.yaml`);
  }
});

/** True when some entry has the key; `<name>` and `[]` stand for any. */
function reach(value: unknown, [step, ...rest]: readonly string[]): boolean {
  if (step === undefined) return true;
  if (typeof value !== "object" || value === null) return false;
  if (step === "<name>" || step === "[]") return Object.values(value).some((each) => reach(each, rest));
  return Object.hasOwn(value, step) && reach((value as Record<string, unknown>)[step], rest);
}

test("loadConfig() accepts config.example.yaml as it stands, with one key in the environment", async () => {
  const result = await loadConfig({ text: example, path: "/etc/bifrost/config.yaml", environment, number: 1, now: 0 });
  assert.deepEqual(result.ok ? result.warnings : result.problems, []);
});

test("config.example.yaml says the defaults where it does not say example", async () => {
  const options = { path: "/etc/bifrost/config.yaml", environment, number: 1, now: 0 };
  const given = await loadConfig({ ...options, text: example });
  const usual = await loadConfig({ ...options, text: "providers: { openai: }" });
  assert.ok(given.ok && usual.ok);
  const { aliases: _a, fallbacks: _f, prices: _p, hash: _h, ...rest } = given.data;
  const { aliases: _b, fallbacks: _g, prices: _q, hash: _i, ...expected } = usual.data;
  assert.deepEqual(rest, expected);
});

test("loadConfig() accepts config.example.yaml with every setting in use", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "bifrost-example-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "ca.pem"), certificate);
  await mkdir(join(folder, "secrets"));
  await writeFile(join(folder, "secrets/ann"), "sk-a-virtual-key-of-ours-3");
  const account = { type: "service_account", client_email: "a@b", private_key: "k" };
  await writeFile(join(folder, "service-account.json"), JSON.stringify(account));
  const result = await loadConfig({
    text: everything,
    path: join(folder, "config.yaml"),
    environment,
    number: 1,
    now: 0,
  });
  assert.deepEqual(result.ok ? result.warnings : result.problems, []);
});

test("configJsonSchema() refuses unknown keys and carries descriptions and defaults", () => {
  const schema = configJsonSchema() as { additionalProperties: boolean; properties: Record<string, unknown> };
  assert.equal(schema.additionalProperties, false);
  assert.deepEqual(schema.properties["echo"], {
    type: "boolean",
    description: "Offer the built-in test models `echo/echo` (free) and `echo-paid/echo-paid` (priced).",
    default: true,
  });
});

test("schemaFingerprint names the schema as it is", () => {
  const now = createHash("sha256").update(JSON.stringify(configJsonSchema())).digest("hex").slice(0, 16);
  assert.equal(schemaFingerprint, now, "write the new one into daemon/config/settings.ts");
});
