/** Every fact that a rule may ask for, in a whole daemon: what `route test` says is what the data plane then does. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import type { RouteTestAnswer } from "../../daemon/admin/contract/routing.ts";
import { ask } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";

let upstream: FaultUpstream;
let daemon: Daemon;
const keys = new Map<string, { readonly secret: string; readonly id: string }>();

before(async () => {
  upstream = await startFaultUpstream();
  daemon = await startDaemon({ env: { UP: "secret" }, config: configWith([]) });
  const made = async (...words: string[]): Promise<void> => {
    const { code, stderr } = await daemon.cli(...words);
    assert.equal(code, 0, stderr);
  };
  await made("customers", "create", "--name", "acme");
  await made("teams", "create", "--name", "research", "--customer", "acme");
  await made("users", "create", "--name", "ann", "--team", "research");
  const make = async (name: string, ...more: string[]): Promise<void> => {
    const { key, secret } = await daemon.json<KeySecretAnswer>("keys", "create", "--name", name, ...more);
    keys.set(name, { secret, id: key.id });
  };
  await make("free");
  await make("ours", "--user", "ann");
  await make("spent", "--budget", "0.008/1d");
  await make("talked", "--limit", "tokens:100000/1d");
  await make("busy", "--limit", "requests:6/1d");
});
after(async () => {
  await daemon?.stop();
  await upstream?.stop();
});

type RuleWritten = { readonly name: string; readonly when?: string; readonly targets?: readonly string[] };

function configWith(rules: readonly (RuleWritten & Readonly<Record<string, unknown>>)[], more: object = {}): object {
  const up = { base_url: `${upstream.origin}/v1`, dialect: "openai-chat", api_key: "env.UP" };
  return {
    providers: { up, other: up },
    prices: { "up/*": { input: 1, output: 1_000 }, "other/*": { input: 1, output: 1 } },
    routing: { rules },
    ...more,
  };
}

type Case = {
  readonly when: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly stream?: boolean;
  readonly path?: string;
};

/** With what it asks for, and without: the rule must hold once and not the other time. */
const facts: Readonly<Record<string, readonly [holds: Case, not: Omit<Case, "when">]>> = {
  model: [{ when: 'model == "up/ok+facts"' }, { body: { model: "up/ok+else" } }],
  provider: [{ when: 'provider == "up"' }, { body: { model: "other/ok+facts" } }],
  request_type: [{ when: 'request_type == "chat"' }, { path: "/v1/completions", body: { prompt: "Hi" } }],
  stream: [{ when: "stream", stream: true }, {}],
  headers: [{ when: '"x-tier" in headers && headers["x-tier"] == "gold"', headers: { "X-Tier": "gold" } }, {}],
  params: [
    { when: "has(params.temperature) && params.temperature > 0.5", body: { temperature: 0.9 } },
    { body: { temperature: 0.1 } },
  ],
  key: [{ when: 'key == "free"', key: "free" }, { key: "ours" }],
  virtual_key_name: [{ when: 'virtual_key_name == "free"', key: "free" }, { key: "ours" }],
  user: [{ when: 'user == "ann"', key: "ours" }, { key: "free" }],
  team: [{ when: 'team == "research" && team_name == team', key: "ours" }, { key: "free" }],
  customer: [{ when: 'customer == "acme" && customer_name == customer', key: "ours" }, { key: "free" }],
  budget_used: [{ when: "budget_used > 80.0", key: "spent" }, { key: "talked" }],
  tokens_used: [{ when: "tokens_used > 0.0", key: "talked" }, { key: "busy" }],
  request: [{ when: "request >= 16.0", key: "busy" }, { key: "talked" }],
  tokens: [{ when: "tokens > 1000", body: { messages: [{ role: "user", content: "word ".repeat(2_000) }] } }, {}],
  max_tokens: [{ when: "max_tokens > 100", body: { max_tokens: 200 } }, { body: { max_tokens: 50 } }],
  has_tools: [
    { when: "has_tools", body: { tools: [{ type: "function", function: { name: "f", parameters: {} } }] } },
    {},
  ],
};

async function send({ key = "free", headers = {}, body = {}, stream = false, path }: Omit<Case, "when">) {
  const { secret } = keys.get(key)!;
  const whole = { max_tokens: 5, ...body };
  const model = String(body["model"] ?? "up/ok+facts");
  if (path === undefined) return ask(daemon.url, { dialect: "chat", model, key: secret, headers, body: whole, stream });
  const response = await fetch(`${daemon.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({ model, ...whole }),
  });
  return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
}

async function tested({ key = "free", headers, body = {}, stream, path }: Omit<Case, "when">) {
  const { model = "up/ok+facts", ...rest } = body;
  const messages = [{ role: "user", content: "Hello" }];
  return daemon.admin<RouteTestAnswer>("POST", "/api/route/test", {
    ...{ model, key, headers, stream, body: { messages, max_tokens: 5, ...rest } },
    ...(path === undefined ? {} : { request_type: "completions" }),
  });
}

/** In turn, so that what is used up by one case is known. */
for (const [name, [holds, not]] of Object.entries(facts))
  test(`R8 ${name} is what a rule sees of the data plane's request, and route test says the same`, async () => {
    daemon.writeConfig(configWith([{ name, when: holds.when, targets: ["other/ok+ruled"] }]));
    assert.equal((await daemon.cli("reload")).code, 0);
    // What is used is used by the time that the rule is asked.
    if (["spent", "talked", "busy"].includes(holds.key ?? "")) {
      const used = await send({ ...holds, body: { model: "up/ok+use", max_tokens: 1 } });
      assert.equal(used.status, 200, used.text);
    }
    for (const [each, expected] of [
      [holds, [name]],
      [not, []],
    ] as const) {
      const told = await tested(each);
      assert.deepEqual([told.error, told.rules], [null, expected], `${holds.when} for ${JSON.stringify(each)}`);
      const answer = await send(each);
      assert.equal(answer.status, 200, answer.text);
      const target = `${answer.headers["x-bifrost-provider"]}/${answer.headers["x-bifrost-resolved-model"]}`;
      assert.equal(target, told.chosen, `${holds.when} for ${JSON.stringify(each)}`);
      assert.equal(target === "other/ok+ruled", expected.length > 0);
    }
  });

test("R8 hour, weekday and now are the time of the request, and both planes agree on it", async () => {
  const at = new Date();
  // Two hours at a border: the test may run over one.
  const hours = [at.getUTCHours(), (at.getUTCHours() + 1) % 24].join();
  const days = [at.getUTCDay(), (at.getUTCDay() + 1) % 7].join();
  const when = `hour in [${hours}] && weekday in [${days}] && now > timestamp("${at.toISOString()}")`;
  daemon.writeConfig(configWith([{ name: "time", when, targets: ["other/ok+ruled"] }]));
  await daemon.cli("reload");
  assert.deepEqual((await tested({})).rules, ["time"]);
  assert.equal((await send({})).headers["x-bifrost-resolved-model"], "ok+ruled");
});

test("R8 key_id and virtual_key_id are the id that bifrost keys shows", async () => {
  const { id } = keys.get("free")!;
  const when = `key_id == "${id}" && virtual_key_id == key_id`;
  daemon.writeConfig(configWith([{ name: "by id", when, targets: ["other/ok+ruled"] }]));
  await daemon.cli("reload");
  assert.deepEqual([(await tested({})).rules, (await tested({ key: "ours" })).rules], [["by id"], []]);
  assert.equal((await send({})).headers["x-bifrost-resolved-model"], "ok+ruled");
});

test("R8 scopes are asked from the nearest, priorities within one, and chains go on with what was chosen", async () => {
  const to = (model: string) => [`other/ok+${model}`];
  const rules = [
    { name: "everybody", targets: to("everybody") },
    { name: "late", scope: "team:research", priority: 9, targets: to("late") },
    { name: "early", scope: "team:research", priority: 1, when: "stream", targets: to("early"), chain: true },
    { name: "by key", scope: "key:free", targets: to("key") },
    { name: "by customer", scope: "customer:acme", targets: to("customer") },
    { name: "by user", scope: "user:ann", when: 'model == "ok+early"', targets: to("user") },
  ];
  daemon.writeConfig(configWith(rules));
  await daemon.cli("reload");
  const cases = [
    [{ key: "free" }, ["by key"], "ok+key"],
    [{ key: "busy", body: { model: "up/ok+scopes" } }, ["everybody"], "ok+everybody"],
    [{ key: "ours" }, ["late"], "ok+late"],
    [{ key: "ours", stream: true }, ["early", "by user"], "ok+user"],
  ] as const;
  for (const [each, expected, model] of cases) {
    assert.deepEqual((await tested(each)).rules, expected, JSON.stringify(each));
    const answer = await send(each);
    assert.equal(answer.headers["x-bifrost-resolved-model"], model, `${JSON.stringify(each)} ${answer.text}`);
    const { decision } = await daemon.explained(answer.headers["x-request-id"]);
    assert.deepEqual(decision?.rules, expected);
  }
});
