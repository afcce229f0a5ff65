/** What every command does where no daemon runs: `docs/cli.md` names those that need one, the others work on the files. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Command } from "commander";
import type { Context } from "../../cli/command.ts";
import { exitCodes } from "../../cli/failure.ts";
import { commands } from "../../cli/program.ts";
import { openDistribution, openOffline } from "../../daemon/main.ts";
import { runHere } from "./run-in-process.ts";

const { ok, notFound, notRunning } = exitCodes;

/** Left out: they start a daemon, are a screen, or have nothing to do with one. */
const apart =
  /^(serve|tui|demo|doctor|backup|restore|completion|reconcile|catalog import|(import|bundle|service) \w+)$/;

/** In this order over one home: what is made is shown, and what is not there is missed. */
const rows: readonly (readonly [command: string, args: string, code: number])[] = [
  ["status", "", notRunning],
  ["stop", "", notRunning],
  ["restart", "", notRunning],
  ["reload", "", notRunning],
  ["top", "", notRunning],
  ["logs", "-f", notRunning],
  ["logs", "--open", notRunning],
  ["alerts list", "", notRunning],
  ["alerts test", "mail", notRunning],
  ["route test", "--model echo/echo", notRunning],
  ["route rules", "", notRunning],
  ["keys create", "--name ci --budget 1/1d", ok],
  ["keys list", "", ok],
  ["keys show", "ci", ok],
  ["keys show", "nobody", notFound],
  ["keys update", "ci --disable", ok],
  ["keys rotate", "ci", ok],
  ["keys revoke", "ci --yes", ok],
  ["keys revoke", "nobody --yes", notFound],
  ...(["customers", "teams", "users", "end-users", "tags"] as const).flatMap((kind) => [
    [`${kind} create`, "--name one --budget 1/1d", ok] as const,
    [`${kind} list`, "", ok] as const,
    [`${kind} show`, "one", ok] as const,
    [`${kind} show`, "nobody", notFound] as const,
    [`${kind} update`, "one --description text", ok] as const,
  ]),
  ["budgets list", "", ok],
  ["budgets override", "team:one 0 --extra 2 --forever", ok],
  ["budgets reset", "team:one 0 --yes", ok],
  ["wallets show", "team:one", ok],
  ["wallets topup", "team:nobody 5", notFound],
  ...(["customers", "teams", "users", "end-users", "tags"] as const).map(
    (kind) => [`${kind} delete`, "one --yes", ok] as const,
  ),
  ["limits create", "--model echo/echo --limit requests:5/1m", ok],
  ["limits list", "", ok],
  ["rules create", "--name one --target echo/echo", ok],
  ["rules list", "", ok],
  ["rules show", "one", ok],
  ["rules show", "nobody", notFound],
  ["rules update", "one --disable", ok],
  ["rules delete", "one --yes", ok],
  ["prices set", "echo-paid/m input=1", ok],
  ["prices list", "", ok],
  ["prices show", "echo-paid/m", ok],
  ["prices show", "echo-paid/n", notFound],
  ["prices delete", "echo-paid/m --yes", ok],
  ["limits show", "nobody", notFound],
  ["limits update", "nobody --rpm 5", notFound],
  ["limits delete", "nobody --yes", notFound],
  ["tokens create", "--name ops --role viewer", ok],
  ["tokens list", "", ok],
  ["tokens revoke", "ops --yes", ok],
  ["tokens revoke", "nobody --yes", notFound],
  ["logs", "", ok],
  ["explain", "req_nothing", notFound],
  ["usage", "", ok],
  ["audit verify", "", ok],
  ["audit list", "", ok],
  ["audit export", "", ok],
  ["ledger check", "", ok],
  ["ledger reprice", "--since 1d --dry-run", ok],
  ["config validate", "", notFound],
  ["config schema", "", ok],
  ["config diff", "", notFound],
  ["config history", "", ok],
  ["config rollback", "1 --yes", notFound],
  ["models", "", ok],
  ["providers list", "", ok],
  ["catalog show", "", ok],
  ["egress", "", ok],
];

async function leaves(): Promise<string[]> {
  const context = {
    commands,
    terminal: { hasColor: false, columns: 80, out: () => undefined, err: () => undefined },
  } as unknown as Context;
  const found: string[] = [];
  const walk = (command: Command, path: string): void => {
    if (command.commands.length === 0) found.push(path);
    for (const child of command.commands) walk(child, `${path} ${child.name()}`);
  };
  for (const { name, load } of commands) {
    const command = new Command(name);
    (await load()).build(command, context);
    walk(command, name);
  }
  return found;
}

test("no daemon runs: each command works on the files, or says so with exit code 4", async (t) => {
  const home = mkdtempSync(join(tmpdir(), "bf-none-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const tried = new Set(rows.map(([command]) => command));
  assert.deepEqual(
    (await leaves()).filter((command) => !apart.test(command) && !tried.has(command)),
    [],
    "commands without a row",
  );
  for (const [command, args, expected] of rows) {
    const argv = [...command.split(" "), ...args.split(" ").filter((each) => each !== "")];
    const { code, err } = await runHere(argv, { home, daemon: { openOffline, openDistribution } });
    assert.equal(code, expected, `bifrost ${argv.join(" ")}: ${err}`);
    if (expected === notRunning) assert.match(err, /no daemon is running for .*\nStart one with: bifrost serve/);
  }
});

test("no daemon runs: docs/cli.md names the commands that need one", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/cli.md"), "utf8");
  const [, said = ""] = /but for what only a daemon knows or does: (.*?)\.\n\n/s.exec(page) ?? [];
  const named = [...said.matchAll(/`([^`]+)`/g)].map(([, command]) => command!);
  const needing = rows.filter(([, , code]) => code === notRunning).map(([command, args]) => `${command} ${args}`);
  assert.deepEqual(
    needing.filter((command) => !named.some((each) => command.startsWith(each))),
    [],
  );
  assert.deepEqual(
    named.filter((each) => !needing.some((command) => command.startsWith(each))),
    [],
  );
});

test("no daemon runs at --url: exit code 4 as well", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const environment = { BIFROST_TOKEN: "bf-admin-x" };
  for (const command of ["status", "keys list", "alerts list", "route rules", "usage", "reload"]) {
    const argv = [...command.split(" "), "--url", `http://127.0.0.1:${port}`];
    const { code, err } = await runHere(argv, { home: "/nonexistent", environment });
    assert.equal(code, notRunning, `${command}: ${err}`);
  }
});
