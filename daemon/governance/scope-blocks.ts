/**
 * Where scope blocks and the rings of rate limits get their cells. Main thread only. Hides the two bump areas and
 * their free lists; sizes are rounded up so that what is given back fits again.
 */
import { headerCell, scopeCell } from "./cells.ts";
import type { Tables } from "./tables.ts";

export type CellAreas = {
  /** A block whose `size` cell is set and whose `id` is 0 (free) until it is published. */
  takeBlock(cellCount: number): number;
  giveBlock(block: number): void;
  /** Zeroed cells, or undefined when the area is used up. */
  takeRing(cellCount: number): Ring | undefined;
  /** The area is half used: what can do with less should. */
  isTight(): boolean;
  giveRing(ring: Ring): void;
};

export type Ring = { readonly base: number; readonly size: number };

export function createCellAreas({ cells, shared }: Tables): CellAreas {
  const freeBlocks = new Map<number, number[]>();
  const freeRings = new Map<number, number[]>();

  for (let block = shared.arenaStart; block < arenaTop(cells, shared.arenaStart); ) {
    const size = cells[block + scopeCell.size]!;
    if (cells[block + scopeCell.id] === 0) push(freeBlocks, size, block);
    block += size;
  }

  function takeBlock(cellCount: number): number {
    const size = Math.ceil(cellCount / 2) * 2;
    const reused = freeBlocks.get(size)?.pop();
    if (reused !== undefined) return reused;
    const block = arenaTop(cells, shared.arenaStart);
    if (block + size > shared.ringStart) throw new RangeError(`no room for more scopes than ${shared.scopesMax}`);
    cells[headerCell.arenaTop] = block + size;
    cells[block + scopeCell.size] = size;
    return block;
  }

  function giveBlock(block: number): void {
    cells[block + scopeCell.id] = 0;
    push(freeBlocks, cells[block + scopeCell.size]!, block);
  }

  function takeRing(cellCount: number): Ring | undefined {
    let size = 8;
    while (size < cellCount) size *= 2;
    const reused = freeRings.get(size)?.pop();
    if (reused !== undefined) {
      cells.fill(0, reused, reused + size);
      return { base: reused, size };
    }
    const base = cells[headerCell.ringTop]! || shared.ringStart;
    if (base + size > shared.cellsMax) return undefined;
    cells[headerCell.ringTop] = base + size;
    return { base, size };
  }

  function giveRing({ base, size }: Ring): void {
    push(freeRings, size, base);
  }

  function isTight(): boolean {
    const used = (cells[headerCell.ringTop]! || shared.ringStart) - shared.ringStart;
    return used > (shared.cellsMax - shared.ringStart) / 2;
  }

  return { takeBlock, giveBlock, takeRing, giveRing, isTight };
}

/** End of the used part of the scope area. */
export function arenaTop(cells: Float64Array, arenaStart: number): number {
  return cells[headerCell.arenaTop]! || arenaStart;
}

function push(lists: Map<number, number[]>, size: number, start: number): void {
  const list = lists.get(size);
  if (list === undefined) lists.set(size, [start]);
  else list.push(start);
}
