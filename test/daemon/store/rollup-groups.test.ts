import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { columnsOf, type RowValue } from "../../../daemon/store/columns.ts";
import { groupColumns, groupRows } from "../../../daemon/store/rollup-groups.ts";
import { requestColumn as column, type RequestColumn, requestWidth } from "../../../daemon/store/rows.ts";
import { requestRow } from "./fixtures.ts";

const minuteMs = 60_000;
const order = '{"order":["a/m","b/m"]}';
const turned = JSON.stringify([{ target: "a/m", reason: "requested", error: "upstream_error" }]);

/** Mostly one value, so that whole batches agree. */
function mostly<Value>(usual: Value, ...others: Value[]): fc.Arbitrary<Value> {
  return fc.oneof({ weight: 60, arbitrary: fc.constant(usual) }, fc.constantFrom(...others));
}

const fields: { readonly [name in RequestColumn]?: fc.Arbitrary<RowValue> } = {
  at: fc.oneof(
    { weight: 60, arbitrary: fc.integer({ min: 7 * minuteMs, max: 8 * minuteMs - 1 }) },
    fc.constantFrom(7 * minuteMs - 1, 8 * minuteMs, 9 * minuteMs),
  ),
  key_id: mostly(3, 4),
  tags: mostly<RowValue>(null, '{"env":"prod"}'),
  status: mostly(200, 502),
  stream: mostly(0, 1),
  attempts: mostly<RowValue>(null, order, turned),
  latency_ms: fc.integer({ min: 0, max: 900 }),
  ttft_ms: fc.constantFrom<RowValue>(null, 3, 9),
  upstream_ms: fc.constantFrom(0, 100, 200),
  tokens_out: fc.constantFrom<RowValue>(null, 0, 1, 9),
  flags: fc.constantFrom(0, 2, 32),
};

const rowsOf = fc
  .array(fc.record(fields as { [name in RequestColumn]: fc.Arbitrary<RowValue> }), { minLength: 1, maxLength: 20 })
  .map((rows) =>
    rows.map((given, index) => {
      const row = requestRow(`r${index}`);
      for (const [name, value] of Object.entries(given)) row[column[name as RequestColumn]] = value;
      return row;
    }),
  );

test("groupColumns() makes of a batch what groupRows() makes of its rows", () => {
  let alike = 0;
  fc.assert(
    fc.property(rowsOf, (rows) => {
      const groups = groupColumns(columnsOf(requestWidth, rows.flat()));
      assert.deepEqual(groups, groupRows(rows.flat()));
      if (groups.length === 1 && rows.length > 1) alike += 1;
    }),
    { numRuns: 500 },
  );
  assert.ok(alike > 20, `whole batches of one group: ${alike}`);
  assert.deepEqual(groupColumns({ count: 0, values: [] }), []);
});
