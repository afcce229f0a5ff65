/** What a config says of secrets stays out of all that is kept and told of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./loading.ts";

const secret = "sk-live-0123456789abcdef";

test("loadConfig() never says a secret, and keeps none in the source", async () => {
  const text = `# old: sk-proj-abcdefghijklmnopqrstuvwx
providers:
  openai: { api_key: ${secret} } # ${secret}
  claude:
    host: anthropic
    keys:
      - value: |
          ${secret}2
      - value: "${secret}3"
  box: { base_url: http://x/v1, proxy: "http://u:${secret}@proxy:1", headers: { Authorization: "Bearer ${secret}4", X-Team: a } }
`;
  const result = await load(text.replace("|\n", "|-\n"));
  assert.ok(result.ok);
  assert.equal(result.data.providers[1]?.credentials[0]?.value, `${secret}2`);
  assert.deepEqual(
    result.warnings.map(({ path }) => path),
    [
      "providers.openai.api_key",
      "providers.claude.keys[0].value",
      "providers.claude.keys[1].value",
      "providers.box.proxy",
      "providers.box.headers.Authorization",
    ],
  );
  assert.equal(
    result.source,
    `# old: redacted.literal
providers:
  openai: { api_key: redacted.literal } # redacted.literal
  claude:
    host: anthropic
    keys:
      - value: redacted.literal
      - value: redacted.literal
  box: { base_url: http://x/v1, proxy: redacted.literal, headers: { Authorization: redacted.literal, X-Team: a } }
`,
  );
  assert.equal(result.file, undefined);
  const broken = await load(text.replace("host: anthropic", "host: anthropc\n    dialect: [").replace("# old", "old"));
  assert.ok(!broken.ok && broken.problems.length > 0);
  assert.ok(!JSON.stringify(broken).includes(secret.slice(0, 12)));
});

test("loadConfig() keeps a resolved secret out of the source wherever it was copied to", async () => {
  const text = "# correct horse battery\nproviders: { openai: }\naliases: { horse: openai/correct-horse }\n";
  const result = await load(text, { environment: { OPENAI_API_KEY: "correct horse battery" } });
  assert.equal(result.ok && result.source, text.replace("correct horse battery", "redacted.literal"));
});

test("loadConfig() resolves a reference that stands after the scheme of an Authorization header", async () => {
  const text = "providers: { a: { base_url: http://a/v1, headers: { Authorization: Bearer env.OPENAI_API_KEY } } }\n";
  const result = await load(text);
  assert.deepEqual(result.ok && [result.data.providers[0]?.headers, result.warnings, result.source], [
    { authorization: "Bearer sk-from-the-environment" },
    [],
    text,
  ]);
});
