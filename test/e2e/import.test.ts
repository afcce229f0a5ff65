/** Another gateway's config, imported by the command and served by a daemon. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { startDaemon } from "../support/daemon.ts";

type Seen = { readonly url: string | undefined; readonly authorization: string | undefined; readonly model: unknown };

const seen: Seen[] = [];
const upstream = createServer(async (request, response) => {
  const body = JSON.parse(await textOf(request)) as { model: unknown };
  seen.push({ url: request.url, authorization: request.headers.authorization, model: body.model });
  response.setHeader("content-type", "application/json");
  response.end(
    JSON.stringify({
      id: "c1",
      object: "chat.completion",
      model: body.model,
      choices: [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 1000, completion_tokens: 1000, total_tokens: 2000 },
    }),
  );
});
await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
const base = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`;
after(() => upstream.close());

const litellm = `model_list:
  - model_name: smart
    litellm_params:
      model: openai/big-model
      api_base: ${base}
      api_key: os.environ/CORP_KEY
      input_cost_per_token: 0.000001
      output_cost_per_token: 0.000002
general_settings:
  master_key: sk-master-4711
`;

test("bifrost import litellm writes a config that validates and serves", async () => {
  const env = { CORP_KEY: "sk-corp-upstream-secret" };
  const daemon = await startDaemon({ config: { echo: true }, env });
  const file = join(daemon.home, "litellm.yaml");
  const out = join(daemon.home, "imported.yaml");
  writeFileSync(file, litellm);
  const imported = await daemon.cli("import", "litellm", file, "--out", out);
  assert.equal(imported.code, 0, imported.stderr);
  assert.equal(imported.stdout, "");
  assert.match(imported.stderr, /kept, 3:\n {2}2: model_list\[0\]: smart is /);
  assert.match(imported.stderr, /approximated, 1:\n {2}10: general_settings\.master_key: /);
  assert.match(imported.stderr, /CORP_KEY: as in model_list\[0\]/);
  const again = await daemon.cli("import", "litellm", file, "--out", out);
  assert.deepEqual([again.code, /exists already/.test(again.stderr)], [2, true]);
  const valid = await daemon.cli("config", "validate", out);
  assert.equal(valid.code, 0, valid.stdout + valid.stderr);

  daemon.writeConfig(readFileSync(out, "utf8"));
  const reloaded = await daemon.cli("reload");
  assert.equal(reloaded.code, 0, reloaded.stderr);
  const key = await daemon.createKey({ name: "app", budget: "1/1d" });
  const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "smart", max_tokens: 1000, messages: [{ role: "user", content: "Hello" }] }),
  });
  assert.equal(answer.status, 200, await answer.text());
  assert.equal(answer.headers.get("x-bifrost-cost-usd"), "0.003");
  assert.deepEqual(seen.at(-1), {
    url: "/v1/chat/completions",
    authorization: "Bearer sk-corp-upstream-secret",
    model: "big-model",
  });
  await daemon.stop();
});

test("bifrost import litellm ends with 6 where a security setting is dropped, and tells it as JSON", async () => {
  const daemon = await startDaemon({ config: { echo: true } });
  const file = join(daemon.home, "litellm.yaml");
  writeFileSync(file, `${litellm}  allowed_ips: [10.0.0.1]\n`);
  const imported = await daemon.cli("import", "litellm", file);
  assert.equal(imported.code, 6);
  assert.match(imported.stdout, /^# Made of LiteLLM's config/);
  assert.match(imported.stderr, /11: general_settings\.allowed_ips: .*\(security\)/);
  const { code, stdout } = await daemon.cli("import", "litellm", file, "--json");
  const told = JSON.parse(stdout) as { report: { security: boolean; line: number }[] };
  assert.deepEqual([code, told.report.filter(({ security }) => security).map(({ line }) => line)], [6, [11]]);
  const missing = await daemon.cli(
    "import",
    "litellm",
    join(daemon.home, "none.yaml"),
    "--out",
    join(daemon.home, "x"),
  );
  assert.equal(missing.code, 3);
  assert.match(missing.stderr, /^error: cannot read \S+none\.yaml: there is no such file or folder\n$/);
  assert.equal(existsSync(join(daemon.home, "x")), false);
  await daemon.stop();
});

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of request) text += String(part);
  return text;
}
