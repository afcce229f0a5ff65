/** Routing rules and prices of the database, beside those of the config file: through a running daemon, and without one. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { AdminAddress } from "../../daemon/admin/contract/calling.ts";
import type {
  PriceRuleAnswer,
  PriceRulesAnswer,
  RouteTestAnswer,
  RuleAnswer,
  RulesAnswer,
} from "../../daemon/admin/contract/routing.ts";
import { ask, send as raw } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

const rules = [{ name: "of the file", when: "model == 'a/file'", targets: ["a/x"], priority: 9 }];
const config = {
  server: { workers: 2 },
  ledger: patientLedger,
  providers: { a: { host: "echo" }, b: { host: "echo" } },
  prices: { "echo-paid/*": { input: 10, output: 50 } },
  routing: { rules },
};
let daemon: Daemon;
let key: string;
before(async () => {
  daemon = await startDaemon({ config });
  key = await daemon.createKey({ name: "ci" });
});
after(() => daemon?.stop());

const chosen = async (model: string) =>
  (await daemon.admin<RouteTestAnswer>("POST", "/api/route/test", { model })).chosen;
const make = async (body: object) => (await daemon.admin<RuleAnswer>("POST", "/api/routing/rules", body)).rule;

test("a rule that was made is in force for every worker when the answer comes, and gone when it is removed", async () => {
  assert.equal(await chosen("a/x"), "a/x");
  const rule = await make({ name: "away", when: "model == 'a/x'", targets: [{ target: "b/y" }] });
  assert.deepEqual([rule.source, rule.fault, rule.scope, rule.targets[0]?.target], ["database", null, "global", "b/y"]);
  const asked = await Promise.all(
    Array.from({ length: 16 }, () => ask(daemon.url, { dialect: "chat", model: "a/x", key, prompt: "hi" })),
  );
  assert.deepEqual(new Set(asked.map(({ status }) => status)), new Set([200]));
  const rows = await daemon.rows("a/x", 16);
  assert.deepEqual(new Set(rows.map(({ target }) => target)), new Set(["b/y"]));
  const { rule: shown } = await daemon.admin<RuleAnswer>("GET", "/api/routing/rules/away");
  assert.equal(shown.held, 16);
  await daemon.admin("PATCH", `/api/routing/rules/${rule.id}`, { enabled: false });
  assert.equal(await chosen("a/x"), "a/x");
  await daemon.admin("PUT", "/api/governance/routing-rules/away", { enabled: true, targets: ["b/z"] });
  assert.equal(await chosen("a/x"), "b/z");
  await daemon.admin("DELETE", "/api/routing/rules/away");
  assert.equal(await chosen("a/x"), "a/x");
});

test("a rule outlives a restart; the file's is shown beside it and is the file's", async () => {
  await daemon.json(
    "rules",
    "create",
    "--name",
    "kept",
    "--when",
    "model == 'a/kept'",
    "--target",
    "b/k=2",
    "--priority",
    "3",
  );
  await daemon.restart();
  assert.equal(await chosen("a/kept"), "b/k");
  const { rules: all, total_count } = await daemon.admin<RulesAnswer>("GET", "/api/routing/rules?sort_by=priority");
  assert.deepEqual(
    all.map(({ name, source }) => [name, source]),
    [
      ["kept", "database"],
      ["of the file", "file"],
    ],
  );
  assert.equal(total_count, 2);
  const paged = await daemon.admin<RulesAnswer>("GET", "/api/routing/rules?sort_by=name&order=desc&limit=1&offset=1");
  assert.deepEqual([paged.rules[0]?.name, paged.count, paged.total_count, paged.offset], ["kept", 1, 2, 1]);
  const listed = await daemon.cli("rules", "list");
  assert.match(listed.stdout, /of the file\s+file/);
  assert.match((await daemon.cli("rules", "show", "of the file")).stdout, /owner\s+the config file/);
  const refused = await daemon.cli("rules", "update", "of the file", "--disable");
  assert.match(refused.stderr, /declared in the config file/);
});

const wrong: readonly (readonly [body: object, said: RegExp])[] = [
  [{ name: "w", when: "modl == 'x'", targets: ["a/x"] }, /"when".*modl/],
  [{ name: "w", when: "model", targets: ["a/x"] }, /a condition is true or false/],
  [{ name: "w", targets: ["c/x"] }, /"targets\[0\]": no provider is called \\"c\\"/],
  [{ name: "w" }, /decides nothing/],
  [{ name: "w", targets: ["a/x"], scope: "group:x" }, /"scope.*expected global, key:NAME/],
  [{ name: "w", targets: ["a/x"], surprise: 1 }, /unknown field \\"surprise\\"/],
  [{ name: "of the file", targets: ["a/x"] }, /already in the config file/],
];
for (const [body, said] of wrong)
  test(`a rule that is not sound is refused: ${said}`, async () => {
    await assert.rejects(daemon.admin("POST", "/api/routing/rules", body), (error) => {
      assert.match(String(error).replaceAll('\\"', '"'), new RegExp(said.source.replaceAll('\\\\"', '"')));
      return true;
    });
    assert.equal(await chosen("a/x"), "a/x");
  });

test("where the file takes a rule's name the file's counts, and a rule without its target rests", async () => {
  const own = { name: "kept", when: "model == 'a/kept'", targets: ["a/of-the-file"] };
  daemon.writeConfig({ ...config, routing: { rules: [own] } });
  await daemon.json("reload");
  assert.equal(await chosen("a/kept"), "a/of-the-file");
  daemon.writeConfig({ ...config, providers: { a: { host: "echo" } }, routing: {} });
  await daemon.json("reload");
  const { rule } = await daemon.admin<RuleAnswer>("GET", "/api/routing/rules/kept");
  assert.match(rule.fault ?? "", /no provider is called "b"/);
  assert.equal(await chosen("a/kept"), "a/kept");
  daemon.writeConfig(config);
  await daemon.json("reload");
  assert.equal(await chosen("a/kept"), "b/k");
});

async function costOf(model: string): Promise<number | null> {
  const before = (await daemon.logs()).filter((row) => row.model === model).length;
  await ask(daemon.url, { dialect: "chat", model, key, prompt: "#echo words=10", maxTokens: 10 });
  const rows = await daemon.rows(model, before + 1);
  return rows[0]!.cost_nano;
}

test("a price that was made is charged from the next request on, and settled rows keep theirs", async () => {
  const first = await costOf("echo-paid/m");
  assert.ok(first !== null && first > 0);
  const price = { input: 100, output: 500 };
  const { override } = await daemon.admin<PriceRuleAnswer>("POST", "/api/governance/pricing-overrides", {
    match: "echo-paid/m",
    price,
  });
  assert.deepEqual([override.source, override.fault, override.price], ["database", null, price]);
  assert.equal(await costOf("echo-paid/m"), first * 10);
  await daemon.admin("PATCH", `/api/governance/pricing-overrides/${override.id}`, { price: { request: 1 } });
  assert.equal(await costOf("echo-paid/m"), first * 10 + 1e9);
  await daemon.json("prices", "set", "echo-paid/m", "request=");
  await daemon.restart();
  assert.equal(await costOf("echo-paid/m"), first * 10);
  assert.equal((await daemon.cli("prices", "delete", "echo-paid/m", "--yes")).code, 0);
  assert.equal(await costOf("echo-paid/m"), first);
  const rows = await daemon.rows("echo-paid/m", 5);
  assert.deepEqual(
    rows
      .map(({ cost_nano }) => cost_nano)
      .toReversed()
      .slice(0, 2),
    [first, first * 10],
  );
  await daemon.settled();
});

test("a price of all of a provider does not undo the file's, and a price of nothing is refused", async () => {
  await assert.rejects(
    daemon.admin("POST", "/api/governance/pricing-overrides", { match: "echo-paid/*", price: { input: 1 } }),
    /already in the config file/,
  );
  await assert.rejects(
    daemon.admin("POST", "/api/governance/pricing-overrides", { match: "ech-paid/m", price: { input: 1 } }),
    /did you mean \\"echo-paid\/m\\"/,
  );
  await assert.rejects(
    daemon.admin("POST", "/api/governance/pricing-overrides", { match: "echo-paid/n", price: {} }),
    /says no price/,
  );
  const { overrides } = await daemon.admin<PriceRulesAnswer>("GET", "/api/governance/pricing-overrides");
  assert.deepEqual(
    overrides.map(({ match, source, price }) => [match, source, price]),
    [["echo-paid/*", "file", { input: 10, output: 50 }]],
  );
  const refused = await daemon.cli("prices", "set", "echo-paid/*", "input=1");
  assert.match(refused.stderr, /declared in the config file/);
});

/** With headers, which `daemon.admin` has none of. */
async function send(method: string, path: string, headers: Record<string, string>, body?: object) {
  const { socket } = JSON.parse(readFileSync(join(daemon.home, "admin.json"), "utf8")) as AdminAddress;
  const opened = await raw("http://127.0.0.1:1", {
    ...{
      method,
      path,
      socketPath: socket,
      headers: { host: "localhost", "content-type": "application/json", ...headers },
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return opened.answer();
}

test("a change is made to the version that was read, and once however often it is sent", async () => {
  const { rule } = await daemon.admin<RuleAnswer>("GET", "/api/routing/rules/kept");
  const first = await send("PATCH", "/api/routing/rules/kept", { "if-match": rule.etag! }, { priority: 4 });
  assert.equal(first.status, 200, first.text);
  const second = await send("PATCH", "/api/routing/rules/kept", { "if-match": rule.etag! }, { priority: 5 });
  assert.equal(second.status, 412, second.text);
  const { rule: after } = await daemon.admin<RuleAnswer>("GET", "/api/routing/rules/kept");
  assert.deepEqual([after.priority, after.when], [4, rule.when]);
  const once = { "idempotency-key": "once" };
  const body = { name: "once", when: "model == 'a/once'", targets: ["b/once"] };
  const made = await Promise.all([1, 2, 3].map(() => send("POST", "/api/routing/rules", once, body)));
  assert.deepEqual(new Set(made.map(({ status, text }) => `${status} ${text}`)).size, 1);
});

test("rules and prices come in pages that what is made meanwhile does not shift", async () => {
  const list = (query: string) => daemon.admin<RulesAnswer>("GET", `/api/routing/rules?${query}`);
  const { rules: all } = await list("");
  assert.ok(all.length > 2);
  const first = await list("limit=2");
  await daemon.admin("POST", "/api/routing/rules", { name: "aaa", when: "model == 'x'", targets: ["b/once"] });
  const rest = await list(`after=${encodeURIComponent(first.next!)}`);
  const told = [...first.rules, ...rest.rules].map(({ name }) => name);
  assert.deepEqual(told, [...all.map(({ name }) => name), "aaa"]);
  assert.equal(rest.next, null);
  await assert.rejects(list("after=nobody"), /not a cursor of an earlier page/);
  await assert.rejects(list("after=kept&offset=1"), /give it, or offset/);
  await daemon.admin("DELETE", "/api/routing/rules/aaa");
});

test("without a daemon rules are made in the files, and in force when it starts", async () => {
  await daemon.kill("SIGTERM");
  await daemon.json("rules", "create", "--name", "offline", "--when", "model == 'a/off'", "--target", "b/o");
  const { code, stderr } = await daemon.cli("rules", "create", "--name", "bad", "--target", "nobody/x");
  assert.notEqual(code, 0);
  assert.match(stderr, /no provider is called "nobody"/);
  await daemon.restart();
  assert.equal(await chosen("a/off"), "b/o");
});
