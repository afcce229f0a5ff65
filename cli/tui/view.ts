/**
 * What a view is: one value in one file of `views/`, and a line in `views.ts`. Hides its own types from those who
 * show it: `defineView` ties rows to columns and actions once, and the session handles them all alike.
 */
import type { FieldValue } from "../filter.ts";
import type { Line } from "./draw/line.ts";
import type { Source } from "./source.ts";

/** Where one is: a view, and what of it is looked at. The stack of them is the breadcrumbs. */
export type Place = {
  readonly view: string;
  /** A request's id, a key's: for views of one thing. */
  readonly subject?: string | undefined;
  readonly filter: string;
  readonly sort?: Sort | undefined;
  readonly tab: number;
};
export type Sort = { readonly column: string; readonly descending: boolean };

export type Column<Row> = {
  readonly title: string;
  /** Columns at least; where there is more room, it is shared by `grow`. */
  readonly width: number;
  readonly grow?: number;
  readonly align?: "right";
  /** Left out where the line is too narrow, the highest first. Absent: never. */
  readonly drop?: number;
  /** What the filter calls it; absent: the title. */
  readonly field?: string;
  readonly cell: (row: Row, width: number, now: number) => Line;
  /** Sorts and filters by it. */
  readonly value?: (row: Row) => FieldValue;
};

export type Table<Data, Row> = {
  readonly columns: readonly Column<Row>[];
  readonly rows: (data: Data, place: Place) => readonly Row[];
  readonly id: (row: Row) => string;
  /** Further fields of the filter; each column with a `value` is one by its title. */
  readonly fields?: Readonly<Record<string, (row: Row) => FieldValue>>;
  readonly sort?: Sort;
  /** Said where there is nothing. */
  readonly empty: (data: Data) => readonly Line[];
  /** Keeps to the first row while nothing is selected, as a tail does. */
  readonly follows?: boolean;
  /** `enter`, and a second click. */
  readonly open?: (row: Row) => { readonly view: string; readonly subject: string } | undefined;
  /** More of the chosen row, under the table, where there is room. */
  readonly details?: (row: Row, width: number, now: number) => readonly Line[];
};

/** What an action may do with the person at the keys. Promises settle when they have answered; undefined: they left. */
export type Dialogs = {
  ask(question: string, options?: { readonly initial?: string; readonly hint?: string }): Promise<string | undefined>;
  choose(question: string, choices: readonly string[]): Promise<string | undefined>;
  /** Shows what will happen, and waits for `y`. */
  confirm(question: string, details?: readonly string[]): Promise<boolean>;
  /** Stays until it is closed: a secret that is shown once. */
  show(title: string, lines: readonly string[], copy?: string): Promise<void>;
  notice(text: string, kind?: "good" | "bad" | "info"): void;
};

export type ActionContext<Data, Row> = {
  readonly data: Data;
  /** The chosen row; actions that need one are not offered without. */
  readonly row: Row;
  readonly place: Place;
  readonly source: Source;
  readonly dialogs: Dialogs;
  go(place: { readonly view: string; readonly subject?: string }): void;
  reload(): void;
};

export type Action<Data, Row> = {
  readonly key: string;
  readonly label: string;
  /** Refused with `--read-only`. */
  readonly changes?: boolean;
  readonly needsRow?: boolean;
  run(context: ActionContext<Data, Row>): Promise<void> | void;
};

export type View<Data, Row> = {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly title: string;
  /** One line for help and completion. */
  readonly summary: string;
  /** In the bar of views, with a number key. Others are reached by `:` and from rows. */
  readonly inBar: boolean;
  readonly everyMs: number;
  /** `before`: what the load before gave, in this place; a tail goes on from it. */
  load(source: Source, place: Place, before: Data | undefined, now: number): Promise<Data>;
  /** What a load began that goes on by itself ends here. */
  leave?(data: Data): void;
  /** Words for the second, third … pane of the view; `tab` goes on to the next. */
  readonly tabs?: readonly string[];
  /** Over the table. `height` is what there is; a view takes at most half. */
  head?(
    data: Data,
    size: { readonly width: number; readonly height: number; readonly now: number; readonly tab: number },
  ): readonly Line[];
  readonly table?: Table<Data, Row>;
  /** Lines to scroll through, for views that are no table. */
  page?(data: Data, size: { readonly width: number; readonly now: number }, place: Place): readonly Line[];
  readonly actions: readonly Action<Data, Row>[];
  /** A word after the title: what is shown of how much. */
  note?(data: Data): string;
  /** What `y` and `e` take: of the row, or of everything. */
  copy?(data: Data, row: Row | undefined): string;
};

/** As the session holds it, its types spent. */
export type AnyView = View<unknown, unknown>;

export function defineView<Data, Row = never>(view: View<Data, Row>): AnyView {
  return view as unknown as AnyView;
}
