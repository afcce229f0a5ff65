import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { verifyChain } from "../../../daemon/audit/verify.ts";
import { openState, openStateWriter, stateFile } from "../../../daemon/store/boot.ts";
import { openDatabase } from "../../../daemon/store/database.ts";
import { checkLedger } from "../../../daemon/store/ledger-check.ts";
import { settlementFlag } from "../../../daemon/store/rows.ts";
import { createKey, temporaryHome } from "./fixtures.ts";

const rounds = 25;
const recovered = settlementFlag.estimated | settlementFlag.recovered;

/** Runs the child until it has told `acknowledged` rows, then kills it `afterMs` later, wherever it is. */
function runAndKill(home: string, boot: number, acknowledged: number, afterMs: number): Promise<void> {
  const child = spawn(process.execPath, [new URL("./crash-child.ts", import.meta.url).pathname, home, String(boot)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return new Promise((resolve, reject) => {
    let lines = 0;
    let armed = false;
    child.stdout.on("data", (chunk: Buffer) => {
      for (const byte of chunk) if (byte === 10) lines += 1;
      if (lines < acknowledged || armed) return;
      armed = true;
      setTimeout(() => child.kill("SIGKILL"), afterMs);
    });
    child.once("error", reject);
    child.once("exit", (_code, signal) =>
      signal === "SIGKILL" ? resolve() : reject(new Error(`ended by itself: ${signal}`)),
    );
  });
}

test("U4 kill -9 between any write and its fsync: the chain verifies at boot, no acknowledged record is missing", async (t) => {
  const home = temporaryHome(t);
  const writer = openStateWriter(home);
  writer.execute(createKey(1), "cli");
  writer.close();
  for (let round = 0; round < rounds; round += 1) {
    const { bootCount, recovered: found } = openState(home);
    assert.equal(bootCount, round + 1);
    assert.ok(round === 0 || found >= 0);
    await runAndKill(home, bootCount, 1 + (round % 4) * 3, (round * 7) % 13);
  }
  const state = openState(home);
  const database = openDatabase(stateFile(home), { readonly: true });
  t.after(() => database.close());
  const verification = verifyChain(database, state.chainHead);
  assert.deepEqual(verification, { ok: true, records: state.chainHead.seq, head: state.chainHead });
  const check = checkLedger(database, state.balances);
  assert.deepEqual([check.differences, check.openHolds], [[], 0]);
  const flags = new Map<string, number[]>();
  for (const row of database.prepare("SELECT hold_id, flags FROM records WHERE flags & 16 = 0").raw().all()) {
    const [id, value] = row as [string, number];
    flags.set(id, [...(flags.get(id) ?? []), value]);
  }
  // The child notes in a file of its own, after each acknowledgement, what it was told.
  const told = readFileSync(join(home, "acknowledged"), "utf8").trim().split("\n");
  assert.ok(told.length >= rounds);
  for (const line of told) {
    const [kind, id] = line.split(" ") as [string, string];
    const values = flags.get(id);
    assert.ok(values !== undefined, `${line}: acknowledged, and gone`);
    assert.deepEqual(values.length, 1, `${line}: once`);
    if (kind === "settled") assert.equal(values[0], 0, `${line}: as it was settled`);
  }
  assert.ok(
    [...flags.values()].some(([value]) => value === recovered),
    "some hold was left open by a kill",
  );
});
