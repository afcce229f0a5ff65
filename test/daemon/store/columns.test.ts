import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { prepareColumnInsert } from "../../../daemon/store/column-insert.ts";
import { areRows, columnsOf, flatRows, isVaried, type RowValue } from "../../../daemon/store/columns.ts";
import { openDatabase } from "../../../daemon/store/database.ts";
import { temporaryHome } from "./fixtures.ts";

const value = fc.oneof(fc.constantFrom<RowValue>(null, 0, 1, "", "a", "b"), fc.string(), fc.integer());
const rowsOfThree = fc.array(fc.tuple(value, value, value), { minLength: 1, maxLength: 40 });

test("columnsOf() keeps every row, and what all rows share once", () => {
  fc.assert(
    fc.property(rowsOfThree, (rows) => {
      const columns = columnsOf(3, rows.flat());
      assert.deepEqual(flatRows(columns), rows.flat());
      for (const [index, column] of columns.values.entries()) {
        const values = new Set(rows.map((row) => row[index]));
        assert.equal(isVaried(column), values.size > 1, `column ${index}`);
      }
    }),
  );
});

test("prepareColumnInsert() writes the rows that were given, whatever they share", (t) => {
  const database = openDatabase(join(temporaryHome(t), "columns.db"));
  t.after(() => database.close());
  database.exec("CREATE TABLE t (a, b, c)");
  const insert = prepareColumnInsert(database, "t");
  fc.assert(
    fc.property(rowsOfThree, (rows) => {
      database.exec("DELETE FROM t");
      let slices = 0;
      insert.run(columnsOf(3, rows.flat()), () => slices++);
      assert.deepEqual(database.prepare("SELECT a, b, c FROM t ORDER BY rowid").raw().all(), rows);
      assert.ok(slices >= rows.length / 8);
    }),
  );
  const bytes = ["x", "y"].map((text) => Buffer.from(text));
  database.exec("DELETE FROM t");
  insert.run({ count: 2, values: [bytes, bytes[0]!, null] }, () => {});
  insert.run({ count: 0, values: [] }, () => assert.fail("nothing was to be written"));
  assert.deepEqual(database.prepare("SELECT a, b, c FROM t ORDER BY rowid").raw().all(), [
    [bytes[0], bytes[0], null],
    [bytes[1], bytes[0], null],
  ]);
});

test("prepareColumnInsert() writes what comes again and again as what comes once", (t) => {
  const database = openDatabase(join(temporaryHome(t), "written.db"));
  t.after(() => database.close());
  database.exec("CREATE TABLE t (number INTEGER, text TEXT, share REAL, other)");
  const insert = prepareColumnInsert(database, "t");
  const numbers = Array.from({ length: 77 }, (_, index) => index);
  const texts = ["it's", "''); DROP TABLE t; --", "@c1 ? :x $y", "\u0000 in it", "grüße", "a\nb", "x".repeat(100), ""];
  const others = [0, -0, 2 ** 53 - 1, -(2 ** 53), 0.1, 1e300, "7", Buffer.from("'")];
  for (const [index, text] of texts.entries()) {
    const other = others[index]!;
    for (let time = 0; time < 4; time += 1) {
      database.exec("DELETE FROM t");
      insert.run({ count: numbers.length, values: [numbers, text, 3, other] }, () => {});
      const rows = database.prepare("SELECT number, text, share, other FROM t ORDER BY rowid").raw().all();
      assert.deepEqual(
        rows,
        numbers.map((number) => [number, text, 3, other]),
        `${text} the ${time}. time`,
      );
    }
  }
  const kinds = database.prepare("SELECT DISTINCT typeof(number), typeof(text), typeof(share) FROM t").raw().all();
  assert.deepEqual(kinds, [["integer", "text", "real"]]);
});

test("areRows() tells rows of another width and columns of another length", () => {
  assert.equal(areRows(columnsOf(2, ["a", 1, "b", 2]), 2), true);
  assert.equal(areRows(columnsOf(2, ["a", 1, "b", 2]), 4), false);
  assert.equal(areRows({ count: 3, values: [["a", "b"], 1] }, 2), false);
  assert.equal(areRows({ count: 0, values: [] }, 2), true);
  assert.throws(() => columnsOf(2, ["a", 1, "b"]), TypeError);
});
