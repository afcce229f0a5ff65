/** Secrets of keys at the command line: what a script reads, and what it is told of keys that got none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Lab, openLab } from "../daemon/admin/admin-lab.ts";
import { type Ran, runHere } from "./run-in-process.ts";

async function withLab(body: (lab: Lab, ask: (...argv: string[]) => Promise<Ran>) => Promise<void>): Promise<void> {
  const lab = openLab();
  try {
    await lab.listen();
    await body(lab, (...argv) => runHere(argv, { home: lab.home }));
  } finally {
    await lab.close();
  }
}

test("run() prints a new secret alone on stdout, and a curl line only to a terminal", () =>
  withLab(async (lab, ask) => {
    const piped = await ask("keys", "create", "--name", "ci");
    assert.match(piped.out, /^sk-bf-[\w-]+\n$/);
    assert.doesNotMatch(piped.err, /curl|sk-bf-/);
    const shown = await runHere(["keys", "rotate", "ci", "--grace", "1h"], {
      home: lab.home,
      terminal: { outIsTerminal: true, columns: 80 },
    });
    assert.match(shown.out, /^sk-bf-[\w-]+\n$/);
    assert.match(shown.err, /The old secret works until 2026-11-23T13:00:00.000Z/);
    assert.ok(
      shown.err.includes(
        `curl http://127.0.0.1:18080/v1/chat/completions -H 'Authorization: Bearer ${shown.out.trim()}'`,
      ),
      shown.err,
    );
  }));

test("run() rotates several keys, and fails for those that are none without losing a secret", () =>
  withLab(async (_, ask) => {
    for (const name of ["ci", "cd"]) assert.equal((await ask("keys", "create", "--name", name)).code, 0);
    const both = await ask("keys", "rotate", "ci", "cd");
    assert.deepEqual([both.code, /^ci\tsk-bf-[\w-]+\ncd\tsk-bf-[\w-]+\n$/.test(both.out)], [0, true]);
    const some = await ask("keys", "rotate", "nobody", "cd", "--grace", "1h");
    assert.match(some.out, /^cd\tsk-bf-[\w-]+\n$/);
    assert.deepEqual([some.code === 0, /nobody: there is no key "nobody"/.test(some.err)], [false, true]);
  }));
