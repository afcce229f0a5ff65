/** The tree of owners, and limits across it, through a real daemon: who draws on what, and who is refused by whom. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import type { OwnerAnswer, WalletAnswer } from "../../daemon/admin/contract/owners.ts";
import { type Answer, ask } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { readExposition } from "../support/exposition.ts";
import { outcome } from "../support/outcome.ts";
import { scrape } from "../support/scrape.ts";

let daemon: Daemon;
before(async () => {
  daemon = await startDaemon({
    config: {
      server: { workers: 2 },
      ledger: { ...patientLedger, hold_input: "bytes" },
      prices: { "echo-paid/*": { input: 10, output: 50 } },
    },
  });
});
after(() => daemon?.stop());

const forever = { kind: "forever" } as const;
const minuteMs = 60_000;

async function make(kind: string, body: object): Promise<OwnerAnswer["owner"]> {
  return (await daemon.admin<OwnerAnswer>("POST", `/api/governance/${kind}`, body)).owner;
}

async function makeKey(body: object): Promise<string> {
  return (await daemon.admin<KeySecretAnswer>("POST", "/api/keys", body)).secret;
}

const show = async (kind: string, name: string) =>
  (await daemon.admin<OwnerAnswer>("GET", `/api/governance/${kind}/${name}`)).owner;

function call(key: string, model = "echo-paid", words = 20): Promise<Answer> {
  return ask(daemon.url, { dialect: "chat", model, key, prompt: `#echo words=${words}`, maxTokens: words });
}

const refusalOf = (answer: Answer) => outcome("chat", answer).error?.message ?? "";

describe("owners", { concurrency: false }, () => {
  test("admit() charges a key's call to its user, its team and its customer", async () => {
    const budgets = [{ limit_nano: 1_000_000_000, window: forever }];
    await make("customers", { name: "acme", budgets });
    await make("teams", { name: "research", customer: "acme", budgets });
    await make("users", { name: "ann", team: "research", budgets });
    const key = await makeKey({ name: "ann-ci", user: "ann", budgets });
    assert.equal((await call(key)).status, 200);
    await daemon.settled();
    const [owners, { key: own }] = await Promise.all([
      Promise.all([show("customers", "acme"), show("teams", "research"), show("users", "ann")]),
      daemon.admin<KeySecretAnswer>("GET", "/api/keys/ann-ci"),
    ]);
    const spent = own.budgets[0]!.spent_nano!;
    assert.ok(spent > 0);
    assert.deepEqual(
      owners.map(({ budgets: [budget] }) => [budget?.spent_nano, budget?.held_nano]),
      [spent, spent, spent].map((nano) => [nano, 0]),
    );
    assert.deepEqual(own.parent, { kind: "user", id: owners[2]!.id, name: "ann" });
  });

  test("A2 admit() lets 200 parallel calls of four keys spend no more than the $0.05 their team has", async () => {
    await make("teams", { name: "small", budgets: [{ limit_nano: 50_000_000, window: forever }] });
    const keys = await Promise.all([1, 2, 3, 4].map((number) => makeKey({ name: `small-${number}`, team: "small" })));
    const prompt = "#echo words=20 delay=200ms";
    const wave = () =>
      Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          ask(daemon.url, { dialect: "chat", model: "echo-paid", key: keys[index % 4], prompt, maxTokens: 20 }),
        ),
      );
    const refused = (await wave()).filter(({ status }) => status === 402);
    assert.ok(refused.length > 0);
    assert.match(refusalOf(refused[0]!), /team "small"/);
    await wave();
    await daemon.settled();
    const { budgets } = await show("teams", "small");
    assert.ok(budgets[0]!.spent_nano! <= 50_000_000 && budgets[0]!.spent_nano! > 25_000_000, JSON.stringify(budgets));
  });

  test("A2 admit() holds a provider's calls to its own budget, whoever makes them", async () => {
    await make("providers", { provider: "echo-paid", budgets: [{ limit_nano: 0, window: forever }] });
    const key = await makeKey({ name: "free-rider" });
    const answer = await call(key);
    assert.equal(answer.status, 402);
    assert.match(refusalOf(answer), /provider limit "echo-paid\/\*"/);
    assert.equal((await call(key, "echo")).status, 200);
    await daemon.admin("DELETE", "/api/governance/providers/echo-paid%2F*");
    assert.equal((await call(key)).status, 200, "a limit that is gone limits nobody");
  });

  test("find() counts a model limit for its owner's keys only", async () => {
    await make("teams", { name: "limited" });
    await make("model-configs", {
      model: "echo*",
      team: "limited",
      limits: [{ metric: "requests", limit: 1, window_ms: minuteMs }],
    });
    const [inside, outside] = [await makeKey({ name: "in", team: "limited" }), await makeKey({ name: "out" })];
    assert.deepEqual([(await call(inside, "echo")).status, (await call(inside, "echo")).status], [200, 429]);
    assert.deepEqual([(await call(outside, "echo")).status, (await call(outside, "echo")).status], [200, 200]);
  });

  test("find() allows what key, provider and every owner allow, and blocks what any blocks", async () => {
    await make("customers", { name: "strict", blocked: ["echo-paid/*"] });
    await make("teams", { name: "lab", customer: "strict" });
    const key = await makeKey({ name: "lab-key", team: "lab" });
    assert.deepEqual([(await call(key, "echo")).status, (await call(key)).status], [200, 403]);
    const nothing = await makeKey({ name: "no-provider", providers: [] });
    assert.equal((await call(nothing, "echo")).status, 403);
    const one = await makeKey({ name: "one-provider", providers: [{ provider: "echo", models: ["*"] }] });
    assert.deepEqual([(await call(one, "echo")).status, (await call(one)).status], [200, 403]);
    const blocking = await makeKey({ name: "blocking", blocked: ["echo"] });
    assert.deepEqual([(await call(blocking, "echo")).status, (await call(blocking)).status], [403, 200]);
    await daemon.admin("PATCH", "/api/governance/customers/strict", { blocked: null });
    assert.equal((await call(key)).status, 200);
  });

  test("A17 find() refuses every key of a team from the moment it is disabled", async () => {
    await make("teams", { name: "off" });
    const key = await makeKey({ name: "off-key", team: "off" });
    assert.equal((await call(key, "echo")).status, 200);
    await daemon.admin("PATCH", "/api/governance/teams/off", { disabled: true });
    const answer = await call(key, "echo");
    assert.equal(answer.status, 401);
    assert.match(refusalOf(answer), /team "off" is disabled/);
    await daemon.admin("PATCH", "/api/governance/teams/off", { disabled: false });
    assert.equal((await call(key, "echo")).status, 200);
  });

  test("admit() draws a provider config's own budget before the key's", async () => {
    const key = await makeKey({
      name: "configured",
      providers: [{ provider: "echo-paid", budgets: [{ limit_nano: 0, window: forever }] }, { provider: "echo" }],
    });
    const answer = await call(key);
    assert.equal(answer.status, 402);
    assert.match(refusalOf(answer), /provider config "configured\/echo-paid"/);
    assert.equal((await call(key, "echo")).status, 200);
  });

  test("moveScope() makes the keys of a team that moved draw on its new customer", async () => {
    await make("customers", { name: "broke", budgets: [{ limit_nano: 0, window: forever }] });
    await make("teams", { name: "mover" });
    const key = await makeKey({ name: "mover-key", team: "mover" });
    assert.equal((await call(key)).status, 200);
    await daemon.admin("PATCH", "/api/governance/teams/mover", { customer: "broke" });
    const answer = await call(key);
    assert.equal(answer.status, 402);
    assert.match(refusalOf(answer), /customer "broke"/);
    await daemon.admin("PATCH", "/api/governance/teams/mover", { customer: null });
    assert.equal((await call(key)).status, 200);
  });

  test("admit() refuses by how fast a key spends", async () => {
    const limits = [{ metric: "spend", limit: 4_000_000, window_ms: minuteMs }];
    const key = await makeKey({ name: "fast", limits });
    const statuses = [];
    for (let number = 0; number < 4; number += 1) statuses.push((await call(key)).status);
    assert.equal(statuses[0], 200);
    assert.equal(statuses.at(-1), 429);
    assert.match(refusalOf(await call(key)), /\$0\.004/);
  });

  test("admit() only counts what a shadow limit would have refused", async () => {
    const budgets = [{ limit_nano: 0, window: forever, shadow: true }];
    const limits = [{ metric: "requests", limit: 1, window_ms: minuteMs, shadow: true }];
    const key = await makeKey({ name: "watched", budgets, limits });
    for (let number = 0; number < 3; number += 1) assert.equal((await call(key)).status, 200);
    const { key: seen } = await daemon.admin<KeySecretAnswer>("GET", "/api/keys/watched");
    assert.equal(seen.budgets[0]?.would_have_refused, 3);
    assert.equal(seen.limits[0]?.would_have_refused, 2);
    const { value } = readExposition((await scrape(daemon)).text);
    const counted = (limit: string) => value("bifrost_shadow_refusals_total", { kind: "key", name: "watched", limit });
    assert.deepEqual([counted("budget 0"), counted("requests per 60s")], [3, 2]);
  });

  test("A11 top_up opens a wallet's owner at once, and an override a budget's", async () => {
    await make("teams", { name: "prepaid" });
    const key = await makeKey({ name: "prepaid-key", team: "prepaid" });
    await daemon.admin("POST", "/api/governance/teams/prepaid/wallet", { amount_nano: 0 });
    assert.equal((await call(key)).status, 402);
    await daemon.admin("POST", "/api/governance/teams/prepaid/wallet", { amount_nano: 5_000_000, note: "invoice 7" });
    assert.equal((await call(key)).status, 200);
    await daemon.settled();
    const wallet = await daemon.admin<WalletAnswer>("GET", "/api/governance/teams/prepaid/wallet");
    assert.equal(wallet.left_nano, 5_000_000 - wallet.spent_nano!);
    assert.deepEqual(
      wallet.entries.map(({ amount_nano, note }) => [amount_nano, note]),
      [
        [5_000_000, "invoice 7"],
        [0, ""],
      ],
    );

    const budgets = [{ limit_nano: 0, window: { kind: "rolling", length_ms: 3_600_000 } }];
    const bounded = await makeKey({ name: "bounded", budgets });
    assert.equal((await call(bounded)).status, 402);
    const path = "/api/keys/bounded/budgets/0/override";
    await daemon.admin("PUT", path, { extra_nano: 900_000_000, mode: "cycles", cycles: 1 });
    assert.equal((await call(bounded)).status, 200);
    await daemon.admin("DELETE", path);
    assert.equal((await call(bounded)).status, 402);
  });

  test("A19 limitHeaders() tell what is left, and retry-after-ms when the next is admitted", async () => {
    const limits = [
      { metric: "requests", limit: 2, window_ms: minuteMs },
      { metric: "tokens", limit: 10_000, window_ms: minuteMs },
    ];
    const key = await makeKey({ name: "headed", limits });
    const answers = [await call(key, "echo"), await call(key, "echo"), await call(key, "echo")];
    assert.deepEqual(
      answers.map(({ status, headers }) => [status, headers["x-ratelimit-remaining-requests"]]),
      [
        [200, "1"],
        [200, "0"],
        [429, "0"],
      ],
    );
    const { headers } = answers[2]!;
    assert.equal(headers["x-ratelimit-limit-requests"], "2");
    assert.equal(headers["x-ratelimit-limit-tokens"], "10000");
    const wait = Number(headers["retry-after-ms"]);
    assert.ok(wait > 0 && wait <= minuteMs);
    assert.equal(headers["retry-after"], String(Math.ceil(wait / 1_000)));
    const streamed = await ask(daemon.url, { dialect: "chat", model: "echo", key, stream: true });
    assert.equal(streamed.headers["x-ratelimit-remaining-requests"], "0");
  });

  test("describeOwnKey() tells a key's holder its limits, its owners' too, and nobody else anything", async () => {
    const trial = { limit_nano: 1, window: { kind: "rolling", length_ms: minuteMs }, shadow: true };
    await make("teams", { name: "seen", budgets: [{ limit_nano: 2_000_000_000, window: forever }, trial] });
    const limits = [{ metric: "requests", limit: 5, window_ms: minuteMs }];
    const key = await makeKey({ name: "seer", team: "seen", limits });
    assert.equal((await call(key)).status, 200);
    await daemon.settled();
    const tell = (secret: string) => fetch(`${daemon.url}/v1/key`, { headers: { authorization: `Bearer ${secret}` } });
    const { data, scopes } = (await (await tell(key)).json()) as {
      data: { limit: number; usage: number; limit_remaining: number };
      scopes: { scope: string; limits: { used: number; remaining: number }[] }[];
    };
    assert.deepEqual(
      scopes.map(({ scope }) => scope),
      ['key "seer"', 'team "seen"'],
    );
    assert.equal(data.limit, 2, "a trial bounds nothing");
    assert.ok(data.usage > 0 && Math.abs(data.limit_remaining + data.usage - 2) < 1e-9);
    assert.deepEqual([scopes[0]?.limits[0]?.used, scopes[0]?.limits[0]?.remaining], [1, 4]);
    assert.equal((await tell("sk-bf-nobody")).status, 401);
  });

  test("describeOwnKey() tells what binds a key besides: models, providers, limits of its own team, ends and resets", async () => {
    await make("teams", { name: "bound", blocked: ["echo-paid/dear"] });
    const limits = [{ metric: "requests", limit: 9, window_ms: minuteMs }];
    await make("model-configs", { model: "echo-paid/m", team: "bound", limits });
    await make("model-configs", { model: "echo-paid/m", name: "for everybody", limits });
    const expiresAtMs = Date.now() + 90_000_000;
    const key = await makeKey({
      ...{ name: "bound-key", team: "bound", expires_at_ms: expiresAtMs, blocked: ["echo-paid/z"], limits },
      providers: [
        { provider: "echo-paid", models: ["echo-paid/*"], budgets: [{ limit_nano: 3_000_000_000, window: forever }] },
      ],
    });
    const beforeMs = Date.now();
    assert.equal((await call(key, "echo-paid/m")).status, 200);
    const answer = await fetch(`${daemon.url}/v1/key`, { headers: { authorization: `Bearer ${key}` } });
    const { data, scopes } = (await answer.json()) as {
      data: Record<string, unknown> & {
        providers: { provider: string; models: string[]; budgets: { limit: number }[] }[];
      };
      scopes: { scope: string; blocked: string[]; limits: { used: number; resets_at: string }[] }[];
    };
    assert.deepEqual([data["blocked"], data["expires_at"]], [["echo-paid/z"], new Date(expiresAtMs).toISOString()]);
    assert.deepEqual(
      data.providers.map(({ provider, models, budgets }) => [provider, models, budgets[0]?.limit]),
      [["echo-paid", ["echo-paid/*"], 3]],
    );
    assert.deepEqual(
      scopes.map(({ scope, blocked, limits: [limit] }) => [scope, blocked, limit?.used]),
      [
        ['key "bound-key"', [], 1],
        ['team "bound"', ["echo-paid/dear"], undefined],
        ['model limit "*/echo-paid/m for team bound"', [], 1],
      ],
    );
    const resetsAtMs = Date.parse(scopes[0]!.limits[0]!.resets_at);
    assert.ok(
      resetsAtMs >= beforeMs + minuteMs && resetsAtMs <= Date.now() + minuteMs,
      new Date(resetsAtMs).toISOString(),
    );
  });

  test("update() changes only the version that If-Match names", async () => {
    const { etag } = await make("teams", { name: "versioned" });
    await daemon.admin("PATCH", "/api/governance/teams/versioned", { description: "one" });
    const { description, etag: next } = await show("teams", "versioned");
    assert.equal(description, "one");
    assert.notEqual(next, etag);
  });

  test("everything is as it was after a restart, and the ledger adds up", async () => {
    const before = await show("teams", "small");
    await daemon.restart();
    assert.deepEqual(await show("teams", "small"), before);
    await daemon.settled();
    const key = await makeKey({ name: "after", team: "off" });
    await daemon.admin("PATCH", "/api/governance/teams/off", { disabled: true });
    assert.equal((await call(key, "echo")).status, 401);
  });
});

test("create() refuses a limit that limits nothing, and says what to give", async () => {
  for (const [kind, body] of [
    ["model-configs", { model: "gpt-5" }],
    ["providers", { provider: "echo", budgets: [], limits: [] }],
  ] as const) {
    const answer = daemon.admin("POST", `/api/governance/${kind}`, { name: "empty", ...body });
    await assert.rejects(answer, /a limit needs a number: give budgets, limits or concurrency_max/);
  }
});
