import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { commands } from "../../cli/program.ts";
import { makeMan, manFile } from "../../tools/make-man.ts";

test("docs/bifrost.1 is what npm run man makes of the commands", async () => {
  assert.ok(readFileSync(manFile, "utf8") === (await makeMan()), "npm run man brings it up to date");
});

test("makeMan() has a section for each command, and no line that roff would take for a request", async () => {
  const text = await makeMan();
  for (const { name } of commands) assert.ok(text.includes(`\n.SS ${name.replaceAll("-", "\\-")}`), name);
  for (const line of text.split("\n")) assert.match(line, /^(\.(TH|SH|SS|TP|B|I|nf|fi)\b|[^.'])|^$/);
});

test("makeMan() is read by man without a warning", {
  skip: spawnSync("groff", ["--version"]).status === 0 ? false : "groff is not installed",
}, async () => {
  const { stderr, status } = spawnSync("groff", ["-man", "-Tutf8", "-ww"], {
    input: await makeMan(),
    encoding: "utf8",
  });
  assert.deepEqual([stderr, status], ["", 0]);
});
