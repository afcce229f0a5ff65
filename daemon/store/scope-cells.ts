/**
 * What a writer counts for scopes: a few cells each, the same ones for a scope and for every list that it is in. Hides
 * that they are read from disk when their scope is first touched, and which of them the disk does not have yet.
 */

/** Parsed scope lists kept; all are dropped when there are more. */
const listsMax = 50_000;

export class ScopeCells<Cell extends { dirty: boolean }> {
  readonly #load: (scopeId: number) => readonly Cell[];
  readonly #scopes = new Map<number, readonly Cell[]>();
  readonly #lists = new Map<string, readonly Cell[]>();
  readonly #dirty = new Set<Cell>();

  /** @param load the cells of a scope as the disk has them, none dirty */
  constructor(load: (scopeId: number) => readonly Cell[]) {
    this.#load = load;
  }

  /** Forgets everything; cells are read anew as records are replayed. */
  clear(): void {
    this.#scopes.clear();
    this.#lists.clear();
    this.#dirty.clear();
  }

  of(scopeId: number): readonly Cell[] {
    const known = this.#scopes.get(scopeId);
    if (known !== undefined) return known;
    const cells = this.#load(scopeId);
    this.#scopes.set(scopeId, cells);
    return cells;
  }

  /** Of all scopes of a list as rows have it: `"3,17"`. */
  ofList(scopes: string): readonly Cell[] {
    const known = this.#lists.get(scopes);
    if (known !== undefined) return known;
    const cells = scopes.split(",").flatMap((id) => this.of(Number(id)));
    if (this.#lists.size >= listsMax) this.#lists.clear();
    this.#lists.set(scopes, cells);
    return cells;
  }

  changed(cell: Cell): void {
    if (cell.dirty) return;
    cell.dirty = true;
    this.#dirty.add(cell);
  }

  /** Hands over what has changed since it was last asked. */
  flush(write: (cell: Cell) => void): void {
    for (const cell of this.#dirty) {
      write(cell);
      cell.dirty = false;
    }
    this.#dirty.clear();
  }

  /** The scope was changed on disk. `carry` gives each of its cells what it keeps of those before, where any were touched. */
  reload(scopeId: number, carry: (cell: Cell, before: readonly Cell[]) => Cell): readonly Cell[] {
    const before = this.#scopes.get(scopeId) ?? [];
    const after = this.#load(scopeId).map((cell) => carry(cell, before));
    for (const cell of before) this.#dirty.delete(cell);
    for (const cell of after) if (cell.dirty) this.#dirty.add(cell);
    this.#scopes.set(scopeId, after);
    this.#lists.clear();
    return after;
  }
}
