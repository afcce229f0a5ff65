/** Names that nobody knows, in what is asked of keys, owners and limits: refused or warned of, with what may have been meant. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type CommandResult, type Daemon, startDaemon } from "../support/daemon.ts";

const config = {
  providers: {
    openai: { host: "echo", keys: [{ name: "main", value: "env.OPENAI_KEY" }] },
    azure: { host: "echo" },
  },
  groups: { smart: { targets: ["openai/gpt-4o", "azure/gpt-4o"] } },
};
let daemon: Daemon;
before(async () => {
  daemon = await startDaemon({ config, env: { OPENAI_KEY: "sk-test" } });
  await daemon.json("customers", "create", "--name", "acme");
  await daemon.json("teams", "create", "--name", "research", "--customer", "acme");
  await daemon.json("keys", "create", "--name", "ci", "--team", "research");
});
after(() => daemon?.stop());

const refusals: readonly (readonly [args: readonly string[], said: RegExp])[] = [
  [
    ["keys", "create", "--name", "x", "--provider", "opnai"],
    /no provider is called "opnai" \(did you mean "openai"\?\)/,
  ],
  [["keys", "update", "ci", "--provider", "azur:2"], /no provider is called "azur" \(did you mean "azure"\?\)/],
  [["keys", "create", "--name", "x", "--team", "reserch"], /no team "reserch" \(did you mean "research"\?\)/],
  [["keys", "create", "--name", "x", "--customer", "acne"], /no customer "acne" \(did you mean "acme"\?\)/],
  [["keys", "create", "--name", "x", "--user", "nobody"], /there is no user "nobody"\n/],
  [["teams", "create", "--name", "x", "--customer", "acne"], /no customer "acne" \(did you mean "acme"\?\)/],
  [["users", "create", "--name", "x", "--team", "reserch"], /no team "reserch" \(did you mean "research"\?\)/],
  [
    ["limits", "create", "--provider", "azzure", "--rpm", "5"],
    /no provider is called "azzure" \(did you mean "azure"\?\)/,
  ],
  [["limits", "create", "--key", "cii", "--rpm", "5"], /no key "cii"/],
  [["teams", "show", "resarch"], /no team "resarch" \(did you mean "research"\?\)/],
  [
    ["tokens", "create", "--name", "x", "--role", "viewer", "--team", "reserch"],
    /no team "reserch" \(did you mean "research"\?\)/,
  ],
];

for (const [args, said] of refusals)
  test(`${args.join(" ")} is refused, with what may have been meant`, async () => {
    const { code, stderr } = await daemon.cli(...args);
    assert.notEqual(code, 0, stderr);
    assert.match(stderr, said);
  });

test("a credential that the provider has not is refused", async () => {
  const providers = [{ provider: "openai", credentials: ["mian"] }];
  await assert.rejects(
    daemon.admin("POST", "/api/keys", { name: "x", providers }),
    /provider openai has no key of the name \\"mian\\" \(did you mean \\"main\\"\?\)/,
  );
});

const warnings: readonly (readonly [args: readonly string[], said: RegExp])[] = [
  [
    ["keys", "create", "--name", "w1", "--models", "opnai/gpt-4o"],
    /"models": "opnai\/gpt-4o" names no model.*"openai\/gpt-4o"/,
  ],
  [["keys", "create", "--name", "w2", "--models", "smart"], /"models": "smart" is a name of the config's own/],
  [["teams", "update", "research", "--blocked", "azur/*"], /"blocked": "azur\/\*" names no model.*"azure\/\*"/],
  [["limits", "create", "--model", "opnai/gpt-4*", "--rpm", "5"], /"model": "opnai\/gpt-4\*" names no model/],
];

for (const [args, said] of warnings)
  test(`${args.join(" ")} is done, with a warning`, async () => {
    const { code, stderr }: CommandResult = await daemon.cli(...args);
    assert.equal(code, 0, stderr);
    assert.match(stderr, said);
  });

test("what names models that there are is not warned of", async () => {
  const { stderr } = await daemon.cli("keys", "create", "--name", "w3", "--models", "openai/*,gpt-9,regex:azure/.*");
  assert.doesNotMatch(stderr, /warning/);
});

test("a key keeps a provider that has gone from the config", async () => {
  await daemon.json("keys", "create", "--name", "kept", "--provider", "azure:1");
  daemon.writeConfig({ providers: { openai: config.providers.openai } });
  await daemon.json("reload");
  const providers = [{ provider: "azure", weight: 3 }];
  await daemon.admin("PATCH", "/api/keys/kept", { providers });
  await assert.rejects(
    daemon.admin("PATCH", "/api/keys/kept", { providers: [{ provider: "groq" }] }),
    /called \\"groq\\"/,
  );
});

test("the file is warned of lists that name nothing, and refused credentials that are none", async () => {
  const governance = {
    teams: { a: { models: ["opnai/gpt-4o", "smart"], blocked: ["azur/*"] } },
    keys: { k: { value: "env.OPENAI_KEY", providers: { openai: { keys: ["mian"] } } } },
  };
  daemon.writeConfig({ ...config, governance });
  const { code, stdout, stderr } = await daemon.cli("config", "validate", daemon.configPath!);
  assert.notEqual(code, 0);
  const said = stdout + stderr;
  assert.match(said, /openai\.keys\[0\]: provider openai has no key of the name "mian" \(did you mean "main"\?\)/);
  assert.match(said, /models\[0\]: "opnai\/gpt-4o" names no model.*did you mean "openai\/gpt-4o"/);
  assert.match(said, /models\[1\]: "smart" is a name of the config's own/);
  assert.match(said, /blocked\[0\]: "azur\/\*" names no model.*did you mean "azure\/\*"/);
  daemon.writeConfig(config);
});
