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

test("areRows() tells rows of another width and columns of another length", () => {
  assert.equal(areRows(columnsOf(2, ["a", 1, "b", 2]), 2), true);
  assert.equal(areRows(columnsOf(2, ["a", 1, "b", 2]), 4), false);
  assert.equal(areRows({ count: 3, values: [["a", "b"], 1] }, 2), false);
  assert.equal(areRows({ count: 0, values: [] }, 2), true);
  assert.throws(() => columnsOf(2, ["a", 1, "b"]), TypeError);
});
