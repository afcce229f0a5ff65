/** What a scraper gets of a real daemon. */
import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { stageNames } from "../../daemon/telemetry/stages.ts";
import { ask } from "../support/client.ts";
import { startDaemon } from "../support/daemon.ts";
import { readExposition } from "../support/exposition.ts";
import { scrape } from "../support/scrape.ts";
import { until } from "../support/until.ts";

test("A41 /metrics counts what was asked, and holds neither key nor prompt nor answer", async (t) => {
  const canary = "canary-sk-4d1f";
  const daemon = await startDaemon({ config: { metrics: { litellm_names: true, tags: ["env"] } } });
  t.after(() => daemon.stop());
  const key = await daemon.createKey({ name: "ci", budget: "10/1d" });
  const headers = { "x-bf-dim-env": "prod", "x-bifrost-session": canary, "x-bifrost-user": canary };
  const answer = await ask(daemon.url, { dialect: "chat", model: "echo-paid", key, prompt: canary, headers });
  assert.ok(Number(answer.headers["x-bifrost-upstream-latency-ms"]) > 0);
  assert.ok(Number(answer.headers["x-bifrost-overhead-ms"]) >= 0);
  await ask(daemon.url, { dialect: "messages", model: "echo-paid", key, prompt: canary, stream: true });
  await ask(daemon.url, { dialect: "chat", model: canary, key });
  await ask(daemon.url, { dialect: "chat", model: "echo", key: `sk-bf-${canary}` });
  const { text, headers: told } = await until("all four in /metrics", async () => {
    const scraped = await scrape(daemon);
    return readExposition(scraped.text).sum("bifrost_requests_total") === 4 && scraped;
  });
  assert.equal(told["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  const { value, sum } = readExposition(text);
  assert.equal(
    value("bifrost_requests_total", {
      ...{ route: "chat.completions", provider: "echo-paid", model: "echo-paid", key: "ci", status: "200" },
      tag_env: "prod",
    }),
    1,
  );
  assert.ok(sum("bifrost_spend_dollars_total") > 0);
  assert.equal(sum("bifrost_time_to_first_token_seconds_count"), 1);
  assert.equal(sum("litellm_proxy_failed_requests_metric_total"), 2);
  const stages = Object.fromEntries(
    stageNames.map((stage) => [stage, value("bifrost_stage_duration_seconds_count", { stage })]),
  );
  assert.deepEqual(stages, {
    ...{ authenticate: 3, read: 3, route: 2, queue: 0, admit: 2, encode: 2, connect: 2, first_byte: 2, stream: 1 },
    ...{ settle: 2, write: 1, record: 4 },
  });
  const took = (stage: string) => value("bifrost_stage_duration_seconds_sum", { stage })!;
  assert.ok(took("first_byte") > 0 && took("settle") > 0);
  const ofKey = (name: string): number =>
    Number(new RegExp(`^${name}\\{hashed_api_key="key_\\w+",api_key_alias="ci"\\} (\\S+)$`, "m").exec(text)?.[1]);
  assert.equal(ofKey("litellm_api_key_max_budget_metric"), 10);
  const left = ofKey("litellm_remaining_api_key_budget_metric");
  assert.ok(Math.abs(left + sum("bifrost_spend_dollars_total") - 10) < 1e-9 && left < 10, `${left} left`);
  assert.ok(ofKey("litellm_api_key_budget_remaining_hours_metric") > 0);
  assert.equal(sum("bifrost_dropped_total"), 0);
  assert.equal(value("bifrost_store_up", { store: "state" }), 1);
  assert.equal(value("bifrost_provider_key_up", { provider: "echo-paid", key_id: "echo", key_name: "echo" }) ?? 1, 1);
  const open = await scrape(daemon, "application/openmetrics-text; version=1.0.0,text/plain;q=0.5");
  assert.match(String(open.headers["content-type"]), /^application\/openmetrics-text/);
  assert.match(open.text, / # \{request_id="req_[0-9A-Z]{26}"\} /);
  for (const page of [text, open.text]) {
    assert.ok(!page.includes(canary) && !page.includes(key.slice(6)), "a secret or a word of a prompt");
  }
});

test("/metrics tells the rule that decided, retries, and a provider's key that was given up", async (t) => {
  const choices = [{ index: 0, message: { role: "assistant", content: "yes" }, finish_reason: "stop" }];
  const answer = JSON.stringify({
    id: "c",
    object: "chat.completion",
    choices,
    usage: { prompt_tokens: 1, completion_tokens: 1 },
  });
  const server = createServer((request, response) => {
    const refused = request.headers.authorization === "Bearer secret-bad";
    request.resume();
    response.writeHead(refused ? 401 : 200, { "content-type": "application/json" });
    response.end(refused ? '{"error":{"message":"no"}}' : answer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  t.after(() => server.close().closeAllConnections());
  const keys = [
    { name: "bad", value: "env.BAD_KEY", weight: 1_000 },
    { name: "good", value: "env.GOOD_KEY", weight: 1 },
  ];
  const base_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const daemon = await startDaemon({
    env: { BAD_KEY: "secret-bad", GOOD_KEY: "secret-good" },
    config: {
      auth: { inference: "open" },
      providers: { up: { base_url, dialect: "openai-chat", keys, models: ["m"] } },
      routing: { rules: [{ name: "all of it", when: 'model == "anything"', targets: [{ target: "up/m" }] }] },
    },
  });
  t.after(() => daemon.stop());
  const { status } = await ask(daemon.url, { dialect: "chat", model: "anything" });
  assert.equal(status, 200);
  const page = await until("the request in /metrics", async () => {
    const read = readExposition((await scrape(daemon)).text);
    return read.sum("bifrost_success_requests_total") === 1 && read;
  });
  const lost = { provider: "up", requested_model: "anything", key_id: "bad", key_name: "bad" };
  assert.equal(page.value("bifrost_key_rotation_events_total", { ...lost, fail_reason: "provider_auth_failed" }), 1);
  assert.equal(page.sum("bifrost_request_retries_sum"), 1);
  assert.equal(
    page.value("bifrost_success_requests_total", {
      ...{ provider: "up", model: "m", alias: "anything", method: "chat.completions", fallback_index: "0" },
      ...{ selected_key_id: "good", selected_key_name: "good", routing_engine_used: "routing-rule" },
      ...{ routing_rule_id: "all of it", routing_rule_name: "all of it" },
    }),
    1,
  );
});

test("A57 startPush() puts the numbers to a push gateway, again after one that failed, and is told off by a reload", async (t) => {
  type Put = {
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingHttpHeaders;
    readonly text: string;
  };
  const puts: Put[] = [];
  let status = 503;
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    request.on("end", () => {
      puts.push({ method: request.method!, url: request.url!, headers: request.headers, text });
      response.writeHead(status).end(status === 503 ? "not now" : "");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  t.after(() => server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const push = { url, interval: "100ms", instance: "eu/1", user: "bifrost", password: "env.PUSH_PASSWORD" };
  const config = { auth: { inference: "open" } };
  const daemon = await startDaemon({
    env: { PUSH_PASSWORD: "canary-push-password" },
    config: { ...config, metrics: { push } },
  });
  t.after(() => daemon.stop());
  await until("three refused pushes", () => puts.length >= 3);
  assert.equal(daemon.stderr().match(/metrics could not be pushed.*503: not now/g)?.length, 1);
  status = 200;
  await ask(daemon.url, { dialect: "chat", model: "echo" });
  const {
    method,
    url: path,
    headers,
  } = await until("the request in a push", () =>
    puts.find(({ text }) => readExposition(text).sum("bifrost_requests_total") === 1),
  );
  assert.deepEqual([method, path], ["PUT", "/metrics/job/bifrost/instance/eu%2F1"]);
  const pair = Buffer.from("bifrost:canary-push-password").toString("base64");
  assert.deepEqual([headers.authorization, headers["content-type"]], [`Basic ${pair}`, "text/plain; version=0.0.4"]);
  assert.ok(!daemon.stderr().includes("canary-push-password"));
  daemon.writeConfig(config);
  await until("silence", async () => {
    const count = puts.length;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return puts.length === count;
  });
});

test("/metrics tells budgets, fallbacks, targets left alone and what has no price under LiteLLM's names", async (t) => {
  const choices = [{ index: 0, message: { role: "assistant", content: "yes" }, finish_reason: "stop" }];
  const usage = { prompt_tokens: 1, completion_tokens: 1 };
  const server = createServer((request, response) => {
    const fails = request.url?.startsWith("/down") === true;
    request.resume();
    response.writeHead(fails ? 500 : 200, {
      "content-type": "application/json",
      ...{ "x-ratelimit-remaining-requests": fails ? "0" : "59", "x-ratelimit-remaining-tokens": "149984" },
    });
    response.end(JSON.stringify(fails ? {} : { id: "c", object: "chat.completion", choices, usage }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  t.after(() => server.close().closeAllConnections());
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = (path: string) => ({
    base_url: `${base}/${path}/v1`,
    dialect: "openai-chat",
    free: true,
    models: ["m", "a", "b"],
  });
  const daemon = await startDaemon({
    config: {
      metrics: { litellm_names: true },
      providers: { down: provider("down"), own: { ...provider("own"), free: undefined, api_key: "x" } },
      routing: { breaker: { failures: 1, open: "5m" } },
      fallbacks: { "down/m": ["echo-paid/echo-paid"], "down/a": ["down/b"] },
    },
  });
  t.after(() => daemon.stop());
  for (const words of [
    ["customers", "create", "--name", "acme", "--budget", "300"],
    ["teams", "create", "--name", "red", "--customer", "acme", "--budget", "200/30d"],
    ["users", "create", "--name", "ann", "--team", "red", "--budget", "100/1d"],
    ["keys", "create", "--name", "hers", "--user", "ann"],
  ])
    assert.equal((await daemon.cli(...words)).code, 0, words.join(" "));
  const made = await daemon.cli("keys", "create", "--name", "free");
  const [hers, free] = [(await daemon.cli("keys", "rotate", "hers", "--json")).stdout, made.stdout.trim()];
  const { secret } = JSON.parse(hers) as { secret: string };
  const asked = async (model: string, key: string) =>
    (await ask(daemon.url, { dialect: "chat", model, key, body: { max_tokens: 5 } })).status;
  assert.equal(await asked("down/m", secret), 200);
  assert.equal(await asked("own/m", free), 200);
  assert.equal(await asked("down/a", secret), 502, "and its fallback failed too");
  const page = await until("all in /metrics", async () => {
    const read = readExposition((await scrape(daemon)).text);
    return read.sum("litellm_proxy_total_requests_metric_total") === 3 && read;
  });
  const spent = page.sum("litellm_spend_metric_total");
  assert.ok(spent > 0);
  const labelled = (name: string, of: Record<string, RegExp>): number => {
    const found = [...page.samples].filter(
      ([key]) =>
        key.split("{")[0] === name &&
        Object.entries(of).every(([label, value]) => new RegExp(`\\b${label}=${value.source}[,}]`).test(key)),
    );
    assert.equal(
      found.length,
      1,
      `${name}: ${[...page.samples.keys()].filter((key) => key.startsWith(name)).join("\n")}`,
    );
    return found[0]![1];
  };
  for (const [owner, limit, of] of [
    ["org", 300, { org_id: /cust_\w+/, org_alias: /acme/ }],
    ["team", 200, { team: /team_\w+/, team_alias: /red/ }],
    ["user", 100, { user: /\w+/ }],
  ] as const) {
    assert.equal(labelled(`litellm_${owner}_max_budget_metric`, of), limit);
    const left = labelled(`litellm_remaining_${owner}_budget_metric`, of);
    assert.ok(Math.abs(limit - left - spent) < 1e-9, `${owner}: ${left} of ${limit} left, ${spent} spent`);
  }
  const hours = labelled("litellm_user_budget_remaining_hours_metric", {});
  assert.ok(hours > 23.9 && hours <= 24, `${hours}`);
  assert.ok(labelled("litellm_team_budget_remaining_hours_metric", {}) > 719);
  assert.equal(page.sum("litellm_org_budget_remaining_hours_metric"), 0, "it never begins anew");
  const down = { litellm_model_name: "m", model_id: "down/m", api_provider: "down" };
  assert.equal(page.value("litellm_deployment_state", down), 2);
  assert.equal(page.value("litellm_deployment_cooled_down_total", down), 1);
  assert.equal(page.value("bifrost_target_breaker_openings_total", { target: "down/m" }), 1);
  const fallback = { requested_model: /down\/m/, fallback_model: /echo-paid/, api_key_alias: /hers/ };
  assert.equal(labelled("litellm_deployment_successful_fallbacks_total", fallback), 1);
  const failed = { requested_model: /down\/a/, fallback_model: /b/, api_key_alias: /hers/ };
  assert.equal(labelled("litellm_deployment_failed_fallbacks_total", failed), 1);
  const target = (provider: string, model: string) => ({
    ...{ litellm_model_name: model, model_id: `${provider}/${model}`, api_provider: provider },
  });
  assert.equal(page.value("litellm_remaining_requests_metric", target("own", "m")), 59);
  assert.equal(page.value("litellm_remaining_requests_metric", target("down", "b")), 0, "a refusal tells it as well");
  assert.equal(page.value("litellm_remaining_tokens_metric", target("own", "m")), 149_984);
  assert.equal(page.value("bifrost_target_limit_remaining", { target: "own/m", kind: "tokens" }), 149_984);
  const own = { litellm_model_name: "m", model_id: "own/m", api_provider: "own", requested_model: "own/m" };
  assert.equal(page.value("litellm_zero_cost_requests_total", { ...own, reason: "missing_pricing_key" }), 1);
  assert.equal(page.sum("litellm_zero_cost_requests_total"), 1, "what was paid for, or is free, is not counted");
});
