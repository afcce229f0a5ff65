/**
 * Rows on their way to a writer thread, column by column: what is the same in every row of a batch (model, key, route,
 * all the nulls) travels, and is bound to a statement, once.
 */

export type RowValue = string | number | null;
/** What a statement takes: bytes do not travel, but are written. */
export type BoundValue = RowValue | Uint8Array;
/** One value that all rows have, or a value for each. */
export type Column<Value extends BoundValue = RowValue> = Value | readonly Value[];

export type Columns<Value extends BoundValue = RowValue> = {
  /** Rows. */
  readonly count: number;
  readonly values: readonly Column<Value>[];
};

export function isVaried<Value extends BoundValue>(column: Column<Value> | undefined): column is readonly Value[] {
  return Array.isArray(column);
}

export function valueAt<Value extends BoundValue>(column: Column<Value> | undefined, row: number): Value | null {
  if (isVaried(column)) return column[row] ?? null;
  return column ?? null;
}

/** Rows are added until they are sent or written; then it is plain data. */
export class ColumnBuilder<Value extends BoundValue = RowValue> implements Columns<Value | null> {
  count = 0;
  readonly values: (Value | null | (Value | null)[])[] = [];

  /** Returns the characters of its texts. */
  add(row: readonly (Value | null)[]): number {
    const { values, count } = this;
    let characters = 0;
    for (let index = 0; index < row.length; index += 1) {
      const value = row[index] ?? null;
      if (typeof value === "string") characters += value.length;
      if (count === 0) {
        values.push(value);
        continue;
      }
      const column = values[index]!;
      if (Array.isArray(column)) column.push(value);
      else if (column !== value) values[index] = [...new Array<Value | null>(count).fill(column), value];
    }
    this.count = count + 1;
    return characters;
  }
}

/** From rows one after the other, `width` values each. */
export function columnsOf(width: number, flat: readonly RowValue[]): Columns {
  if (flat.length % width !== 0) throw new TypeError(`${flat.length} values are no rows of ${width}`);
  const builder = new ColumnBuilder();
  for (let at = 0; at < flat.length; at += width) builder.add(flat.slice(at, at + width));
  return { count: builder.count, values: builder.values };
}

/** One after the other again. */
export function flatRows({ count, values }: Columns): RowValue[] {
  const flat = new Array<RowValue>(count * values.length);
  for (let index = 0; index < values.length; index += 1) {
    const column = values[index];
    for (let row = 0, at = index; row < count; row += 1, at += values.length) flat[at] = valueAt(column, row);
  }
  return flat;
}

/** Whether these are rows of `width` values: a malformed batch must fail as a whole before it changes anything. */
export function areRows(columns: Columns | undefined, width: number): boolean {
  if (columns === undefined || columns.count === 0) return true;
  const { count, values } = columns;
  return values.length === width && values.every((column) => !isVaried(column) || column.length === count);
}
