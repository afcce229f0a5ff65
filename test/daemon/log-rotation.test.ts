/** The daemon's log file is set aside when it is large, and only so many are kept. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openLog } from "../../daemon/log.ts";
import { temporaryHome } from "../support/daemon.ts";

test("openLog() turns the file over at its size, keeps so many, and loses no line", () => {
  const folder = temporaryHome();
  const file = join(folder, "a.log");
  const settings = { level: "info", format: "json", file, rotateBytes: 1_024, rotateKeep: 3 } as const;
  const log = openLog(settings);
  const total = 40;
  for (let number = 0; number < total; number++) log.info("x".repeat(60), { number });
  log.close();
  assert.deepEqual(readdirSync(folder).toSorted(), ["a.log", "a.log.1", "a.log.2", "a.log.3"]);
  const lines = ["a.log.3", "a.log.2", "a.log.1", "a.log"].flatMap((name) =>
    readFileSync(join(folder, name), "utf8")
      .split("\n")
      .filter((line) => line !== ""),
  );
  const numbers = lines.map((line) => (JSON.parse(line) as { number: number }).number);
  assert.deepEqual(
    numbers,
    Array.from({ length: numbers.length }, (_, index) => total - numbers.length + index),
  );
});

test("openLog() goes on counting where a file was left", () => {
  const file = join(temporaryHome(), "a.log");
  const settings = { level: "info", format: "json", file, rotateBytes: 300, rotateKeep: 1 } as const;
  for (let start = 0; start < 4; start++) {
    const log = openLog(settings);
    log.info("x".repeat(60));
    log.close();
  }
  assert.ok(readFileSync(`${file}.1`, "utf8").length >= 300);
});
