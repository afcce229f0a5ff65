import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { verifyChain } from "../../../daemon/audit/verify.ts";
import { openState, stateFile, trafficFile } from "../../../daemon/store/boot.ts";
import { openDatabase } from "../../../daemon/store/database.ts";
import { createCommandClient } from "../../../daemon/store/requests.ts";
import { requestWidth, settlementWidth } from "../../../daemon/store/rows.ts";
import { createSender } from "../../../daemon/store/sender.ts";
import { readStatus } from "../../../daemon/store/writer-status.ts";
import { createKey, hold, requestRow, settlement, startWriter, temporaryHome, until } from "./fixtures.ts";

const ledger = { width: settlementWidth, whenFull: "keep" } as const;
const log = { width: requestWidth, whenFull: "drop" } as const;

function holdIds(home: string): string[] {
  const database = openDatabase(stateFile(home), { readonly: true });
  const ids = database
    .prepare("SELECT hold_id FROM records WHERE flags & 16 = 0 ORDER BY seq")
    .pluck()
    .all() as string[];
  assert.equal(verifyChain(database).ok, true);
  database.close();
  return ids;
}

test("state-writer thread commits rows of many senders, each in its order, and answers commands in between", async (t) => {
  const home = temporaryHome(t);
  openState(home);
  const thread = await startWriter(t, home, "state");
  const client = createCommandClient(thread.worker as never);
  const senders = [1001, 1002, 1003].map((number) => createSender(thread.connect(), number, ledger));
  const made = client.execute(createKey(1), "cli");
  for (let row = 0; row < 400; row += 1) {
    for (const [index, sender] of senders.entries()) {
      sender.pushHold(...hold(`${index}-${row}`));
      sender.push(...settlement(`${index}-${row}`));
    }
  }
  await Promise.all(senders.map((sender) => sender.durable()));
  assert.equal((await made).key?.publicId, "key_1");
  const status = readStatus(thread.status, "state");
  assert.deepEqual([status.health, status.rows, status.failures], ["healthy", 1_200, 0]);
  await thread.close();
  const ids = holdIds(home);
  for (const index of [0, 1, 2]) {
    assert.deepEqual(
      ids.filter((id) => id.startsWith(`${index}-`)),
      Array.from({ length: 400 }, (_, row) => `${index}-${row}`),
    );
  }
});

test("a writer thread that was killed loses no row: resend() to a new one, each row once", async (t) => {
  const home = temporaryHome(t);
  openState(home);
  let thread = await startWriter(t, home, "state");
  const sender = createSender(thread.connect(), 1001, ledger);
  let pushed = 0;
  for (let round = 0; round < 5; round += 1) {
    for (let row = 0; row < 200; row += 1) sender.push(...settlement(`r${pushed++}`));
    await new Promise((resolve) => setImmediate(resolve));
    await thread.worker.terminate();
    thread = await startWriter(t, home, "state");
    sender.resend(thread.connect());
  }
  await sender.durable();
  await thread.close();
  assert.deepEqual(
    holdIds(home),
    Array.from({ length: pushed }, (_, row) => `r${row}`),
  );
});

test("paceMs gathers the rows of many senders into one commit, while the first goes at once", async (t) => {
  const home = temporaryHome(t);
  openState(home);
  const thread = await startWriter(t, home, "state", 300);
  const senders = Array.from({ length: 10 }, (_, index) => createSender(thread.connect(), 1001 + index, ledger));
  for (const sender of senders) {
    sender.push(...settlement("one"));
    if (sender === senders[0]) await sender.durable();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(senders.map((sender) => sender.durable()));
  const { commits, rows } = readStatus(thread.status, "state");
  assert.deepEqual([commits, rows], [2, 10]);
});

test("A55 a database locked by another process: told, kept, and written when the lock goes", async (t) => {
  const home = temporaryHome(t);
  openState(home);
  const thread = await startWriter(t, home, "state");
  const client = createCommandClient(thread.worker as never);
  const sender = createSender(thread.connect(), 1001, ledger);
  const unlock = await lockElsewhere(t, stateFile(home));
  sender.push(...settlement("a"));
  await until(() => sender.failing === "locked", "the sender is told");
  assert.equal(readStatus(thread.status, "state").health, "unhealthy");
  await assert.rejects(client.execute({ kind: "probe" }, "health"), { code: "database_unavailable" });
  assert.equal(sender.pending, 1);
  unlock();
  await sender.durable();
  assert.equal(readStatus(thread.status, "state").health, "healthy");
  await client.execute({ kind: "probe" }, "health");
  await thread.close();
  assert.deepEqual(holdIds(home), ["a"]);
});

test("A55 state.db removed while in use: nothing more is said to be written until it is back", async (t) => {
  const home = temporaryHome(t);
  openState(home);
  const thread = await startWriter(t, home, "state");
  const faults: string[] = [];
  thread.worker.on("message", (message) => message.type === "fault" && faults.push(message.message));
  const sender = createSender(thread.connect(), 1001, ledger);
  sender.push(...settlement("before"));
  await sender.durable();
  renameSync(stateFile(home), `${stateFile(home)}.gone`);
  sender.push(...settlement("meanwhile"));
  await until(() => sender.failing === "unreadable", "the sender is told");
  assert.equal(readStatus(thread.status, "state").health, "unhealthy");
  await until(() => faults.length > 0, "the log is told");
  assert.match(faults[0] as string, /state\.db was removed or replaced while in use/);
  renameSync(`${stateFile(home)}.gone`, stateFile(home));
  await sender.durable();
  assert.equal(readStatus(thread.status, "state").health, "healthy");
  await thread.close();
  assert.deepEqual(holdIds(home), ["before", "meanwhile"]);
});

/** Another process takes the write lock and keeps it until it is killed. */
async function lockElsewhere(t: TestContext, file: string): Promise<() => void> {
  const library = import.meta.resolve("better-sqlite3");
  const script = `import D from ${JSON.stringify(library)}; const d = new D(${JSON.stringify(file)}); d.exec("BEGIN IMMEDIATE"); console.log("locked"); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return () => child.kill("SIGKILL");
}

test("A55 a full disk: rows are kept, and written without a restart when there is room", async (t) => {
  const home = join(tmpdir(), `bifrost-full-${process.pid}`);
  mkdirSync(home);
  t.after(() => {
    spawnSync("umount", ["-l", home]);
    rmSync(home, { recursive: true, force: true });
  });
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "none", home]).status !== 0) {
    t.skip("needs the right to mount a small file system");
    return;
  }
  openState(home);
  const thread = await startWriter(t, home, "state");
  const sender = createSender(thread.connect(), 1001, ledger);
  sender.push(...settlement("before"));
  await sender.durable();
  const ballast = join(home, "ballast");
  fill(ballast);
  let pushed = 0;
  while (sender.failing === undefined) {
    sender.push(...settlement(`r${pushed++}`));
    await Promise.race([
      sender.durable(),
      until(() => sender.failing !== undefined || sender.pending === 0, "an answer"),
    ]);
  }
  assert.deepEqual([sender.failing, readStatus(thread.status, "state").health], ["full", "unhealthy"]);
  for (let row = 0; row < 50; row += 1) sender.push(...settlement(`r${pushed++}`));
  rmSync(ballast);
  await sender.durable();
  assert.equal(readStatus(thread.status, "state").health, "healthy");
  await thread.close();
  assert.deepEqual(holdIds(home), ["before", ...Array.from({ length: pushed }, (_, row) => `r${row}`)]);
});

function fill(file: string): void {
  const chunk = Buffer.alloc(4_096);
  try {
    for (;;) writeFileSync(file, chunk, { flag: "a" });
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
  }
}

test("a snapshot through the thread holds all balances, and commits go on while it is made", async (t) => {
  const home = temporaryHome(t);
  openState(home);
  const filler = openDatabase(stateFile(home));
  filler.exec(
    "INSERT INTO balances WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, 0, 5, i, 0 FROM n",
  );
  filler.close();
  const thread = await startWriter(t, home, "state");
  const client = createCommandClient(thread.worker as never);
  const sender = createSender(thread.connect(), 1001, ledger);
  sender.push(...settlement("before"));
  const tables = new Uint8Array(100).fill(7);
  const made = client.execute({ kind: "snapshot", change: 0, tables }, "main");
  sender.push(...settlement("meanwhile"));
  await Promise.all([made, sender.durable()]);
  await thread.close();
  assert.deepEqual(holdIds(home), ["before", "meanwhile"]);
  const state = openState(home);
  assert.deepEqual([state.tables, state.balances.length], [Buffer.from(tables), 20_000]);
  assert.deepEqual(state.balances.at(-1), { scopeId: 20_000, slot: 0, windowStartMs: 5, spentNano: 20_000 });
});

test("a malformed batch is refused alone; its neighbours are written", async (t) => {
  const home = temporaryHome(t);
  openState(home);
  const thread = await startWriter(t, home, "state");
  const bad = createSender(thread.connect(), 1001, ledger);
  const good = createSender(thread.connect(), 1002, ledger);
  bad.push("x", "noon", 1, "1", 7, 3, 0, "{}");
  good.push(...settlement("good"));
  await Promise.all([bad.durable(), good.durable()]);
  assert.deepEqual([bad.rejected, good.rejected, readStatus(thread.status, "state").rejected], [1, 0, 1]);
  bad.push(...settlement("later"));
  await bad.durable();
  await thread.close();
  assert.deepEqual(holdIds(home).sort(), ["good", "later"]);
});

test("traffic-writer thread writes request rows as they came and counts what senders dropped", async (t) => {
  const home = temporaryHome(t);
  const thread = await startWriter(t, home, "traffic");
  const sender = createSender(thread.connect(), 1001, { ...log, rowsMax: 100 });
  for (let row = 0; row < 103; row += 1) sender.push(...requestRow(`req_${row}`));
  await sender.durable();
  await until(() => readStatus(thread.status, "traffic").dropped === 3, "dropped rows are counted");
  await thread.close();
  const database = openDatabase(trafficFile(home), { readonly: true });
  const rows = database.prepare("SELECT * FROM requests ORDER BY row").raw().all() as unknown[][];
  assert.deepEqual(rows.length, 100);
  assert.deepEqual(rows[42], [43, ...requestRow("req_42")]);
  database.close();
});
