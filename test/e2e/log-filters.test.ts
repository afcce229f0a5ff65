/** Every filter, order and statistic of the log, over the rows of a real daemon. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  DashboardAnswer,
  FacetsAnswer,
  HistogramAnswer,
  RankingsAnswer,
  SessionAnswer,
  StatsAnswer,
} from "../../daemon/admin/contract/log-statistics.ts";
import type { LogAnswer, LogRow, LogsAnswer } from "../../daemon/admin/contract/logs.ts";
import { ask } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";

/** Six requests, no two alike; the position is what the filters below name. */
async function sixRequests(daemon: Daemon): Promise<readonly LogRow[]> {
  await daemon.admin("POST", "/api/governance/customers", { name: "acme" });
  await daemon.admin("POST", "/api/governance/teams", { name: "research", customer: "acme" });
  const ci = await daemon.createKey({ name: "ci" });
  const { secret } = await daemon.admin<{ secret: string }>("POST", "/api/keys", {
    name: "team key",
    team: "research",
  });
  const call = (fields: object) => ask(daemon.url, { dialect: "chat", model: "echo", key: ci, ...fields });
  await call({
    headers: {
      "x-bifrost-session": "s-1",
      "x-bifrost-user": "ada",
      "x-bf-dim-env": "prod",
      "x-bf-parent-request-id": "req_p",
    },
  });
  await call({ key: secret, model: "echo-paid", prompt: "word ".repeat(200) });
  await call({ stream: true, model: "echo-paid" });
  await call({ model: "nothing/at-all" });
  await call({ model: "ruled" });
  await call({
    dialect: "messages",
    headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
    prompt: "needle-77",
  });
  return until("six rows", async () => {
    const { rows } = await daemon.admin<LogsAnswer>("GET", "/api/logs");
    return rows.length === 6 && rows.toSorted((a, b) => a.at - b.at);
  });
}

test("GET /api/logs has every filter, alone and together, and GET /api/logs/stats counts the same", async (t) => {
  const daemon = await startDaemon({
    config: {
      record: { content: "full" },
      tracing: { endpoint: "http://127.0.0.1:1/v1/traces" },
      routing: { rules: [{ name: "by name", when: 'model == "ruled"', targets: [{ target: "echo/echo" }] }] },
    },
  });
  t.after(() => daemon.stop());
  const rows = await sixRequests(daemon);
  const [first, second, third] = rows as [LogRow, LogRow, LogRow];
  const tokens = (row: LogRow): number => (row.tokens_in ?? 0) + (row.tokens_out ?? 0);
  const most = Math.max(...rows.map(tokens));
  const slowest = Math.max(...rows.map(({ latency_ms: ms }) => ms ?? 0));
  const cases: readonly [query: string, expected: readonly number[]][] = [
    ["key=ci", [0, 2, 3, 4, 5]],
    [`key=${second.key}`, [1]],
    ["team=research", [1]],
    ["customer=acme", [1]],
    ["user=ada", [0]],
    ["session=s-1", [0]],
    ["tag=env%3Dprod", [0]],
    ["tag=env%3Dtest", []],
    ["model=ruled", [4]],
    ["model=echo-paid", [1, 2]],
    ["provider=echo-paid", [1, 2]],
    [`target=${encodeURIComponent(String(first.target))}`, [0, 4, 5]],
    [`credential=${third.credential}&provider=echo-paid`, [1, 2]],
    ["route=messages", [5]],
    ["status=2xx", [0, 1, 2, 4, 5]],
    ["status=404", [3]],
    ["error=any", [3]],
    ["error=model_not_found", [3]],
    ["error=any&error=model_not_found", [3]],
    [`id=${first.id}`, [0]],
    [`id=${first.id}&id=${third.id}`, [0, 2]],
    ["parent=req_p", [0]],
    ["provider=echo&provider=echo-paid", [0, 1, 2, 4, 5]],
    ["key=ci&key=team%20key", [0, 1, 2, 3, 4, 5]],
    ["team=research&team=nobody", [1]],
    ["model=ruled&model=echo-paid", [1, 2, 4]],
    ["tag=env%3Dprod&tag=env%3Dtest", [0]],
    ["route=messages&route=chat.completions", [0, 1, 2, 3, 4, 5]],
    ["status=404&status=5xx", [3]],
    ["status=2xx&status=4xx", [0, 1, 2, 3, 4, 5]],
    ["status=success", [0, 1, 2, 4, 5]],
    ["status=error", [3]],
    ["stop=stop", [0, 1, 2, 4, 5]],
    ["stop=stop&stop=length", [0, 1, 2, 4, 5]],
    ["stop=length", []],
    ["tool=get_weather", []],
    ["engine=rule", [4]],
    ["engine=strategy", []],
    ["rule=by%20name&rule=other", [4]],
    ["rule=by%20name", [4]],
    ["rule=by", []],
    ["flag=truncated", []],
    ["stream=true", [2]],
    [`trace=${traceId}`, [5]],
    ["text=NEEDLE-77", [5]],
    [`latency_min_ms=${Math.floor(slowest) + 1}`, []],
    [`latency_max_ms=${Math.ceil(slowest)}`, [0, 1, 2, 3, 4, 5]],
    [`tokens_min=${most}`, rows.flatMap((row, index) => (tokens(row) >= most ? [index] : []))],
    [`tokens_max=${most - 1}`, rows.flatMap((row, index) => (tokens(row) < most ? [index] : []))],
    ["cost_min_nano=1", [1, 2]],
    ["cost_max_nano=0", rows.flatMap(({ cost_nano: cost }, index) => (cost === 0 ? [index] : []))],
    [`since_ms=${second.at}`, [1, 2, 3, 4, 5]],
    [`until_ms=${second.at}`, [0]],
    ["key=ci&provider=echo-paid&stream=true", [2]],
    ["key=ci&provider=echo-paid&stream=false", []],
  ];
  for (const [query, expected] of cases) {
    const answer = await daemon.admin<LogsAnswer>("GET", `/api/logs?${query}`);
    const found = answer.rows.map(({ id }) => rows.findIndex((row) => row.id === id)).toSorted();
    assert.deepEqual(found, expected, query);
    const whole = /since_ms|until_ms/.test(query) ? query : `${query}&since_ms=${first.at - 60_000}`;
    if (/until_ms|since_ms=(?!.*&)/.test(query)) continue; // sums are by whole minutes
    const stats = await daemon.admin<StatsAnswer>("GET", `/api/logs/stats?${whole}`);
    assert.deepEqual([stats.sums.requests, stats.partial, stats.older], [expected.length, false, null], query);
  }
  const commands: readonly [options: readonly string[], expected: readonly number[]][] = [
    [
      ["--key", "team key", "--key", "ci", "--model", "echo-paid"],
      [1, 2],
    ],
    [["--rule", "by name"], [4]],
    [["--engine", "rule"], [4]],
    [["--stop", "stop", "--stream", "yes"], [2]],
    [["--parent", "req_p", "--session", "s-1", "--tag", "env=prod", "--user", "ada"], [0]],
    [["--status", "404", "--status", "5xx"], [3]],
    [["--text", "needle-77", "--max-latency", "1h", "--min-tokens", "1", "--max-cost", "0"], [5]],
    [
      ["--min-cost", "0.000000001", "--route", "chat.completions", "--target", "echo-paid/echo-paid"],
      [1, 2],
    ],
    [["--team", "research", "--customer", "acme", "--credential", String(second.credential)], [1]],
    [
      ["--id", first.id, "--id", third.id],
      [0, 2],
    ],
    [["--trace", traceId], [5]],
    [["status:404,5xx"], [3]],
    [["rule:name", "engine:rule", "stop:stop"], [4]],
    [["--flag", "truncated"], []],
  ];
  for (const [options, expected] of commands) {
    const { code, stdout } = await daemon.cli("logs", "--json", ...options);
    const ids = stdout.split("\n").flatMap((line) => (line === "" ? [] : [(JSON.parse(line) as LogRow).id]));
    const found = ids.map((id) => rows.findIndex((row) => row.id === id)).toSorted();
    assert.deepEqual([code, found], [0, expected], options.join(" "));
  }
  const dearest = rows.toSorted((a, b) => (b.cost_nano ?? 0) - (a.cost_nano ?? 0))[0]!;
  const sorted = await daemon.cli("logs", "--json", "--sort", "cost", "--limit", "1");
  assert.equal((JSON.parse(sorted.stdout) as LogRow).id, dearest.id);
  for (const wrong of [["--asc"], ["--stream", "maybe"], ["--min-cost", "much"], ["--status", "9"], ["--engine", "x"]])
    assert.equal((await daemon.cli("logs", ...wrong)).code, 2, wrong.join(" "));
  for (const wrong of [
    "status=9",
    "status=200&status=9",
    "provider=",
    "engine=chance",
    "limit=1&limit=2",
    "key=ci&key=nobody",
    "flag=none",
    "stream=maybe",
    "tag=%3Dprod",
    "latency_min_ms=x",
    "nothing=1",
    "key=nobody",
  ])
    await assert.rejects(daemon.admin("GET", `/api/logs?${wrong}`), /40[04]/, wrong);
});

test("GET /api/logs sorts by latency, tokens and cost, both ways, and pages by time", async (t) => {
  const daemon = await startDaemon({ config: {} });
  t.after(() => daemon.stop());
  const rows = await sixRequests(daemon);
  const by = {
    latency: (row: LogRow) => row.latency_ms,
    tokens: (row: LogRow) => (row.tokens_in ?? 0) + (row.tokens_out ?? 0),
    cost: (row: LogRow) => row.cost_nano,
  };
  for (const [sort, of] of Object.entries(by)) {
    const values = rows.map(of).filter((value): value is number => value !== null);
    for (const order of ["desc", "asc"] as const) {
      const sorted = values.toSorted((a, b) => (order === "desc" ? b - a : a - b));
      const answer = await daemon.admin<LogsAnswer>("GET", `/api/logs?sort=${sort}&order=${order}&limit=3`);
      assert.deepEqual(answer.rows.map(of), sorted.slice(0, 3), `${sort} ${order}`);
      assert.deepEqual([answer.older, answer.looked_until_ms], [null, null]);
    }
  }
  const seen: string[] = [];
  for (let before = ""; ; ) {
    const page = await daemon.admin<LogsAnswer>("GET", `/api/logs?limit=4${before}`);
    seen.push(...page.rows.map(({ id }) => id));
    if (page.older === null) break;
    before = `&before=${page.older}`;
  }
  assert.deepEqual(new Set(seen), new Set(rows.map(({ id }) => id)));
  assert.equal(seen.length, 6);
  const rising: string[] = [];
  for (let after = ""; ; ) {
    const page = await daemon.admin<LogsAnswer>("GET", `/api/logs?order=asc&limit=4${after}`);
    if (page.rows.length === 0) break;
    rising.push(...page.rows.map(({ id }) => id));
    after = `&after=${page.tail}`;
  }
  assert.deepEqual(rising, seen.toReversed());
  for (const wrong of ["sort=latency&after=1", "order=asc&before=3", "sort=size"])
    await assert.rejects(daemon.admin("GET", `/api/logs?${wrong}`), /400/, wrong);
});

test("statistics of the log: sums with what was before, histograms, rankings, facets, sessions, a dashboard", async (t) => {
  const daemon = await startDaemon({ config: {} });
  t.after(() => daemon.stop());
  const rows = await sixRequests(daemon);
  const cost = rows.reduce((sum, row) => sum + (row.cost_nano ?? 0), 0);
  const get = <T>(path: string) => daemon.admin<T>("GET", `/api/logs${path}`);
  const stats = await get<StatsAnswer>("/stats?compare=true");
  assert.deepEqual([stats.sums.requests, stats.sums.errors, stats.sums.cost_nano], [6, 2, cost]);
  assert.equal(stats.previous?.requests, 0);
  assert.ok(stats.sums.latency_p99_ms! > 0 && stats.sums.ttft_p50_ms! > 0 && stats.sums.tokens_per_second! > 0);
  const single = ["provider", "model", "key", "team", "target", "route", "status", "error", "tag", "credential"];
  for (const by of [...single, "stop"]) {
    const { series, grain } = await get<HistogramAnswer>(`/histogram?by=${by}&grain=minute&order=requests`);
    assert.equal(grain, "minute");
    assert.ok(series.length > 0, by);
    for (const { total, buckets } of series) {
      const summed = buckets.reduce((sum, bucket) => sum + bucket.sums.requests, 0);
      assert.equal(summed, total.requests, by);
    }
  }
  const two = await get<HistogramAnswer>("/histogram?key=ci&by=provider&grain=hour");
  assert.deepEqual(Object.fromEntries(two.series.map(({ value, total }) => [value, total.requests])), {
    echo: 2,
    "echo-paid": 1,
  });
  for (const order of ["requests", "errors", "tokens", "cost", "latency"]) {
    const { rankings, values } = await get<RankingsAnswer>(`/rankings?by=key&order=${order}&limit=1`);
    assert.deepEqual([rankings.length, values], [1, 2], order);
  }
  const { rankings } = await get<RankingsAnswer>("/rankings?by=provider&order=cost");
  assert.deepEqual(rankings[0]?.value, "echo-paid");
  const { facets } = await get<FacetsAnswer>("/facets");
  assert.deepEqual(
    facets.team?.map(({ name }) => name),
    ["research"],
  );
  assert.deepEqual((await get<FacetsAnswer>("/facets?dimension=tag&match=pro")).facets, {
    tag: facets.tag,
  });
  assert.deepEqual(
    facets.stop?.map(({ value }) => value),
    ["stop"],
  );
  const ofCi = await get<RankingsAnswer>("/rankings?by=provider&order=requests&key=ci");
  assert.deepEqual(Object.fromEntries(ofCi.rankings.map(({ value, sums }) => [value, sums.requests])), {
    echo: 2,
    "echo-paid": 1,
  });
  const failed = await get<DashboardAnswer>("/dashboard?status=error");
  assert.deepEqual([failed.stats.sums.requests, failed.recent_errors.length], [2, 2]);
  const session = await get<SessionAnswer>("/sessions/s-1");
  assert.deepEqual([session.sums.requests, session.rows[0]?.user], [1, "ada"]);
  const dashboard = await get<DashboardAnswer>("/dashboard");
  assert.deepEqual(
    [dashboard.stats.sums.requests, dashboard.recent_errors.length, dashboard.top.team[0]?.name],
    [6, 2, "research"],
  );
  const gone = rows[0]!.id;
  await daemon.admin("DELETE", "/api/logs", { ids: [gone] });
  await assert.rejects(get<LogAnswer>(`/${gone}`), /404/);
  assert.equal((await get<StatsAnswer>("/stats")).sums.requests, 6);
});
