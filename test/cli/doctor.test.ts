import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Check, type Checked, examine, type Patient } from "../../cli/doctor/check.ts";
import { checks } from "../../cli/doctor/checks.ts";
import { CliFailure, exitCodes } from "../../cli/failure.ts";
import { version } from "../../cli/version.ts";
import type { StatusAnswer } from "../../daemon/admin/contract/daemon.ts";
import { openOffline } from "../../daemon/main.ts";
import { openDatabase } from "../../daemon/store/database.ts";
import { startDaemon, temporaryHome } from "../support/daemon.ts";
import { until } from "../support/until.ts";
import { runHere } from "./run-in-process.ts";

type Report = { readonly ok: boolean; readonly checks: readonly Checked[] };

function patientOf(fields: Partial<Patient>): Patient {
  return {
    home: "/nonexistent",
    client: undefined,
    openFailure: undefined,
    status: undefined,
    offline: true,
    environment: {},
    version,
    now: Date.now,
    ...fields,
  };
}

async function findings(name: string, patient: Partial<Patient>): Promise<string[]> {
  const check = checks.find((each) => each.name === name)!;
  const [{ findings: found } = { findings: [] }] = await examine([check], patientOf(patient));
  return found.map(({ level, message, remedy }) => `${level}: ${message}${remedy === undefined ? "" : ` → ${remedy}`}`);
}

/** A client that answers each path with a value. */
function answering(answers: Readonly<Record<string, unknown>>): NonNullable<Patient["client"]> {
  return {
    daemon: undefined,
    call: async <Answer>(_: string, path: string) => {
      if (!(path in answers)) throw new Error(`no ${path}`);
      return answers[path] as Answer;
    },
    async *lines() {},
    close: async () => undefined,
  };
}

async function listening(t: TestContext): Promise<number> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return (server.address() as { port: number }).port;
}

test("doctor finds a sound daemon sound, and each warning and problem has a remedy", async (t) => {
  const daemon = await startDaemon({
    config: { providers: { near: { base_url: "http://127.0.0.1:9/v1", free: true } } },
  });
  t.after(() => daemon.stop());
  chmodSync(daemon.home, 0o700);
  const ran = await daemon.cli("doctor", "--json");
  const report = JSON.parse(ran.stdout) as Report;
  const byName = Object.fromEntries(report.checks.map(({ check, findings: found }) => [check, found]));
  assert.deepEqual(Object.keys(byName), [
    "home",
    "daemon",
    "config",
    "store",
    "disk",
    "clock",
    "port",
    "system",
    "keys",
    "providers",
    "egress",
    "alerts",
  ]);
  for (const name of ["home", "daemon", "config", "store", "port", "keys"])
    assert.deepEqual(
      byName[name]?.map(({ level }) => level),
      ["good"],
      `${name}: ${JSON.stringify(byName[name])}`,
    );
  assert.deepEqual([ran.code, report.ok], [exitCodes.checkFailed, false], "nobody listens at the provider");
  assert.match(JSON.stringify(byName["providers"]), /near: 127\.0\.0\.1:9: .*Nobody listens there/);
  for (const { findings: found } of report.checks)
    for (const { level, remedy, message } of found)
      if (level === "warning" || level === "problem") assert.ok(remedy, message);

  daemon.writeConfig("providers:\n  near: { base_url: http://127.0.0.1:9/v1, fre: true }\n");
  await until(
    "the daemon to see the file",
    async () => (await daemon.admin<StatusAnswer>("GET", "/api/status")).config.error !== null,
  );
  const { stdout, stderr, code } = await daemon.cli("doctor", "--offline");
  assert.equal(code, exitCodes.checkFailed);
  assert.match(
    stdout,
    /✗ config {5}\S+config\.yaml:2:\d+: providers\.near\.fre: .*\n\s+→ Until it is mended, the last good config runs on\./,
  );
  assert.match(stderr, /2 problems, \d warnings?\./);
});

test("doctor looks at a home that is not there without making it", async () => {
  const { code, out } = await runHere(["doctor"], { home: "/tmp/bifrost-nowhere" });
  assert.equal(code, exitCodes.ok, out);
  assert.match(out, /· home {7}\/tmp\/bifrost-nowhere is not there yet\n/);
  assert.ok(!existsSync("/tmp/bifrost-nowhere"));
});

test("doctor says that a home cannot be opened, and goes on", async () => {
  const home = temporaryHome();
  const fail = () => Promise.reject(new Error("the lock is held"));
  const { code, out } = await runHere(["doctor", "--json"], { home, daemon: { openOffline: fail } });
  assert.equal(code, exitCodes.checkFailed);
  assert.match(out, /the lock is held/);
});

test("home: others may enter it, or read a database", async () => {
  const home = temporaryHome();
  chmodSync(home, 0o755);
  writeFileSync(join(home, "state.db"), "", { mode: 0o644 });
  assert.deepEqual(await findings("home", { home }), [
    `warning: ${home} may be entered by others (mode 0755) → chmod 700 ${home}`,
    `warning: others may read state.db → chmod 600 ${join(home, "state.db")}`,
  ]);
});

test("daemon: another version, late commits, rows that were dropped", async () => {
  const status = {
    version: "0.0.9",
    state: "serving",
    warnings: ["no key"],
    url: "http://x",
    started_at_ms: 0,
    ledger: { commit_lag_ms: 900, holds_open: 2 },
  } as unknown as StatusAnswer;
  const client = answering({ "/api/logs/dropped": { rows: 12, content: 0, traces: 0, feed: 4, alerts: 0 } });
  const found = (await findings("daemon", { status, client })).map((each) => each.split(" → ")[0]);
  assert.deepEqual(found, [
    `warning: the daemon is 0.0.9, this command is ${version}`,
    "warning: no key",
    "warning: commits are 900ms behind",
    "warning: not kept since the start: 12 rows",
  ]);
});

test("store: a broken chain and a balance that does not add up", async () => {
  const home = temporaryHome();
  writeFileSync(join(home, "state.db"), "");
  const client = answering({
    "/api/store/check": { ok: true, files: [] },
    "/api/audit/verify": { ok: false, records: 9, problem: { record: 4, message: "its hash is wrong" } },
    "/api/ledger/check": { settlements: 2, problems: [{ scope: 'key "ci"', message: "the balance is not the sum" }] },
  });
  assert.match(
    (await findings("store", { home, client })).join("\n"),
    /^problem: the audit chain breaks at record 4: its hash is wrong → .*\nproblem: key "ci": the balance is not the sum → /,
  );
});

test("store: a database that is gone, and a request log that was set aside", async () => {
  const home = temporaryHome();
  writeFileSync(join(home, "state.snapshot"), "");
  assert.match((await findings("store", { home })).join(), /^problem: state\.db is gone: .* → .*bifrost restore/);
  writeFileSync(join(home, "state.db"), "");
  writeFileSync(join(home, "traffic.db.damaged-20261126T1200"), "");
  const client = answering({
    "/api/store/check": { ok: true, files: [] },
    "/api/audit/verify": { ok: true, records: 9, problem: null },
    "/api/ledger/check": { settlements: 2, problems: [] },
  });
  assert.match(
    (await findings("store", { home, client })).join(),
    /^warning: a damaged request log was set aside: traffic\.db\.damaged-20261126T1200 → .*rm \S+$/,
  );
});

test("store: a damaged file is told with its remedy, also where it cannot tell of the chain any more", async () => {
  const home = temporaryHome();
  writeFileSync(join(home, "state.db"), "");
  const of = (file: string, ...faults: string[]) =>
    answering({ "/api/store/check": { ok: false, files: [{ file, tables: 9, faults }] } });
  assert.deepEqual(
    (await findings("store", { home, client: of("traffic.db", "requests: page 7 is torn", "more") })).map((each) =>
      each.replace(/ then stop.*/, ""),
    ),
    [
      "problem: traffic.db is damaged: requests: page 7 is torn, and 1 more → Look after the disk, keep a copy of the home as it is,",
    ],
  );
  assert.match(
    (await findings("store", { home, client: of("state.db", "x") })).join(),
    /bifrost restore <file> --replace/,
  );
});

test("store: a page that the disk lost is found, with nobody to help", async () => {
  const home = temporaryHome();
  const offline = { home, daemon: { openOffline } };
  await runHere(["keys", "create", "--name", "ci"], offline);
  const file = join(home, "state.db");
  const database = openDatabase(file);
  database.exec(
    "CREATE TABLE filled AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT i, hex(randomblob(60)) AS text FROM n",
  );
  database.pragma("wal_checkpoint(TRUNCATE)");
  database.close();
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.fill(0xff, bytes.length - 40_960, bytes.length - 20_480));
  const { code, out } = await runHere(["doctor", "--json"], offline);
  const { checks: found } = JSON.parse(out) as Report;
  const said = JSON.stringify(found.find(({ check }) => check === "store"));
  assert.match(said, /"problem","message":"state\.db is damaged: filled: .*bifrost restore/);
  assert.equal(code, exitCodes.checkFailed);
});

test("daemon: what to do about a home that cannot be opened depends on why", async () => {
  const said = async (openFailure: string) => (await findings("daemon", { openFailure })).join();
  assert.match(
    await said("state.db is damaged; restore a backup or move the file away"),
    / → .*bifrost restore <file>/,
  );
  assert.match(await said("/h belongs to another user"), / → Ask as that user/);
  assert.match(await said("a daemon already runs for this home"), / → If no bifrost runs/);
});

test("egress: a config that is not valid is no second problem, and any other failure is one", async () => {
  const client = (error: Error) => ({ ...answering({}), call: () => Promise.reject(error) });
  const invalid = client(new CliFailure("c.yaml:1:1: foo: unknown key", exitCodes.usage));
  assert.deepEqual(await findings("egress", { client: invalid }), ["note: not looked at: the config is not valid"]);
  const lost = client(new CliFailure("the daemon went away before it answered"));
  assert.match((await findings("egress", { client: lost })).join(), /^problem: could not be looked at: the daemon/);
});

test("clock: behind what was written, or before this program", async () => {
  const home = temporaryHome();
  writeFileSync(join(home, "state.db"), "");
  const now = Date.UTC(2026, 10, 26);
  utimesSync(join(home, "state.db"), new Date(now + 60_000), new Date(now + 60_000));
  assert.match(
    (await findings("clock", { home, now: () => now }))[0]!,
    /^problem: the clock is 1m behind what was written last/,
  );
  assert.match((await findings("clock", { home, now: () => 0 }))[0]!, /^problem: the clock says 1970/);
});

test("port: taken by another program, or free", async (t) => {
  const number = await listening(t);
  const home = temporaryHome();
  const path = join(home, "config.yaml");
  const client = answering({ "/api/config/validate": { ok: true, path, problems: [], warnings: [] } });
  writeFileSync(path, `server: { port: ${number} }\n`);
  assert.match(
    (await findings("port", { client }))[0]!,
    new RegExp(`^problem: 127.0.0.1:${number} is taken by another program → .*ss -ltnp`),
  );
});

test("keys: about to end, and spent", async () => {
  const now = Date.UTC(2026, 10, 26);
  const key = (name: string, fields: object) => ({
    name,
    state: "active",
    expires_at_ms: null,
    budgets: [],
    ...fields,
  });
  const client = answering({
    "/api/keys": {
      keys: [
        key("ci", { expires_at_ms: now + 86_400_000 }),
        key("shop", { budgets: [{ limit_nano: 5, spent_nano: 5 }] }),
        key("fine", {}),
      ],
      next: null,
    },
  });
  assert.deepEqual(
    (await findings("keys", { client, now: () => now })).map((each) => each.split(" → ")[0]),
    ["warning: ci end within a week", "warning: shop have spent their budget"],
  );
});

test("providers: one without a credential, one that answers, one not dialled offline", async (t) => {
  const number = await listening(t);
  const provider = (name: string, base_url: string, credentials: string[] = ["main"]) => ({
    name,
    base_url,
    credentials,
    free: false,
    proxy: null,
  });
  const client = answering({
    "/api/providers": {
      providers: [
        provider("echo", "echo:"),
        provider("near", `http://127.0.0.1:${number}/v1`),
        provider("far", "https://api.example.com/v1", []),
      ],
    },
  });
  const status = {} as StatusAnswer;
  assert.deepEqual(await findings("providers", { client, status }), [
    `good: near: 127.0.0.1:${number} answers`,
    "warning: far has no credential → Set its variable, or providers.far.api_key: env.NAME",
    "note: far: api.example.com is not dialled with --offline",
  ]);
});

test("examine() makes a finding of a check that throws", async () => {
  const broken: Check = { name: "broken", about: "", run: () => Promise.reject(new Error("no such thing")) };
  const [{ findings: found } = { findings: [] }] = await examine([broken], patientOf({}));
  assert.deepEqual(
    found.map(({ level, message }) => [level, message]),
    [["problem", "could not be looked at: no such thing"]],
  );
});

test("each check of the doctor has its file, and is named in docs/cli.md", () => {
  const docs = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");
  const line = docs.split("\n").find((each) => each.startsWith("| `bifrost doctor`"))!;
  for (const { name } of checks)
    assert.ok(existsSync(new URL(`../../cli/doctor/${name}.ts`, import.meta.url)) && line.includes(name), name);
});

test("alerts: a rule that cannot be judged, a channel that takes nothing, a rule that tells nobody", async () => {
  const rule = (name: string, fields: object) => ({ name, error: null, channels: ["ops"], firing: [], ...fields });
  const client = answering({
    "/api/alerts": {
      rules: [rule("broken", { error: "1:4: expected a value" }), rule("silent", { channels: [] })],
      channels: [{ name: "ops", last_error: "404" }],
    },
  });
  assert.deepEqual(await findings("alerts", { client, status: {} as StatusAnswer }), [
    'warning: rule "broken" cannot be judged: 1:4: expected a value → Mend its condition: docs/alerts.md',
    'warning: channel "ops" does not take messages: 404 → Try it: bifrost alerts test ops',
    "note: silent would tell nobody → Name a channel in the rule.",
  ]);
});
