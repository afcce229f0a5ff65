/** How a command's process ends: by itself, because nothing is open any more. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { exitCodes } from "../../cli/failure.ts";
import { type CommandResult, runCommand, temporaryHome } from "../support/daemon.ts";

/** Says so where the process is ended rather than ends. */
const watch = `data:text/javascript,${encodeURIComponent(
  `const exit = process.exit; process.exit = (code) => { process.stderr.write("ended by force: " + process.getActiveResourcesInfo() + "\\n"); exit(code); };`,
)}`;

type Run = ((...argv: string[]) => Promise<CommandResult>) & { readonly home: string };

function open(t: TestContext, config?: object): Run {
  const home = temporaryHome();
  if (config !== undefined) writeFileSync(join(home, "config.yaml"), JSON.stringify(config));
  const run = (...argv: string[]) => runCommand([...argv, "--home", home], { NODE_OPTIONS: `--import=${watch}` }, home);
  t.after(async () => {
    await run("stop");
    rmSync(home, { recursive: true, force: true });
  });
  return Object.assign(run, { home });
}

async function takenPort(t: TestContext): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return (server.address() as { port: number }).port;
}

test("a command over the files leaves nothing open", async (t) => {
  const run = open(t);
  const asked = [["keys", "create", "--name", "a"], ["keys", "list"], ["logs"], ["usage"], ["audit", "verify"]];
  for (const argv of [...asked, ["doctor", "--offline"], ["config", "history"], ["backup"]]) {
    const { code, stderr } = await run(...argv);
    assert.equal(code, 0, `${argv.join(" ")}: ${stderr}`);
    assert.doesNotMatch(stderr, /by force/, argv.join(" "));
  }
});

test("a daemon and the commands that ask it leave nothing open", async (t) => {
  const run = open(t);
  const asked = [["status"], ["keys", "list"], ["reload"], ["doctor", "--offline"], ["restart"], ["stop"]];
  for (const argv of [["serve", "--detach", "--port", "0"], ...asked]) {
    const { code, stderr } = await run(...argv);
    assert.equal(code, 0, `${argv.join(" ")}: ${stderr}`);
    assert.doesNotMatch(stderr, /by force/, argv.join(" "));
  }
  assert.doesNotMatch(readFileSync(join(run.home, "daemon.log"), "utf8"), /by force/);
});

test("a daemon that could not have its port leaves nothing open", async (t) => {
  const run = open(t);
  const { code, stderr } = await run("serve", "--port", String(await takenPort(t)));
  assert.deepEqual([code, /by force/.test(stderr)], [exitCodes.taken, false], stderr);
});

test("a daemon that could not have the port of admin.listen says whose it is, and leaves nothing open", async (t) => {
  const port = await takenPort(t);
  const run = open(t, { admin: { listen: `127.0.0.1:${port}` } });
  const { code, stderr } = await run("serve", "--port", "0");
  assert.deepEqual(
    [code, stderr],
    [exitCodes.taken, `error: port ${port} is taken by another program\nChange admin.listen in the config.\n`],
  );
});
