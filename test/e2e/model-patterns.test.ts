/** Lists of models with regular expressions, in the file and through the admin API: who may call what. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import type { OwnerAnswer } from "../../daemon/admin/contract/owners.ts";
import { ask } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

const models = ["gpt-4o", "gpt-4o-mini", "o3"];
const fileKey = "sk-bf-of-the-file-0123456789";
const config = {
  server: { workers: 2 },
  ledger: patientLedger,
  providers: { a: { host: "echo", models, any_model: false }, b: { host: "echo", models, any_model: false } },
};
const declared = { teams: { file: { models: ["regex:a/.*"] } }, keys: { ci: { value: "env.CI_KEY", team: "file" } } };
let daemon: Daemon;
before(async () => {
  daemon = await startDaemon({ config, env: { CI_KEY: fileKey } });
});
after(() => daemon?.stop());

async function makeKey(body: object): Promise<string> {
  return (await daemon.admin<KeySecretAnswer>("POST", "/api/keys", body)).secret;
}

/** Those it may call, asked often enough that each worker had to say. */
async function callable(key: string): Promise<readonly string[]> {
  const names = ["a", "b"].flatMap((provider) => models.map((model) => `${provider}/${model}`));
  const answers = names.map(async (model) => {
    const said = await Promise.all(
      Array.from({ length: 8 }, async () => (await ask(daemon.url, { dialect: "chat", model, key })).status),
    );
    const [first] = said;
    assert.deepEqual(new Set(said), new Set([first]), `${model}: workers say different things`);
    assert.ok(first === 200 || first === 403, `${model}: ${first}`);
    return first === 200 ? [model] : [];
  });
  return (await Promise.all(answers)).flat();
}

test("a key made while the daemon runs may call what its expressions match", async () => {
  // The first expression that this daemon hears of: its workers read the key before any generation told them.
  const allowed = await makeKey({ name: "allowed", models: ["regex:gpt-4.*"] });
  assert.deepEqual(await callable(allowed), ["a/gpt-4o", "a/gpt-4o-mini", "b/gpt-4o", "b/gpt-4o-mini"]);
  const blocked = await makeKey({ name: "blocked", blocked: ["regex:b/.*", "regex:.*-MINI"] });
  assert.deepEqual(await callable(blocked), ["a/gpt-4o", "a/o3"]);
  const narrow = await makeKey({
    name: "narrow",
    providers: [{ provider: "b", weight: 1, models: ["regex:gpt.*"], blocked: ["regex:.*mini"] }],
  });
  assert.deepEqual(await callable(narrow), ["b/gpt-4o"]);
  const listed = await fetch(`${daemon.url}/v1/models`, { headers: { authorization: `Bearer ${narrow}` } });
  const { data } = (await listed.json()) as { data: readonly { id: string }[] };
  assert.deepEqual(
    data.map(({ id }) => id),
    ["b/gpt-4o"],
  );
});

test("an owner's expressions bind its keys, and a limit's count what they match", async () => {
  await daemon.admin<OwnerAnswer>("POST", "/api/governance/teams", { name: "t", blocked: ["regex:o\\d"] });
  const key = await makeKey({ name: "of-t", team: "t" });
  assert.deepEqual(
    (await callable(key)).filter((name) => name.endsWith("/o3")),
    [],
  );
  const limits = [{ metric: "requests", limit: 2, window_ms: 3_600_000 }];
  await daemon.admin("POST", "/api/governance/model-configs", { model: "regex:b/gpt-4o(-mini)?", team: "t", limits });
  const asked = await Promise.all(
    ["b/gpt-4o", "b/gpt-4o-mini", "b/gpt-4o", "a/gpt-4o"].map(async (model) => {
      const { status } = await ask(daemon.url, { dialect: "chat", model, key });
      return [model, status] as const;
    }),
  );
  assert.equal(asked.filter(([model, status]) => model.startsWith("b/") && status === 200).length, 2);
  assert.equal(asked.find(([model]) => model === "a/gpt-4o")?.[1], 200);
});

test("an expression that is none is refused, in the list where it stands", async () => {
  const { code, stderr } = await daemon.cli("keys", "create", "--name", "bad", "--blocked", "regex:gpt-(4");
  assert.notEqual(code, 0);
  assert.match(stderr, /"blocked": "regex:gpt-\(4" is not understood: missing closing \)/);
  const shown = await daemon.cli("keys", "show", "bad");
  assert.match(shown.stderr, /there is no key "bad"/);
});

test("expressions of the file and of the database hold after a restart and a reload", async () => {
  const allowed = await makeKey({ name: "later", models: ["regex:o3|gpt-4o"] });
  const before = await callable(allowed);
  assert.deepEqual(before, ["a/gpt-4o", "a/o3", "b/gpt-4o", "b/o3"]);
  await daemon.restart();
  assert.deepEqual(await callable(allowed), before);
  daemon.writeConfig({ ...config, governance: declared });
  await daemon.json("reload");
  assert.deepEqual(await callable(fileKey), ["a/gpt-4o", "a/gpt-4o-mini", "a/o3"]);
});
