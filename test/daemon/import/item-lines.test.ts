/** Lines of rows in a JSON export, whatever its layout. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readItemLines } from "../../../daemon/import/item-lines.ts";

/** Each item says which line it is on, since the text is laid out with one line a token. */
test("readItemLines() tells where each item of any list begins, whatever stands in texts and between", () => {
  const text = fc.string({ unit: fc.constantFrom("a", '"', "\\", "[", "{", "]", "}", ",", ":", "\n", "é") });
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ depthSize: "small" }, text, fc.integer(), fc.boolean(), fc.constant(null), tie("list"), tie("map")),
    list: fc.array(tie("any"), { maxLength: 4 }),
    map: fc.dictionary(text, tie("any"), { maxKeys: 4 }),
  })).any;
  const lists = fc.dictionary(text, fc.oneof(fc.array(value, { maxLength: 5 }), value), { maxKeys: 5, minKeys: 1 });
  fc.assert(
    fc.property(fc.oneof(lists, fc.array(value, { maxLength: 5 })), fc.constantFrom(0, 1, 3), (root, indent) => {
      const written = JSON.stringify(root, null, indent);
      const lineOf = readItemLines(written);
      const found = Array.isArray(root) ? [[undefined, root] as const] : Object.entries(root);
      for (const [key, list] of found) {
        if (!Array.isArray(list)) continue;
        for (const [index, item] of list.entries()) {
          const from = written
            .split("\n")
            .slice(lineOf(key, index) - 1)
            .join("\n");
          const first = JSON.stringify(item, null, indent).split("\n")[0]!;
          assert.ok(from.split("\n")[0]!.includes(first), `${key} ${index} of ${written}`);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("readItemLines() counts lines of a long export, of rows on several lines and several rows on one", () => {
  const rows = Array.from({ length: 20_000 }, (_, index) => ({ id: `r${index}`, note: "x".repeat(60) }));
  const lineOf = readItemLines(`{"other": 1,\n"keys":\n${JSON.stringify(rows, null, 1)}}`);
  assert.deepEqual([lineOf("keys", 0), lineOf("keys", 1), lineOf("keys", 19_999)], [4, 8, 4 + 4 * 19_999]);
  const short = readItemLines('[{"a":[1,2]},{"b":{}},\n\n{"c":1}]');
  assert.deepEqual(
    [0, 1, 2].map((index) => short(undefined, index)),
    [1, 1, 3],
  );
});
