/** Routing as an operator sees it: what is decided, what was decided, and how the providers are. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ProvidersAnswer } from "../../daemon/admin/contract/daemon.ts";
import type { ExplainAnswer } from "../../daemon/admin/contract/logs.ts";
import type { RouteTestAnswer } from "../../daemon/admin/contract/routing.ts";
import { ask } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { type FaultUpstream, startFaultUpstream } from "../support/fault-upstream.ts";
import { scrape } from "../support/scrape.ts";

let upstream: FaultUpstream;
let daemon: Daemon;
let key: string;
const routing = (target: string) => ({
  rules: [
    { name: "gold", when: 'headers["x-tier"] == "gold"', targets: [target] },
    { name: "team", scope: "key:ci", when: "stream", targets: ["up/ok+team"] },
  ],
  breaker: { failures: 2, open: "30s" },
});
const config = (target: string) => ({
  providers: { up: { base_url: `${upstream.origin}/v1`, dialect: "openai-chat", api_key: "env.UP" } },
  routing: routing(target),
});
before(async () => {
  upstream = await startFaultUpstream();
  daemon = await startDaemon({ env: { UP: "secret" }, config: config("up/ok+gold") });
  key = await daemon.createKey({ name: "ci", rpm: 10_000 });
});
after(async () => {
  await daemon?.stop();
  await upstream?.stop();
});

test("R8 route test explains the decision that the data plane takes, and explain tells it afterwards", async () => {
  const cases = [
    { header: "x-tier:gold", headers: { "x-tier": "gold" }, stream: false, rules: ["gold"], target: "up/ok+gold" },
    { header: "x-tier:none", headers: { "x-tier": "none" }, stream: true, rules: ["team"], target: "up/ok+team" },
    { header: "x-tier:none", headers: { "x-tier": "none" }, stream: false, rules: [], target: "up/ok+plain" },
  ];
  for (const [index, { header, headers, stream, rules, target }] of cases.entries()) {
    const flags = stream ? ["--stream"] : [];
    const told = await daemon.json<RouteTestAnswer>(
      ...["route", "test", "--model", "up/ok+plain", "--key", "ci", "--header", header, ...flags],
    );
    assert.deepEqual([told.chosen, told.rules], [target, rules]);
    const answer = await ask(daemon.url, { dialect: "chat", model: "up/ok+plain", key, stream, headers });
    assert.equal(`up/${answer.headers["x-bifrost-resolved-model"]}`, target);
    const [row] = await daemon.rows("up/ok+plain", index + 1);
    const { decision } = await daemon.json<ExplainAnswer>("explain", row!.id);
    assert.deepEqual(decision?.rules ?? [], rules);
  }
  const printed = await daemon.cli("route", "test", "--model", "up/ok+plain", "--header", "x-tier:gold");
  assert.match(printed.stdout, /goes to +up\/ok\+gold/);
  assert.match((await daemon.cli("route", "rules")).stdout, /gold +1 +\d/);
  assert.match((await scrape(daemon)).text, /^bifrost_route_rule_matches_total\{rule="gold"\} 1$/m);
});

test("R8 a rule whose header is absent is passed over and counted, and a reload puts new rules in force", async () => {
  const before = await daemon.json<{ name: string; errors: number }[]>("route", "rules");
  await ask(daemon.url, { dialect: "chat", model: "up/ok+absent", key });
  const after = await daemon.json<{ name: string; errors: number }[]>("route", "rules");
  const errors = (rules: typeof before) => rules.find(({ name }) => name === "gold")?.errors ?? 0;
  assert.equal(errors(after), errors(before) + 1);
  assert.match(
    (await scrape(daemon)).text,
    new RegExp(`^bifrost_route_rule_errors_total\\{rule="gold"\\} ${errors(after)}$`, "m"),
  );
  daemon.writeConfig(config("up/ok+platinum"));
  assert.equal((await daemon.cli("reload")).code, 0);
  const answer = await ask(daemon.url, { dialect: "chat", model: "up/x", key, headers: { "x-tier": "gold" } });
  assert.equal(answer.headers["x-bifrost-resolved-model"], "ok+platinum");
});

test("R4 providers shows an open breaker, its last failure and what is left of the traffic", async () => {
  for (let index = 0; index < 2; index++) await ask(daemon.url, { dialect: "chat", model: "up/f4-500+down", key });
  const refused = await ask(daemon.url, { dialect: "chat", model: "up/f4-500+down", key });
  assert.equal(refused.status, 503);
  const { providers } = await daemon.admin<ProvidersAnswer>("GET", "/api/providers");
  const health = providers.find(({ name }) => name === "up")!.health!;
  const down = health.targets.find(({ target }) => target === "up/f4-500+down");
  assert.deepEqual(
    [health.breaker, down?.breaker, down?.last_failure, down?.failures, health.in_flight, health.share],
    ["open", "open", "upstream_error", 2, 0, 1],
  );
  assert.match((await scrape(daemon)).text, /^bifrost_target_breaker_open\{target="up\/f4-500\+down"\} 1$/m);
  const told = await daemon.cli("route", "test", "--model", "up/f4-500+down");
  assert.deepEqual([told.code, /breaker open/.test(told.stdout)], [6, true]);
  const printed = (await daemon.cli("providers", "--targets")).stdout;
  assert.match(printed, /up\/f4-500\+down +open/);
  // The others still answer.
  assert.ok(health.targets.length > 1);
  assert.match(printed, new RegExp(`^up +\\d+ % fail +1 of ${health.targets.length} open `, "m"));
});

test("a provider that told us to wait is not asked, and its callers are told to wait: as route test says", async () => {
  const model = "up/f4-429-retry+resting";
  const first = await ask(daemon.url, { dialect: "chat", model, key });
  const second = await ask(daemon.url, { dialect: "chat", model, key });
  assert.deepEqual([first.status, second.status], [429, 429]);
  const wait = Number(second.headers["retry-after-ms"]);
  // Rests end with a hundredth of a second, rounded up.
  assert.ok(wait > 0 && wait <= 7_010, `${wait}`);
  assert.equal(JSON.parse(second.text).error.source, "provider");
  const [row] = await daemon.rows(model, 2);
  assert.deepEqual([row?.error, row?.target], ["rate_limit_exceeded", null], "nobody was asked the second time");
  const told = await daemon.admin<RouteTestAnswer>("POST", "/api/route/test", { model });
  assert.equal(told.error?.code, "rate_limit_exceeded");
  // A target whose breaker never opened is no series: clients may ask for any name.
  assert.doesNotMatch((await scrape(daemon)).text, /bifrost_target_breaker_open\{target="up\/f4-429/);
});
