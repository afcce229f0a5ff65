/** `serve --detach` with the real daemon: what it says, what it leaves in files, and how a second one is told. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { exitCodes } from "../../cli/failure.ts";
import { runCommand, temporaryHome } from "../support/daemon.ts";

test("serve --detach returns when requests are served, with the first key, which no file holds", async () => {
  const home = temporaryHome();
  const other = temporaryHome();
  const ask = (...argv: string[]) => runCommand([...argv, "--home", home], {}, home);
  try {
    const started = await ask("serve", "--detach", "--port", "0");
    assert.equal(started.code, 0, started.stderr);
    const url = /listening on (http:\S+)/.exec(started.stdout)?.[1];
    const secret = /^ {2}(sk-bf-\S+)$/m.exec(started.stdout)?.[1];
    assert.ok(url !== undefined && secret !== undefined, started.stdout);

    const pasted = /^ {2}curl .*-d '(.*)'$/m.exec(started.stdout)?.[1];
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      body: pasted!,
    });
    assert.equal(answer.status, 200, await answer.text());

    const again = await ask("serve", "--detach");
    assert.deepEqual([again.code, again.stdout], [exitCodes.taken, ""]);
    assert.match(again.stderr, /^error: a daemon \(process \d+\) already runs over /);

    const { port } = new URL(url);
    const taken = await runCommand(["serve", "--port", port, "--home", other], {}, other);
    assert.deepEqual([taken.code, taken.stdout], [exitCodes.taken, ""]);
    assert.match(taken.stderr, new RegExp(`^error: port ${port} is taken by another program\nTry --port `));
    const elsewhere = await runCommand(["serve", "--detach", "--port", "0", "--home", other], {}, other);
    assert.match(elsewhere.stdout, /^ {2}sk-bf-\S+$/m, "the start that succeeds shows the first key");
    assert.equal((await runCommand(["stop", "--home", other], {}, other)).code, 0);

    assert.equal((await ask("stop")).code, 0);
    assert.equal((await ask("status")).code, exitCodes.notRunning);
    assert.match((await ask("keys", "list")).stdout, /^default /m);
    for (const file of readdirSync(home, { recursive: true, withFileTypes: true }))
      if (file.isFile())
        assert.ok(!readFileSync(join(file.parentPath, file.name)).includes(secret), `A41 ${file.name}`);
  } finally {
    await ask("stop");
    await runCommand(["stop", "--home", other], {}, other);
    for (const directory of [home, other]) rmSync(directory, { recursive: true, force: true });
  }
});
