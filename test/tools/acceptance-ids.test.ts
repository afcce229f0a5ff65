import assert from "node:assert/strict";
import { test } from "node:test";
import { idsOf, listedIds, testFilesOf, verdictsOf } from "../../tools/acceptance-ids.ts";

test("listedIds() reads the first column of the tables", () => {
  const markdown = "# A3\n| id | what |\n|---|---|\n| A1 | as A2 does | `x.test.ts` |\n\n| F15 | text |\n A4 |\n";
  assert.deepEqual(listedIds(markdown), ["A1", "F15"]);
});

test("testFilesOf() reads the last column of the row", () => {
  const markdown = "| A1 | as `A2` | `a/x.test.ts` `y.test.ts` |\n| A10 | text | none |\n";
  assert.deepEqual(testFilesOf(markdown, "A1"), ["test/a/x.test.ts", "test/y.test.ts"]);
  assert.deepEqual(testFilesOf(markdown, "A10"), []);
});

test("idsOf() reads the ids that begin a name, and only those", () => {
  const names = ["A1 admit() does", "A1, A11 F3 admit() as A2", "A1x is none", "admit() A1", "A1", "HTTP2 is none"];
  assert.deepEqual(names.map(idsOf), [["A1"], ["A1", "A11", "F3"], [], [], ["A1"], []]);
});

test("verdictsOf() lets one failure decide, and no skipped test count", () => {
  const outcomes = [
    { id: "A1", outcome: "pass" },
    { id: "A1", outcome: "fail" },
    { id: "A1", outcome: "pass" },
    { id: "A2", outcome: "skip" },
    { id: "A3", outcome: "skip" },
    { id: "A3", outcome: "pass" },
  ] as const;
  assert.deepEqual(Object.fromEntries(verdictsOf(outcomes)), { A1: "fail", A2: "none", A3: "pass" });
});
