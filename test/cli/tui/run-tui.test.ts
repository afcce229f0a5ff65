/** The loop that puts frames on a terminal, over streams: what it hands the screen besides the lines. */
import assert from "node:assert/strict";
import { PassThrough, Writable } from "node:stream";
import { test } from "node:test";
import { runTui } from "../../../cli/tui/run-tui.ts";
import type { KeyListAnswer } from "../../../daemon/admin/contract/keys.ts";
import { until } from "../../support/until.ts";
import { createVirtualScreen } from "../../support/virtual-screen.ts";
import { cannedSource } from "./canned-source.ts";

test("runTui() keeps columns on a terminal that counts each part of what is joined", async () => {
  const source = cannedSource();
  const answer = source.answers.get("/api/keys") as KeyListAnswer;
  source.answers.set("/api/keys", { ...answer, keys: answer.keys.map((key) => ({ ...key, name: "👍🏽👍🏽" })) });
  const [width, height] = [100, 20];
  const terminal = createVirtualScreen(width, height, (cluster) => (cluster === "👍🏽" ? 4 : [...cluster].length));
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      terminal.write(String(chunk));
      done();
    },
  });
  const input = new PassThrough();
  const running = runTui(
    {
      input: input as unknown as NodeJS.ReadStream,
      output: Object.assign(output, { columns: width, rows: height }) as unknown as NodeJS.WriteStream,
      environment: { TERM: "xterm-256color" },
    },
    { source, readOnly: false, remote: undefined, start: { view: "keys" }, mouse: false },
  );
  try {
    const shown = () => terminal.text().map((line) => line.replace(/[│┃]/g, " "));
    await until("the keys", () => shown().some((line) => line.includes("👍🏽")));
    const at = terminal.text().findIndex((line) => /^ NAME /.test(line));
    const state = terminal.text()[at]!.indexOf("STATE");
    const rows = [at + 1, at + 2].map((row) => terminal.cells(row, state, state + 6).join(""));
    assert.deepEqual(rows, ["active", "active"]);
  } finally {
    input.write("q");
    assert.equal(await running, 0);
  }
});
