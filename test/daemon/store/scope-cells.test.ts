import assert from "node:assert/strict";
import { test } from "node:test";
import { ScopeCells } from "../../../daemon/store/scope-cells.ts";

type Cell = { readonly scopeId: number; readonly slot: number; sum: number; dirty: boolean };

/** Cells over a disk on which each scope has these slots. */
function cellsOver(disk: Map<number, readonly number[]>) {
  const loaded: number[] = [];
  const cells = new ScopeCells<Cell>((scopeId) => {
    loaded.push(scopeId);
    return (disk.get(scopeId) ?? []).map((slot) => ({ scopeId, slot, sum: 0, dirty: false }));
  });
  const written = () => {
    const rows: string[] = [];
    cells.flush(({ scopeId, slot, sum }) => rows.push(`${scopeId}/${slot}=${sum}`));
    return rows;
  };
  const add = (scopes: string, amount: number) => {
    for (const cell of cells.ofList(scopes)) {
      cell.sum += amount;
      cells.changed(cell);
    }
  };
  return { cells, loaded, written, add };
}

test("ofList() has the cells of each scope, read once, and flush() what has changed since", () => {
  const { cells, loaded, written, add } = cellsOver(
    new Map([
      [1, [0]],
      [2, [0, 1]],
    ]),
  );
  add("1,2", 5);
  add("2", 3);
  add("1,2", 1);
  assert.deepEqual(loaded, [1, 2]);
  assert.deepEqual(written(), ["1/0=6", "2/0=9", "2/1=9"]);
  assert.deepEqual(written(), []);
  add("1", 1);
  assert.deepEqual(written(), ["1/0=7"]);
  cells.clear();
  add("1", 2);
  assert.deepEqual([loaded, written()], [[1, 2, 1], ["1/0=2"]]);
});

test("reload() takes over what its caller says, for every list, and writes no cell that is gone", () => {
  const disk = new Map<number, readonly number[]>([
    [1, [0]],
    [2, [0, 1]],
  ]);
  const { cells, written, add } = cellsOver(disk);
  add("1,2", 5);
  disk.set(2, [1, 2]);
  cells.reload(2, (cell, before) => {
    const old = before.find(({ slot }) => slot === cell.slot);
    return old === undefined ? cell : { ...cell, sum: old.sum, dirty: old.dirty };
  });
  add("1,2", 1);
  assert.deepEqual(written().toSorted(), ["1/0=6", "2/1=6", "2/2=1"]);
  assert.deepEqual(
    cells.of(2).map(({ slot, sum }) => [slot, sum]),
    [
      [1, 6],
      [2, 1],
    ],
  );
});
