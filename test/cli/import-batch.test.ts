/** Many keys of LiteLLM's: in batches, with a bar where somebody looks, and nothing lost where some are there already. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openImporters, openOffline } from "../../daemon/main.ts";
import { runHere } from "./run-in-process.ts";

const daemon = { openOffline, openImporters };

test("import litellm --keys takes over 2,000 keys in batches, shows a bar on a terminal, and goes on where it broke off", async (t) => {
  const home = mkdtempSync(join(tmpdir(), "bf-imp-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const [config, keys] = [join(home, "litellm.yaml"), join(home, "keys.json")];
  writeFileSync(config, "model_list: []\n");
  const row = (index: number) => ({
    token: createHash("sha256").update(`sk-${index}`).digest("hex"),
    key_alias: `k${index}`,
    spend: 0.5,
    max_budget: 1,
  });
  const write = (from: number, to: number) =>
    writeFileSync(keys, JSON.stringify(Array.from({ length: to - from }, (_, index) => row(from + index))));
  const argv = ["import", "litellm", config, "--keys", keys, "--json"];

  write(150, 151);
  assert.match((await runHere(argv, { home, daemon })).err, /^1 of 1 keys/);
  write(0, 2_000);
  // However quick the machine: by this clock each look is a second after the last.
  let at = 0;
  const first = await runHere(argv, { home, daemon, terminal: { errIsTerminal: true, now: () => (at += 1_000) } });
  assert.equal(first.code, 0, first.err);
  assert.match(first.err, /1999 of 2000 keys and owners taken over\.\n$/);
  assert.match(first.err, /[█▏▎▍▌▋▊▉·]+ \d+% {2}\d+ keys and owners, \d+ a second/, "a bar");
  const present = (JSON.parse(first.out) as { report: { message: string }[] }).report;
  assert.deepEqual(
    present.filter(({ message }) => message.endsWith("is there already")).map(({ message }) => message),
    ['key "k150" is there already'],
  );
  const piped = await runHere(argv, { home, daemon });
  assert.equal(piped.err, "0 of 2000 keys and owners taken over.\n", "no bar in a pipe");
  const list = await runHere(["keys", "show", "k1999", "--json"], { home, daemon });
  assert.equal((JSON.parse(list.out) as { budgets: { spent_nano: number }[] }).budgets[0]?.spent_nano, 500_000_000);
  assert.equal((await runHere(["ledger", "check"], { home, daemon })).code, 0);
  const trail = await runHere(["audit", "export"], { home, daemon });
  const made = trail.out.split("\n").filter((line) => line.includes('key.adopt\\",\\"target\\":\\"key_'));
  assert.equal(made.length, 2_000, "a record for each");
});
