import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { groupRows } from "../../../daemon/store/rollup-groups.ts";
import { requestColumn as column } from "../../../daemon/store/rows.ts";
import type { RowValue } from "../../../daemon/store/sender.ts";
import { errorType } from "../../../daemon/telemetry/error-types.ts";
import { daemonFamilies, type MetricSet, seriesFamilies } from "../../../daemon/telemetry/metric-families.ts";
import { createMetricStore } from "../../../daemon/telemetry/metric-store.ts";
import { type DaemonSamples, renderMetrics } from "../../../daemon/telemetry/metrics.ts";
import { stageFamilies } from "../../../daemon/telemetry/stage-metrics.ts";
import { errorTable } from "../../../providers/gateway-error.ts";
import { readExposition } from "../../support/exposition.ts";
import { requestRow } from "../store/fixtures.ts";

const root = new URL("../../../", import.meta.url);

function row(fields: Partial<Record<keyof typeof column, RowValue>>): RowValue[] {
  const values = requestRow("req_1");
  for (const [name, value] of Object.entries(fields)) values[column[name as keyof typeof column]] = value;
  return values;
}

async function render(store: ReturnType<typeof createMetricStore>, openMetrics = false, tags: string[] = []) {
  let text = "";
  const names = { key: (id: string) => ({ id: `key_${id}`, name: `name-${id}` }), owner: (id: string) => id };
  const daemon = Object.fromEntries(Object.keys(daemonFamilies).map((name) => [name, []])) as unknown as DaemonSamples;
  const sets = new Set<MetricSet>(["own", "bifrost", "litellm"]);
  for await (const part of renderMetrics({
    snapshot: store.snapshot(),
    daemon,
    stages: [],
    names,
    sets,
    tags,
    openMetrics,
  }))
    text += part;
  return text;
}

test("renderMetrics() tells requests, tokens, money and durations under three sets of names", async () => {
  const store = createMetricStore({ seriesMax: 100, tags: ["env"] });
  const rows = [
    row({ key_id: 3, target: "openai/gpt-5", provider: "openai", model: "fast", latency_ms: 120, upstream_ms: 100 }),
    row({ key_id: 3, target: "openai/gpt-5", provider: "openai", model: "fast", latency_ms: 420, upstream_ms: 400 }),
    row({
      key_id: 4,
      target: null,
      provider: null,
      status: 404,
      error: "model_not_found",
      upstream_ms: 0,
      cost_nano: 0,
    }),
    row({ key_id: 3, tags: '{"env":"prod"}', stream: 1, ttft_ms: 30, cost_nano: 2_500_000_000 }),
  ];
  store.add(groupRows(rows.flat()));
  const { value, families } = readExposition(await render(store, false, ["env"]));
  const openai = { provider: "openai", model: "gpt-5" };
  const usual = {
    ...{ ...openai, alias: "fast", method: "chat", virtual_key_id: "key_3", virtual_key_name: "name-3" },
    ...{ selected_key_id: "default", selected_key_name: "default", fallback_index: "0" },
  };
  assert.equal(value("bifrost_requests_total", { ...openai, route: "chat", key: "name-3", status: "200" }), 2);
  assert.equal(value("bifrost_upstream_requests_total", usual), 2);
  assert.equal(value("bifrost_tokens_total", { ...openai, key: "name-3", kind: "out" }), 40);
  const echo = { provider: "echo", model: "one", key: "name-3" };
  assert.equal(value("bifrost_spend_dollars_total", { ...echo, tag_env: "prod" }), 2.5);
  const lite = { ...openai, hashed_api_key: "key_3", api_key_alias: "name-3", requested_model: "fast" };
  const { provider: _provider, ...labels } = lite;
  assert.equal(value("litellm_total_tokens_metric_total", labels), 60);
  assert.equal(
    value("bifrost_error_requests_total", {
      ...{ method: "chat", virtual_key_id: "key_4", virtual_key_name: "name-4", fallback_index: "0" },
      ...{ selected_key_id: "default", selected_key_name: "default" },
      ...{ status_code: "404", error_type: "caller_model_unknown" },
    }),
    1,
  );
  assert.equal(families.get("bifrost_overhead_seconds")?.type, "histogram");
  assert.equal(value("bifrost_overhead_seconds_bucket", { route: "chat", stream: "false", le: "0.025" }), 2);
  assert.equal(value("bifrost_overhead_latency_microseconds_bucket", { ...usual, le: "25000" }), 2);
});

test("createMetricStore() keeps to its bound, and totals stay right", async () => {
  const store = createMetricStore({ seriesMax: 50, tags: [] });
  const rows = Array.from({ length: 5_000 }, (_, index) =>
    row({ key_id: index + 1, provider: "p", model: `m${index}`, target: `p/m${index}` }),
  );
  for (let at = 0; at < rows.length; at += 100) store.add(groupRows(rows.slice(at, at + 100).flat()));
  const { series, overflow } = store.snapshot();
  assert.ok(series.length <= 51, `${series.length} series`);
  assert.equal(overflow, 4_950);
  const { sum } = readExposition(await render(store));
  assert.equal(sum("bifrost_requests_total"), 5_000);
  assert.equal(sum("bifrost_request_duration_seconds_count"), 5_000);
});

test("groupRows() takes requests of one order together, and one that took a turn alone", () => {
  const order = '{"order":["a/m","b/m"]}';
  const turned = `${order.slice(0, -1)},"attempts":[{"target":"a/m","reason":"requested","error":"upstream_error"}]}`;
  const rows = [order, order, turned, turned].flatMap((attempts, index) => row({ id: `r${index}`, attempts }));
  assert.equal(groupRows(rows).length, 3);
});

test("createMetricStore() reads retries, the rule that decided and keys given up from a request's trail", async () => {
  const store = createMetricStore({ seriesMax: 100, tags: [] });
  const routed = { provider: "openai", model: "fast", target: "openai/gpt-5", credential: "second" };
  const attempt = { target: "openai/gpt-5", reason: "requested" };
  const attempts = [
    { target: "other/m", reason: "skipped", error: "breaker" },
    { ...attempt, credential: "first", error: "upstream_rejected", status: 429 },
    { ...attempt, credential: "second" },
  ];
  const decision = { rules: ["night", "vip"], considered: [] };
  store.add(groupRows(row({ ...routed, attempts: JSON.stringify({ decision, attempts }) })));
  store.add(
    groupRows(row({ ...routed, attempts: JSON.stringify({ decision: { strategy: "weight", considered: [] } }) })),
  );
  store.add(groupRows(row({ ...routed, attempts: JSON.stringify(attempts.slice(1)) })));
  const text = await render(store);
  assert.ok(!text.includes("NaN"), text);
  const { sum, value } = readExposition(text);
  assert.equal(sum("bifrost_request_retries_sum"), 2);
  assert.deepEqual(store.snapshot().rotations, [
    { provider: "openai", model: "fast", credential: "first", reason: "provider_rate_limited", count: 2 },
  ]);
  const usual = {
    ...{ provider: "openai", model: "gpt-5", alias: "fast", method: "chat", fallback_index: "0" },
    ...{ virtual_key_id: "key_1", virtual_key_name: "name-1", selected_key_id: "second", selected_key_name: "second" },
  };
  const rule = { routing_engine_used: "routing-rule", routing_rule_id: "vip", routing_rule_name: "vip" };
  assert.equal(value("bifrost_success_requests_total", { ...usual, ...rule }), 1);
  assert.equal(value("bifrost_success_requests_total", { ...usual, routing_engine_used: "loadbalancing" }), 1);
  assert.equal(value("bifrost_success_requests_total", usual), 1);
});

test("createMetricStore() has no label for a model's name that led nowhere", async () => {
  const store = createMetricStore({ seriesMax: 100, tags: [] });
  const junk = Array.from({ length: 300 }, (_, index) => row({ model: `junk-${index}`, target: null, provider: null }));
  store.add(groupRows(junk.flat()));
  assert.equal(store.snapshot().series.length, 1);
  assert.ok(!(await render(store)).includes("junk"));
});

test("renderMetrics() in OpenMetrics has exemplars, no suffix on a counter's family, and an end", async () => {
  const store = createMetricStore({ seriesMax: 100, tags: [] });
  store.add(groupRows(row({ id: "req_X", trace: "4bf92f3577b34da6a3ce929d0e0e4736", latency_ms: 120 })));
  const text = await render(store, true);
  assert.match(text, /^# TYPE bifrost_requests counter$/m);
  assert.match(text, /^bifrost_requests_total\{/m);
  assert.match(
    text,
    /^bifrost_request_duration_seconds_bucket\{.*le="0.25"\} 1 # \{trace_id="4bf92f3577b34da6a3ce929d0e0e4736",request_id="req_X"\} 0.12 \d+\.\d{3}$/m,
  );
  assert.ok(text.endsWith("# EOF\n"));
  readExposition(text);
});

test("renderMetrics() gives the event loop its turn", async () => {
  const store = createMetricStore({ seriesMax: 1_000, tags: [] });
  const rows = Array.from({ length: 600 }, (_, index) => row({ key_id: index + 1 }));
  store.add(groupRows(rows.flat()));
  let turns = 0;
  let over = false;
  const look = (): void => {
    turns += 1;
    if (!over) setImmediate(look);
  };
  setImmediate(look);
  await render(store);
  over = true;
  assert.ok(turns > 100, `${turns} turns`);
});

test("docs/metrics.md names every metric, and no other", () => {
  const page = readFileSync(new URL("docs/metrics.md", root), "utf8");
  const documented = [...page.matchAll(/^\| `([a-z0-9_]+)` \|/gm)].map(([, name]) => name!);
  assert.deepEqual(documented.toSorted(), names().toSorted());
});

test("docs/grafana/bifrost.json asks for metrics that exist, by labels that they have", () => {
  const dashboard = JSON.parse(readFileSync(new URL("docs/grafana/bifrost.json", root), "utf8")) as {
    readonly panels: readonly {
      readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
    }[];
  };
  const labels = new Map<string, Set<string>>();
  for (const family of [...seriesFamilies, ...stageFamilies, ...Object.values(daemonFamilies)]) {
    const own = Array.isArray(family.labels) ? (family.labels as string[]) : Object.keys(family.labels);
    labels.set(family.name, new Set([...(labels.get(family.name) ?? []), ...own]));
  }
  const asked = dashboard.panels.flatMap(({ targets }) => targets);
  assert.ok(asked.length > 20);
  for (const { expr, legendFormat } of asked) {
    const [, name] =
      /\b((?:bifrost|process|http)_[a-z_]+?)(?:_bucket)?[[{ )]|\b(?:bifrost|process)_[a-z_]+$/.exec(`${expr} `) ?? [];
    const found = labels.get(name ?? "");
    assert.ok(found !== undefined, `${expr}: ${name}`);
    const used = [
      ...(/by \(([^)]*)\)/.exec(expr)?.[1] ?? "").split(","),
      ...[...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!),
    ];
    for (const label of used.map((text) => text.trim()).filter((text) => text !== "" && text !== "le"))
      assert.ok(found.has(label), `${expr}: ${label}`);
  }
});

test("errorType() has a type for every code of ours", () => {
  for (const [code, { status }] of Object.entries(errorTable))
    assert.notEqual(errorType(code, String(status)), "_OTHER", code);
  assert.equal(errorType("upstream_overloaded", "429"), "provider_rate_limited");
  assert.equal(errorType("", "200"), "");
});

function names(): string[] {
  return [...new Set([...seriesFamilies, ...stageFamilies, ...Object.values(daemonFamilies)].map(({ name }) => name))];
}
