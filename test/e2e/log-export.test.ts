/** The log as lines: the same whoever asks and whether or not a daemon runs, streamed, and never short without a word. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, openSync, readFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { AdminAddress } from "../../daemon/admin/contract/calling.ts";
import type { LogRow } from "../../daemon/admin/contract/logs.ts";
import { openState, prepareTraffic, trafficFile } from "../../daemon/store/boot.ts";
import { columnsOf } from "../../daemon/store/columns.ts";
import { openDatabase } from "../../daemon/store/database.ts";
import { requestColumn as column, requestWidth } from "../../daemon/store/rows.ts";
import { TrafficWriter } from "../../daemon/store/traffic-writer.ts";
import { requestRow, temporaryHome } from "../daemon/store/fixtures.ts";
import { type Daemon, runCommand, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const rowCount = 20_000;
const trap = '=1+1, "quoted", two';

/** A home with many rows: each tenth failed, each thousandth has a user that a spreadsheet must not trip over. */
function filledHome(t: TestContext): string {
  const home = temporaryHome(t);
  openState(home);
  prepareTraffic(home);
  const writer = new TrafficWriter(openDatabase(trafficFile(home)), { retentionMs: 0 });
  const startsAt = Date.now() - rowCount;
  for (let at = 0; at < rowCount; at += 1_000) {
    const rows = Array.from({ length: 1_000 }, (_, index) => {
      const number = at + index;
      const failed = number % 10 === 0 ? { status: 503, error: "upstream_unavailable" } : {};
      const row = requestRow(`req_${String(number).padStart(6, "0")}`, { at: startsAt + number, keyId: 0, ...failed });
      row[column.user] = number % 1_000 === 0 ? trap : null;
      row[column.tools] = number % 1_000 === 1 ? '["get_weather","get_time"]' : null;
      return row;
    });
    writer.commit([{ type: "batch", sender: 1, number: at + 1, rows: columnsOf(requestWidth, rows.flat()) }]);
  }
  writer.close();
  return home;
}

async function asked(daemon: Daemon, path: string): Promise<IncomingMessage> {
  const { socket } = JSON.parse(readFileSync(join(daemon.home, "admin.json"), "utf8")) as AdminAddress;
  return new Promise((resolve, reject) => {
    get({ socketPath: socket, path, headers: { host: "localhost" } }, resolve).on("error", reject);
  });
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of answer.setEncoding("utf8")) text += part;
  return text;
}

test("bifrost logs --export writes what the API has, with a daemon and without, in JSON lines and CSV", async (t) => {
  const home = filledHome(t);
  const daemon = await startDaemon({ home, config: {} });
  t.after(() => daemon.stop());
  const variants: readonly (readonly string[])[] = [
    ["--export", "jsonl"],
    ["--export", "csv"],
    ["--export", "csv", "--status", "error", "--limit", "700"],
    ["--export", "jsonl", "status:503", "!id:req_0000", "--limit", "1500"],
    ["--export", "csv", "tool:get_time"],
  ];
  const withDaemon: string[] = [];
  for (const options of variants) {
    const { code, stdout, stderr } = await daemon.cli("logs", ...options);
    assert.deepEqual([code, stderr], [0, ""], options.join(" "));
    withDaemon.push(stdout);
  }
  const [jsonl, csv, failed, words, tools] = withDaemon as [string, string, string, string, string];
  assert.equal(jsonl, await textOf(await asked(daemon, "/api/logs/export?format=jsonl")));
  assert.equal(csv, await textOf(await asked(daemon, "/api/logs/export?format=csv")));
  const rows = jsonl
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as LogRow);
  assert.deepEqual([rows.length, rows[0]?.id, rows.at(-1)?.id], [rowCount, "req_019999", "req_000000"]);
  assert.equal(csv.split("\r\n").length, rowCount + 2);
  assert.match(csv, /,"'=1\+1, ""quoted"", two",/);
  assert.match(csv, /,get_weather get_time,/);
  assert.equal(failed.split("\r\n").length, 702);
  assert.deepEqual([words.trimEnd().split("\n").length, words.includes("req_0000")], [1_500, false]);
  assert.equal(tools.split("\r\n").length, 22);
  await daemon.kill("SIGTERM");
  for (const [index, options] of variants.entries()) {
    const { code, stdout } = await runCommand(["logs", ...options, "--home", home]);
    assert.equal(code, 0);
    assert.ok(stdout === withDaemon[index], `without a daemon, ${options.join(" ")} is another text`);
  }
});

test("GET /api/logs/export waits for a reader that is slow and ends with one that leaves", async (t) => {
  const daemon = await startDaemon({ home: filledHome(t), config: {} });
  t.after(() => daemon.stop());
  const slow = await asked(daemon, "/api/logs/export");
  slow.pause();
  const leaving = await asked(daemon, "/api/logs/export?format=csv");
  leaving.once("data", () => leaving.destroy());
  await until("the reader to have left", () => leaving.destroyed);
  const whole = await textOf(await asked(daemon, "/api/logs/export?limit=5000"));
  assert.equal(whole.trimEnd().split("\n").length, 5_000);
  // Whatever became of the log meanwhile, who reads slowly gets all of it.
  assert.equal((await textOf(slow)).trimEnd().split("\n").length, rowCount);
});

test("bifrost logs --export says that its file is not complete where the disk is full", {
  skip: !existsSync("/dev/full"),
}, async (t) => {
  const home = filledHome(t);
  for (const format of ["jsonl", "csv"]) {
    const command = join(import.meta.dirname, "../../cli/main.ts");
    const child = spawn(process.execPath, [command, "logs", "--export", format, "--home", home], {
      stdio: ["ignore", openSync("/dev/full", "w"), "pipe"],
    });
    let stderr = "";
    child.stderr!.setEncoding("utf8").on("data", (part: string) => {
      stderr += part;
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    assert.deepEqual(
      [code, stderr],
      [1, "error: standard output cannot be written: its disk is full. What was written so far is not complete.\n"],
    );
  }
});

test("bifrost logs --export tells of a daemon that ended in between", async (t) => {
  const daemon = await startDaemon({ home: filledHome(t), config: {} });
  t.after(() => daemon.stop());
  const command = join(import.meta.dirname, "../../cli/main.ts");
  const child = spawn(process.execPath, [command, "logs", "--export", "jsonl", "--home", daemon.home], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    stderr += part;
  });
  // The first piece is here, and what comes after it waits: the pipe is full.
  await new Promise<void>((resolve) => child.stdout.once("readable", resolve));
  await daemon.kill("SIGKILL");
  child.stdout.resume();
  const code = await new Promise((resolve) => child.once("close", resolve));
  assert.deepEqual([code, stderr], [1, "error: the daemon's answer broke off\n"]);
});
