import assert from "node:assert/strict";
import { test } from "node:test";
import { exitCodes } from "../../cli/failure.ts";
import { openLab } from "../daemon/admin/admin-lab.ts";
import { runHere } from "./run-in-process.ts";

test("audit list prints the newest records, and only changes with --changes", async (t) => {
  const lab = openLab();
  t.after(() => lab.close());
  await lab.listen();
  const ask = (...argv: string[]) => runHere(argv, { home: lab.home });
  const all = await ask("audit", "list");
  assert.deepEqual([all.code, all.out.split("\n").length], [0, 5]);
  assert.match(all.out, /^RECORD\s+TIME\s+WHO\s+DID\s+TO\s+OUTCOME\s+COST\s+HASH\n\s+3 /);
  const changes = await ask("audit", "list", "--changes", "--json", "--limit", "1");
  assert.deepEqual(
    changes.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).record),
    [2],
  );
});

test("audit export prints the same with --json as without", async (t) => {
  const lab = openLab();
  t.after(() => lab.close());
  await lab.listen();
  const [plain, json] = await Promise.all(
    [[], ["--json"]].map((more) => runHere(["audit", "export", ...more], { home: lab.home })),
  );
  assert.deepEqual([json!.code, json!.out], [0, plain!.out]);
  assert.equal(typeof JSON.parse(json!.out.split("\n")[0]!), "object");
});

test("tui says what to use in a pipe", async () => {
  const { code, err } = await runHere(["tui"], { home: "/nonexistent" });
  assert.equal(code, exitCodes.usage);
  assert.match(err, /^error: the screen needs a terminal\nIn a pipe use: bifrost logs -f/);
});
