/** What importers keep of protections and prices, and what they refuse to pass over. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { loadConfig } from "../../../daemon/config/load.ts";
import { accepted } from "../../../daemon/import/accept.ts";
import { importBifrost } from "../../../daemon/import/bifrost.ts";
import type { Imported } from "../../../daemon/import/foreign.ts";
import { importLitellm } from "../../../daemon/import/litellm.ts";
import { importPortkey } from "../../../daemon/import/portkey.ts";

const key = (more: object) => ({ name: "k", value: "env.K", models: ["*"], ...more });
const virtualKey = { name: "ci", value: "env.CI", provider_configs: [{ provider: "openai", allowed_models: ["*"] }] };
const read = (config: object) => importBifrost(JSON.stringify(config, null, 2));
const linesOf = ({ report }: Imported, part: string) =>
  report.filter(({ setting }) => setting.includes(part)).map(({ outcome, security }) => [outcome, security]);

async function assertLoads({ config: text, variables }: Imported): Promise<void> {
  const environment = Object.fromEntries(variables.map(({ name }) => [name, `secret-of-the-test-${name}`]));
  const loaded = await loadConfig({ text, path: "/etc/config.yaml", environment, number: 1 });
  assert.deepEqual(loaded.ok ? [] : loaded.problems, [], text);
}

test("importBifrost() blocks for each virtual key what no key of a provider may serve", async () => {
  const keys = [key({ blacklisted_models: ["o1", "o3"] }), key({ name: "l", blacklisted_models: ["o1"] })];
  const imported = read({ providers: { openai: { keys } }, governance: { virtual_keys: [virtualKey] } });
  assert.deepEqual(parse(imported.config).governance.keys.ci.blocked, ["openai/o1"]);
  assert.deepEqual(linesOf(imported, "keys[0].blacklisted_models"), [
    ["dropped", true],
    ["approximated", false],
  ]);
  assert.deepEqual(linesOf(imported, "keys[1].blacklisted_models"), [["approximated", false]]);
  await assertLoads(imported);
  const without = read({ providers: { openai: { keys: [keys[1]] } } });
  assert.deepEqual(linesOf(without, "blacklisted_models"), [["dropped", true]], "there is nobody to block it for");
});

test("importBifrost() keeps prices of a model and of all of a provider's", async () => {
  const price = (more: object) => ({ match_type: "exact", request_types: ["chat_completion"], ...more });
  const imported = read({
    providers: { openai: { keys: [key({})] }, groq: { keys: [key({})] } },
    governance: {
      pricing_overrides: [
        price({
          ...{ scope_kind: "provider", provider_id: "openai", pattern: "gpt-4o" },
          pricing_patch: '{"input_cost_per_token":0.0000025,"output_cost_per_token":0.00001,"ocr_cost_per_page":1}',
        }),
        price({ scope_kind: "global", pattern: "llama", patch: { input_cost_per_token: 1e-7 } }),
        price({
          scope_kind: "provider",
          provider_id: "groq",
          match_type: "wildcard",
          pattern: "*",
          patch: { cost_per_request: 0.5 },
        }),
        price({ scope_kind: "virtual_key", virtual_key_id: "v", pattern: "x", patch: { input_cost_per_token: 1 } }),
        price({ scope_kind: "provider", provider_id: "groq", match_type: "wildcard", pattern: "q*", patch: {} }),
        price({ scope_kind: "provider", provider_id: "nobody", pattern: "x", patch: {} }),
        price({ scope_kind: "provider", provider_id: "groq", pattern: "y", pricing_patch: "{" }),
      ],
    },
  });
  assert.deepEqual(parse(imported.config).prices, {
    "openai/gpt-4o": { input: 2.5, output: 10 },
    "openai/llama": { input: 0.1 },
    "groq/llama": { input: 0.1 },
    "groq/*": { request: 0.5 },
  });
  const dropped = imported.report.filter(({ outcome }) => outcome === "dropped").map(({ message }) => message);
  assert.deepEqual(dropped, [
    "ocr_cost_per_page: write it under prices",
    "a price is for everybody here, not for one key or user",
    "a price is of one model, or of all of a provider's",
    'no provider is called "nobody"',
    "has no price that can be read",
  ]);
  await assertLoads(imported);
});

test("importBifrost() asks for the header that requests must have, where it is one", async () => {
  const one = read({ providers: {}, client: { required_headers: ["X-Tenant"] } });
  assert.deepEqual(parse(one.config).governance.tags, { header: "x-tenant", required: true });
  assert.deepEqual(linesOf(one, "required_headers"), [["approximated", false]]);
  await assertLoads(one);
  for (const required_headers of [["x-a", "x-b"], ["x a"]]) {
    const lost = read({ providers: {}, client: { required_headers } });
    assert.deepEqual(linesOf(lost, "required_headers"), [["dropped", true]]);
    assert.equal(parse(lost.config).governance, undefined);
  }
});

test("importers refuse a section that is something else, and a config of which nothing is left", () => {
  const litellm = (text: string) => importLitellm(text, {});
  for (const [run, text, says] of [
    [importPortkey, '{"targets":5}', /^line 1, column 2: "targets" must be a list$/],
    [importPortkey, '{\n"config":{"targets":{}}}', /^line 2, column 11: "config.targets" must be a list$/],
    [importPortkey, '{"strategy":[],"targets":[]}', /"strategy" must be settings by name$/],
    [importPortkey, '{"targets":[]}', /^no target of it can be kept: line 1/],
    [importPortkey, '{"targets":[{"provider":"nowhere"}]}', /^no target of it can be kept: line 1, targets\[0\]: /],
    [litellm, "model_list: 5", /^line 1, column 1: "model_list" must be a list$/],
    [
      litellm,
      "model_list: []\ngeneral_settings: [a]",
      /^line 2, column 1: "general_settings" must be settings by name$/,
    ],
    [importBifrost, '{"providers":[]}', /"providers" must be settings by name$/],
    [importBifrost, '{"providers":{},"governance":"x"}', /"governance" must be settings by name$/],
  ] as const)
    assert.throws(
      () => run(text),
      (error: Error) => error.constructor === Error && says.test(error.message),
      text,
    );
});

test("accepted() leaves out what the config would refuse, says so, and takes a limit that goes for a protection", async () => {
  const made = (config: string): Imported => ({ config, report: [], variables: [] });
  const sound = made("# Made of it.\nproviders:\n  groq:\n    api_key: env.PATH\n");
  assert.equal(await accepted(sound), sound);
  const odd = await accepted(
    made(`# Made of it.
providers:
  own: { base_url: nonsense }
  groq: { base_url: "https://groq.example/v1", api_key: none, headers: { x-a: "b\\nc", x-d: e } }
groups:
  a: { targets: [own/x, groq/y] }
routing: { strategy: best, retries: { max: 2 } }
governance:
  customers: { acme: { budgets: [1e+300/1d, 5/1d] } }
`),
  );
  assert.match(odd.config, /^# Made of it\.\n/);
  const { providers, groups, routing, governance } = parse(odd.config);
  assert.deepEqual(Object.keys(providers), ["groq"]);
  assert.deepEqual(providers.groq.headers, { "x-d": "e" });
  assert.deepEqual([groups.a.targets, routing], [["groq/y"], { retries: { max: 2 } }]);
  assert.deepEqual(governance.customers.acme.budgets, ["5/1d"]);
  const told = odd.report.map(
    ({ outcome, setting, security }) => `${outcome} ${setting}${security ? " (security)" : ""}`,
  );
  assert.ok(told.includes("dropped governance.customers.acme.budgets[0] (security)"), told.join("\n"));
  assert.ok(told.includes("dropped routing.strategy"), told.join("\n"));
  await assertLoads(odd);
});
