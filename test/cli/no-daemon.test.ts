/** What every command does where no daemon runs: `docs/cli.md` names those that need one, the others work on the files. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { exitCodes } from "../../cli/failure.ts";
import { openDistribution, openOffline } from "../../daemon/main.ts";
import { leaves, rows } from "./every-command.ts";
import { runHere } from "./run-in-process.ts";

const { notRunning } = exitCodes;

/** Left out: they start a daemon, are a screen, or have nothing to do with one. */
const apart =
  /^(serve|tui|demo|doctor|backup|restore|completion|reconcile|catalog import|(import|bundle|service) \w+)$/;

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
