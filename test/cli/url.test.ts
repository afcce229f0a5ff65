/** `--url` with every command: it asks the daemon there, or says that it does not and what to do instead. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { exitCodes } from "../../cli/failure.ts";
import type { StatusAnswer } from "../../daemon/admin/contract/daemon.ts";
import type { TokenSecretAnswer } from "../../daemon/admin/contract/tokens.ts";
import { openImporters } from "../../daemon/main.ts";
import { ask } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { leaves, rows } from "./every-command.ts";
import { type RunOptions, runHere } from "./run-in-process.ts";

const { ok, usage, notFound, notRunning, checkFailed } = exitCodes;

/** They work on this machine, and say so. */
const refused: readonly (readonly [command: string, args: string, hint: RegExp])[] = [
  ["serve", "", /from elsewhere: bifrost status --url/],
  ["demo", "", /bifrost tui --url/],
  ["import litellm", "FILE", /With --keys/],
  ["import bifrost", "FILE", /put it on that machine/],
  ["import portkey", "FILE", /put it on that machine/],
  ["catalog import", "FILE", /bifrost models --url/],
  ["catalog show", "", /bifrost models --url/],
  ...["backup", "restore FILE", "service install", "service uninstall"].map(onThatMachine),
  ...["create --out FILE", "keygen", "verify FILE", "install FILE", "rollback", "list"].map((words) =>
    onThatMachine(`bundle ${words}`),
  ),
  ["completion", "bash", /the line before the tab key/],
];

function onThatMachine(line: string): readonly [string, string, RegExp] {
  const [, command, args] = /^(\S+(?: (?!FILE)[a-z]+)?) ?(.*)$/.exec(line)!;
  return [command!, args!, /on that machine, without --url/];
}

/** What is otherwise with a daemon than with none. */
const answered: Readonly<Record<string, readonly [args: string, code: number]>> = {
  top: ["--once", ok],
  "alerts test": ["mail", notFound],
  "config validate": ["", ok],
  "config diff": ["", ok],
  "config rollback": ["99 --yes", notFound],
};
/** What goes on until it is ended, and what ends the daemon. */
const last = new Set(["stop", "restart"]);
const shownElsewhere = new Set(["tui"]); // test/cli/tui/tmux-elsewhere.test.ts

let daemon: Daemon;
let options: RunOptions;
let url: string;
before(async () => {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  daemon = await startDaemon({ config: { admin: { listen: `127.0.0.1:${port}` } } });
  const { secret } = await daemon.admin<TokenSecretAnswer>("POST", "/api/tokens", { name: "far", role: "admin" });
  // Nothing of this machine's own is loaded: a command that turns to it fails.
  options = {
    home: join(daemon.home, "nowhere"),
    environment: { BIFROST_TOKEN: secret },
    daemon: { openImporters },
  };
});
after(() => daemon?.stop());

const typed = (command: string, args: string) => [
  ...`${command} ${args}`.split(" ").filter((word) => word !== ""),
  ...["--url", url],
];

test("--url: every command asks there or refuses it", async () => {
  const named = new Set([...rows.map(([command]) => command), ...refused.map(([command]) => command)]);
  const more = new Set([...remoteFiles.map(([command]) => command), ...shownElsewhere, "doctor"]);
  assert.deepEqual(
    (await leaves()).filter((command) => !named.has(command) && !more.has(command)),
    [],
    "commands that no row tries",
  );
});

for (const [command, args, hint] of refused)
  test(`--url: ${command} refuses it, and says what to do`, async () => {
    const { code, out, err } = await runHere(typed(command, args), options);
    assert.deepEqual([code, out], [usage, ""], err);
    const [first, second] = err.split("\n");
    assert.equal(first, `error: ${command} works on this machine and takes no --url`);
    assert.match(second!, hint);
  });

test("--url: $BIFROST_URL is for the commands that ask, and keeps none from working here", async () => {
  const environment = { ...options.environment, BIFROST_URL: url };
  const { code, out, err } = await runHere(["completion", "bash"], { ...options, environment });
  assert.equal(code, ok, err);
  assert.match(out, /_bifrost/);
});

test("--url with --home is refused: each means a daemon", async () => {
  const { code, err } = await runHere(["status", "--home", daemon.home, "--url", url], options);
  assert.deepEqual([code, err], [usage, "error: --home and --url each mean a daemon\nLeave one of them out.\n"]);
});

test("--url: every other command asks the daemon there", { timeout: 120_000 }, async () => {
  for (const [command, args, code] of rows) {
    if (last.has(command) || args === "-f" || refused.some(([each]) => each === command)) continue;
    const [words, expected] = answered[command] ?? [args, code === notRunning ? ok : code];
    const ran = await runHere(typed(command, words), options);
    assert.equal(ran.code, expected, `bifrost ${command} ${words}: ${ran.err}`);
  }
  assert.ok(!existsSync(options.home), "a home was made here");
});

/** Files are those of the machine where the command is typed. */
const remoteFiles: readonly (readonly [command: string, file: string, args: string, code: number])[] = [
  ["config validate", "server: { workers: 1 }\n", "FILE", ok],
  ["config validate", "providers: 5\n", "FILE", checkFailed],
  ["reconcile", "day,model,cost\n2026-11-01,m,0\n", "FILE --provider echo", ok],
  ["import litellm", "model_list: []\n", "FILE --keys KEYS", ok],
  ["completion", "", "--names keys", ok],
];

for (const [command, text, args, expected] of remoteFiles)
  test(`--url: ${command} ${args} ${JSON.stringify(text)} ends with ${expected}`, async () => {
    const file = join(daemon.home, "here.txt");
    const keys = join(daemon.home, "keys.json");
    writeFileSync(file, text);
    writeFileSync(keys, JSON.stringify([{ token: "a".repeat(64), key_alias: "far-key", models: [] }]));
    const words = args.replace("FILE", file).replace("KEYS", keys);
    const { code, out, err } = await runHere(typed(command, words), options);
    assert.equal(code, expected, `${out}${err}`);
    if (command === "config validate") assert.match(out + err, /here\.txt/);
  });

test("--url: doctor looks at the daemon there", async () => {
  const { out, err } = await runHere(typed("doctor", "--offline --json"), options);
  assert.match(out, /serves at/, err);
});

test("--url: restart, logs -f and stop are about the processes there", { timeout: 120_000 }, async () => {
  const key = await daemon.createKey({ name: "asker" });
  const restarted = await runHere(typed("restart", "--drain 1s"), options);
  assert.equal(restarted.code, ok, restarted.err);
  const [, pid] = /^Process (\d+) serves/m.exec(restarted.err) ?? [];
  assert.notEqual(Number(pid), daemon.pid);
  assert.equal((await daemon.admin<StatusAnswer>("GET", "/api/status")).pid, Number(pid));

  const seen = Promise.withResolvers<void>();
  const terminal = { outSlowly: async (text: string) => void (text.includes("followed") && seen.resolve()) };
  const following = runHere(typed("logs", "-f"), { ...options, terminal });
  await ask(daemon.url, { dialect: "chat", model: "echo/followed", key, prompt: "hello" });
  await Promise.race([seen.promise, following.then(({ err }) => assert.fail(err))]);

  const stopped = await runHere(typed("stop", "--drain 1s"), options);
  assert.equal(stopped.code, ok, stopped.err);
  assert.match(stopped.err, new RegExp(`^Stopped \\(process ${pid}\\)\\.$`, "m"));
  assert.equal((await runHere(typed("status", ""), options)).code, notRunning);
  assert.equal((await following).code, notRunning);
  await daemon.kill("SIGTERM"); // it has ended, and was meant to
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
