import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { unifiedDiff } from "../../../daemon/config/diff.ts";

const names = { from: "a", to: "b" };

test("unifiedDiff() says nothing of equal texts", () => assert.equal(unifiedDiff("x\n", "x\n", names), ""));

test("unifiedDiff() keeps three lines around a change and parts changes that are far from each other", () => {
  const lines = Array.from({ length: 20 }, (_, index) => `${index + 1}`);
  const changed = lines.with(1, "two").toSpliced(17, 1);
  assert.equal(
    unifiedDiff(`${lines.join("\n")}\n`, `${changed.join("\n")}\n`, names),
    `--- a
+++ b
@@ -1,5 +1,5 @@
 1
-2
+two
 3
 4
 5
@@ -15,6 +15,5 @@
 15
 16
 17
-18
 19
 20
`,
  );
});

test("unifiedDiff() is understood by patch, whatever the texts", {
  skip: spawnSync("patch", ["--version"]).error !== undefined,
}, (context) => {
  const folder = mkdtempSync(join(tmpdir(), "bifrost-diff-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "file");
  const text = fc.tuple(fc.array(fc.constantFrom("a", "b", "c", "", "-x"), { maxLength: 24 }), fc.boolean());
  const write = ([lines, whole]: readonly [readonly string[], boolean]) =>
    lines.join("\n") + (whole && lines.length > 0 ? "\n" : "");
  fc.assert(
    fc.property(text, text, (one, other) => {
      const [before, after] = [write(one), write(other)];
      if (before === after) return;
      writeFileSync(file, before);
      const { status, stdout } = spawnSync("patch", ["-s", "-f", file], {
        input: unifiedDiff(before, after, names),
        encoding: "utf8",
      });
      assert.equal(status, 0, stdout);
      let patched = "";
      // patch removes a file that has become empty
      try {
        patched = readFileSync(file, "utf8");
      } catch {}
      assert.equal(patched, after);
    }),
    { numRuns: 60 },
  );
});
