/** What a stranger types, and what is said: each answer names the mistake and a next step, on standard error alone. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { renderFailure } from "../../cli/failure.ts";
import { homeFailure } from "../../cli/home-failure.ts";
import { nextStep } from "../../cli/next-step.ts";
import { createRequestIds } from "../../daemon/http/request-id.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { type Daemon, runCommand, startDaemon } from "../support/daemon.ts";
import { runHere } from "./run-in-process.ts";

let daemon: Daemon;
before(async () => {
  daemon = await startDaemon();
  await daemon.createKey({ name: "ci", budget: "1/1d" });
});
after(() => daemon?.stop());

/** Exit code 2: used wrongly; 3: there is no such thing; 1, 5, 6 as docs/cli.md says. */
const mistakes: readonly (readonly [typed: string, code: number, said: RegExp])[] = [
  ["kyes list", 2, /unknown command 'kyes'\n\(Did you mean keys\?\)\n$/],
  ["help kyes", 2, /unknown command 'kyes'\n\(Did you mean keys\?\)\n$/],
  ["keys lst", 2, /\(Did you mean list\?\)\n$/],
  ["keys create", 2, /'--name <name>' not specified\nSee: bifrost keys create --help\n$/],
  ["keys create --name a --budget ten", 2, /10\/1d or 2\.50\/1h[^\n]*\nSee: bifrost keys create --help\n$/],
  ["keys create --name ci", 1, /already[^\n]*\nChoose another name, or change that one: bifrost keys update ci\n$/],
  ["keys create --name b --content all", 2, /off, metadata, full/],
  ["keys show nobody", 3, /there is no key "nobody"\nSee which there are: bifrost keys list\n$/],
  ["keys update ci", 2, /nothing to change\nSee: bifrost keys update --help\n$/],
  ["keys rotate ci --grace forever", 2, /30s, 15m, 1h or 30d/],
  ["keys revoke ci", 2, /nobody can be asked\nAdd --yes/],
  ["logs status:9xx", 2, /no status is "9xx": write 429, 5xx or >=400/],
  ["logs stauts:200", 2, /no field "stauts"; there are id, status/],
  ["logs latency:>abc", 2, /"latency:>abc" compares with no number: write such as latency:>2s/],
  ["logs --open --export csv", 2, /--open [^\n]* has nothing to export\nTry: bifrost logs --open\n$/],
  ["rules create --name r --target echo/echo=heavy", 2, /write a weight as echo\/echo=3\n$/],
  ["rules create --name r --target nowhere/x", 2, /"nowhere"[^\n]*\nSee which there are: bifrost providers\n$/],
  ["prices set echo/echo inptu=1", 2, /"price\.inptu"\nRates are named as under `prices` in docs\/config\.md\.\n$/],
  ["prices set nowhere/x input=1", 2, /"nowhere"\nSee which there are: bifrost providers\n$/],
  ["config validate /nonexistent/x.yaml", 3, /x\.yaml cannot be read: there is no such file\n$/],
  ["keys create --name b --rpm 99999999999999", 2, /whole number of at most 12 digits/],
  ["keys create --name b --expires tomorrow", 2, /Expected 30d or 12h, a date such as 2027-01-31, or never/],
  ["audit list --limit 0", 2, /whole number from 1 to/],
  ["wallets topup key:ci 0", 2, /Expected more than nothing, such as 25/],
  ["tokens create --name t", 2, /give permissions or a role\nSuch as: --role viewer/],
  ["tokens create --name t --permissions foo:read", 2, /no "foo:read"; there are status:read, [^\n]*keys:read/],
  ["route test --model echo/echo --type chatt", 2, /"request_type": [^\n]*"chat"/],
  ["logs --since yesterday", 2, /how long ago, such as 15m or 7d, or a date such as 2027-01-31/],
  ["logs --limit -5", 2, /Expected a whole number/],
  [
    "explain req_nope",
    3,
    /no request "req_nope" in the log\nSee which there are: bifrost logs; in flight: bifrost logs --open\n$/,
  ],
  ["usage --by colour", 2, /Allowed choices are key, team/],
  ["usage --period 7x", 2, /Expected today, or a duration such as 24h/],
  ["usage --since 2026-13-40", 2, /a date such as 2027-01-31/],
  ["usage --since 2026-11-27 --until 2026-11-01", 2, /--until is before --since: 2026-11-01T/],
  ["logs --since 1h --until 2h", 2, /--until is before --since: /],
  ["audit export --since 1h --until 2h", 2, /--until is before --since: /],
  [
    "rules create --name r --when a== --target echo/echo",
    2,
    /is no condition: [^\n]*\n[^\n]*docs\/routing\.md#rules\n$/,
  ],
  ["backup --verify /dev/null", 6, /\/dev\/null is no backup of bifrost\n$/],
  ["restore /nonexistent --yes", 3, /^error: there is no file \/nonexistent\n$/],
  ["import litellm /nonexistent", 3, /cannot read \/nonexistent: there is no such file or folder\n$/],
  ["catalog import /nonexistent", 3, /^error: there is no file \/nonexistent\n$/],
  ["top --window 0s", 2, /a second at least, such as 5m/],
  ["tui", 2, /needs a terminal\nIn a pipe use: bifrost logs -f/],
  ["teams show x", 3, /See which there are: bifrost teams list/],
  ["limits show 77", 3, /See which there are: bifrost limits list/],
  ["tokens revoke nope --yes", 3, /See which there are: bifrost tokens list/],
  ["alerts test nope", 3, /See which there are: bifrost alerts list/],
  ["wallets show x", 2, /kind:name, such as team:research/],
  ["wallets topup team:x five", 2, /Expected dollars, such as 25/],
  ["budgets override key:ci 0 --extra 5", 2, /--cycles, --until or --forever[^\n]*\nSuch as: bifrost budgets override/],
  ["budgets reset key:ci 3 --yes", 3, /has no budget 3\nSee which there are: bifrost budgets list/],
  ["config rollback", 2, /missing required argument 'generation'\nSee: bifrost config rollback --help\n$/],
  ["config rollback 999 --yes", 3, /not in the history\nSee which there are: bifrost config history\n$/],
  ["route test", 2, /'--model <model>'|'--model <name>' not specified\nSee: bifrost route test --help/],
  [
    "backup --out /nonexistent/folder/x",
    1,
    /^error: \/nonexistent\/folder: there is no such file or folder \(ENOENT\)/,
  ],
  ["audit verify extra", 2, /too many arguments[^\n]*\nSee: bifrost audit verify --help/],
  ["demo --rate 0", 2, /more than 0 and at most 2000/],
  ["serve --port 99999", 2, /from 0 \(any free one\) to 65535/],
  ["serve", 5, /already runs over[^\n]*\nSee it with: bifrost status/],
];

for (const [typed, code, said] of mistakes)
  test(`bifrost ${typed}: names the mistake and a next step`, async () => {
    const result = await runCommand([...typed.split(" "), "--home", daemon.home]);
    assert.deepEqual([result.code, result.stdout], [code, ""], result.stderr);
    assert.match(result.stderr, said);
    assert.doesNotMatch(result.stderr, /^ +at /m);
  });

for (const [typed, code, message, hint] of [
  ["keys show nobody", 3, 'there is no key "nobody"', "See which there are: bifrost keys list"],
  ["kyes", 2, "unknown command 'kyes'", "(Did you mean keys?)"],
  ["keys create", 2, "required option '--name <name>' not specified", "See: bifrost keys create --help"],
  ["config validate /nonexistent/x.yaml", 3, "/nonexistent/x.yaml cannot be read: there is no such file", null],
  ["usage --since 2h --until 3h", 2, /^--until is before --since: /, null],
] as const)
  test(`bifrost ${typed} --json: the mistake is one JSON text on standard error`, async () => {
    const {
      code: ended,
      out,
      err,
    } = await runHere([...typed.split(" "), "--json"], {
      home: daemon.home,
      daemon: { openOffline: () => Promise.reject(new Error("a daemon runs")) },
    });
    assert.deepEqual([ended, out], [code, ""], err);
    const { error } = JSON.parse(err) as { error: { message: string; hint: string | null; exit_code: number } };
    assert.deepEqual(Object.keys(error), ["message", "hint", "exit_code"]);
    assert.deepEqual([error.hint, error.exit_code], [hint, code]);
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
    const { err: traced } = await runHere([...typed.split(" "), "--json", "--debug"], { home: daemon.home });
    assert.equal(traced.trimEnd().split("\n").length, 1);
  });

test("bifrost serve: a config that cannot be read, or is wrong, is named in the next step", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "bifrost-mistakes-"));
  context.after(() => rm(folder, { recursive: true }));
  const [file, home] = [join(folder, "c.yaml"), join(folder, "home")];
  await writeFile(file, "server: { prot: 1 }\n");
  const serve = (config: string) => runCommand(["serve", "--port", "0", "--home", home, "--config", config]);
  const [wrong, none] = [await serve(file), await serve(join(folder, "none.yaml"))];
  assert.deepEqual([wrong.code, none.code], [6, 6]);
  assert.ok(wrong.stderr.endsWith(`\nCheck it with: bifrost config validate ${file}\n`), wrong.stderr);
  assert.match(none.stderr, /cannot be read: no such file\nName another with --config <file>/);
});

test("homeFailure() names the home whose disk is full, whoever found it", () => {
  for (const error of [
    new GatewayError("database_unavailable", "database or disk is full"),
    Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" }),
  ]) {
    const failure = homeFailure("/h", error);
    assert.equal(failure?.message, "the home /h cannot be written: the disk is full");
    assert.match(failure?.hint ?? "", /^Make room there/);
  }
});

test("renderFailure() has words for a full disk where the system names no path", () => {
  const error = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  assert.equal(renderFailure(error, false), "error: the disk is full (ENOSPC)\n");
});

test("bifrost --url names what is missing, and what nobody answers at", async () => {
  const ask = (url: string, env: Record<string, string> = {}) =>
    runCommand(["keys", "list"], { BIFROST_URL: url, ...env });
  const [token, nobody] = [{ BIFROST_TOKEN: "x" }, "http://127.0.0.1:1"];
  assert.match((await ask(nobody)).stderr, /\$BIFROST_TOKEN is not set\nPut a token/);
  assert.match((await ask("nowhere", token)).stderr, /not the address of an admin API\nWrite it as http/);
  const gone = await ask(nobody, token);
  assert.deepEqual([gone.code, gone.stdout], [4, ""], gone.stderr);
  assert.match(gone.stderr, /no daemon takes commands there[^\n]*\nIts config says where[^\n]*`admin\.listen`/);
  const unsure = await ask(daemon.url.replace("http:", "https:"), token);
  assert.equal(
    unsure.stderr,
    "error: 127.0.0.1 speaks no TLS there\nWrite http://, or name what speaks TLS in front of it.\n",
  );
  const unknown = await ask("http://nowhere.invalid:8081", token);
  assert.equal(unknown.stderr, "error: the name nowhere.invalid does not resolve\nMend --url or $BIFROST_URL.\n");
  assert.deepEqual([unsure.code, unknown.code], [1, 1]);
  assert.match(
    nextStep("this needs the permission keys:write") ?? "",
    /bifrost tokens create --permissions keys:write$/,
  );
  const port = await ask(daemon.url, token);
  assert.match(port.stderr, /nothing at \/api\/keys[^\n]*\nThat is where models are called/);
});

test("bifrost keys list --home: names a home that is no folder", async () => {
  const { code, stderr } = await runCommand(["keys", "list", "--home", import.meta.filename]);
  assert.equal(code, 1);
  assert.match(stderr, /^error: the home [^\n]* is not a folder\nName another with --home <directory>\.\n$/);
});

for (const typed of ["keys list", "serve --port 0"])
  test(`bifrost ${typed}: a home whose files cannot be opened is named, and who says more`, async (context) => {
    const home = await mkdtemp(join(tmpdir(), "bifrost-mistakes-"));
    context.after(() => rm(home, { recursive: true }));
    await mkdir(join(home, "lock.db"));
    const { code, stdout, stderr } = await runCommand([...typed.split(" "), "--home", home]);
    assert.deepEqual([code, stdout], [1, ""], stderr);
    assert.equal(stderr, `error: ${home}: lock.db cannot be opened or read\nWhat is wrong there: bifrost doctor\n`);
  });

test("bifrost config validate says whose variables count while a daemon runs", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "bifrost-mistakes-"));
  context.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "config.yaml");
  await writeFile(file, "providers: { openai: { api_key: env.MISTAKES_KEY } }\n");
  const validate = (home: string) =>
    runCommand(["config", "validate", file, "--home", home], { MISTAKES_KEY: "sk-mistakes" });
  const [running, none] = [await validate(daemon.home), await validate(join(folder, "home"))];
  assert.equal(running.code, 6);
  assert.match(running.stderr, /^Variables are those of the running daemon \(process \d+\), not of this shell\.\n$/);
  assert.deepEqual([none.code, none.stderr], [0, `${file} is valid.\n`]);
});

test("bifrost explain of a request that was named a moment ago says that its row may be on its way", async () => {
  const id = createRequestIds(0)();
  const { code, stderr } = await runCommand(["explain", id, "--home", daemon.home]);
  assert.equal(code, 3);
  assert.match(stderr, /in the log yet\nIt comes up to 0\.2 s after [^\n]*bifrost logs --open\n$/);
});
