/** The short forms of what is measured at length by npm scripts: many rows, and a while of traffic. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const bench = join(import.meta.dirname, "../../bench");

function run(file: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(bench, file), ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (part: string) => {
        output += part;
      });
    child.once("close", (code) => resolve({ code, output }));
  });
}

test("A52 A53 a log of 200,000 rows: lists, filters, dashboards and a 90-day report in time, half of it deleted under load", async () => {
  const { code, output } = await run("rows.ts", "--ci");
  assert.equal(code, 0, output);
  assert.equal(output.match(/ ms {2}≤ /g)?.length, 38, output);
});

test("A51 a soak leaves memory, descriptors and threads as they were", async () => {
  const { code, output } = await run("soak.ts", "--seconds", "20");
  assert.equal(code, 0, output);
});
