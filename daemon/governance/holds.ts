/**
 * Rows of what is reserved and not yet settled. Kept in shared memory with their owner, so that a dead worker's holds
 * are found without the disk. Hides how rows are reused and how an old handle is told from a new one.
 */
import { headerCell, headerCells, holdCell, holdCells, holdIdBytesMax } from "./cells.ts";
import type { Lock } from "./lock.ts";
import type { Tables } from "./tables.ts";

/** One hold as a value, for the main thread. */
export type Hold = {
  readonly handle: number;
  readonly holdId: string;
  readonly owner: number;
  readonly scopes: readonly number[];
  readonly costNano: number;
  readonly tokens: number;
  /** What an estimated settlement charges: the input was sent, the output is not known. */
  readonly inputCostNano: number;
  readonly admittedAtMs: number;
};

/** All of them in a few numbers, and the oldest as values. */
export type HoldSurvey = { readonly total: number; readonly costNano: number; readonly oldest: readonly Hold[] };

export type HoldRows = {
  /** First cell of a row that may be filled, or -1 when all are taken. Inside the lock; `fill` must follow. */
  free(): number;
  /** Takes the row that `free()` named. Inside the lock. Returns its handle. */
  fill(
    row: number,
    scopes: readonly number[],
    nowMs: number,
    costNano: number,
    tokens: number,
    inputCostNano: number,
    holdId: string,
  ): number;
  /** First cell of the live row of a handle, or -1 if it was settled. Inside the lock. */
  find(handle: number): number;
  /** Inside the lock. */
  release(row: number): void;
  /** Live rows, of one owner or of all. Takes no lock: exact for an owner that has ended, else a moment's picture. */
  list(owner?: number): readonly Hold[];
  /** A moment's picture for the admin API: of ten thousand holds it makes values of no more than `most`. */
  survey(most: number): HoldSurvey;
};

export function createHoldRows(tables: Tables, { set }: Lock): HoldRows {
  const { cells, cellBytes, owner } = tables;
  const { holdsMax } = tables.shared;

  function free(): number {
    const reused = cells[headerCell.holdFree]!;
    if (reused !== 0) return reused;
    const high = cells[headerCell.holdsHigh]!;
    return high < holdsMax ? headerCells + high * holdCells : -1;
  }

  function fill(
    row: number,
    scopes: readonly number[],
    nowMs: number,
    costNano: number,
    tokens: number,
    inputCostNano: number,
    holdId: string,
  ): number {
    // Until `live` is set these cells mean nothing, so they need no undo.
    cells[row + holdCell.owner] = owner;
    cells[row + holdCell.cost] = costNano;
    cells[row + holdCell.tokens] = tokens;
    cells[row + holdCell.inputCost] = inputCostNano;
    cells[row + holdCell.admittedAt] = nowMs;
    cells[row + holdCell.scopeCount] = scopes.length;
    for (let index = 0; index < scopes.length; index++) cells[row + holdCell.scopes + index] = scopes[index]!;
    cells[row + holdCell.idLength] = holdId.length;
    const bytes = (row + holdCell.idBytes) * 8;
    for (let index = 0; index < holdId.length; index++) cellBytes[bytes + index] = holdId.charCodeAt(index);
    const serial = cells[headerCell.serial]! + 1;
    set(headerCell.serial, serial);
    cells[row + holdCell.serial] = serial;

    if (cells[headerCell.holdFree] === row) set(headerCell.holdFree, cells[row + holdCell.nextFree]!);
    else set(headerCell.holdsHigh, cells[headerCell.holdsHigh]! + 1);
    set(row + holdCell.live, 1);
    return (row - headerCells) / holdCells + cells[row + holdCell.generation]! * holdsMax;
  }

  function find(handle: number): number {
    if (!(handle >= 0)) return -1;
    const row = headerCells + (handle % holdsMax) * holdCells;
    const generation = Math.floor(handle / holdsMax);
    return cells[row + holdCell.live] === 1 && cells[row + holdCell.generation] === generation ? row : -1;
  }

  function release(row: number): void {
    set(row + holdCell.live, 0);
    set(row + holdCell.generation, cells[row + holdCell.generation]! + 1);
    set(row + holdCell.nextFree, cells[headerCell.holdFree]!);
    set(headerCell.holdFree, row);
  }

  function list(ofOwner?: number): readonly Hold[] {
    const holds: Hold[] = [];
    const end = headerCells + cells[headerCell.holdsHigh]! * holdCells;
    for (let row = headerCells; row < end; row += holdCells) {
      if (cells[row + holdCell.live] !== 1) continue;
      if (ofOwner === undefined || cells[row + holdCell.owner] === ofOwner) holds.push(read(row));
    }
    return holds;
  }

  function survey(most: number): HoldSurvey {
    const admittedAt = (row: number): number => cells[row + holdCell.admittedAt]!;
    const oldest: number[] = [];
    let total = 0;
    let costNano = 0;
    const end = headerCells + cells[headerCell.holdsHigh]! * holdCells;
    for (let row = headerCells; row < end; row += holdCells) {
      if (cells[row + holdCell.live] !== 1) continue;
      total += 1;
      costNano += cells[row + holdCell.cost]!;
      if (oldest.length === most && (most === 0 || admittedAt(row) >= admittedAt(oldest[most - 1]!))) continue;
      let at = oldest.length;
      while (at > 0 && admittedAt(oldest[at - 1]!) > admittedAt(row)) at -= 1;
      oldest.splice(at, 0, row);
      if (oldest.length > most) oldest.pop();
    }
    return { total, costNano, oldest: oldest.map(read) };
  }

  function read(row: number): Hold {
    const bytes = (row + holdCell.idBytes) * 8;
    const idLength = Math.min(cells[row + holdCell.idLength]!, holdIdBytesMax);
    const firstScope = row + holdCell.scopes;
    return {
      handle: (row - headerCells) / holdCells + cells[row + holdCell.generation]! * holdsMax,
      holdId: String.fromCharCode(...cellBytes.subarray(bytes, bytes + idLength)),
      owner: cells[row + holdCell.owner]!,
      scopes: Array.from(cells.subarray(firstScope, firstScope + cells[row + holdCell.scopeCount]!)),
      costNano: cells[row + holdCell.cost]!,
      tokens: cells[row + holdCell.tokens]!,
      inputCostNano: cells[row + holdCell.inputCost]!,
      admittedAtMs: cells[row + holdCell.admittedAt]!,
    };
  }

  return { free, fill, find, release, list, survey };
}
