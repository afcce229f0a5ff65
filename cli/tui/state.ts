/** All that the screen shows, as values that change only in the session. Hides nothing; it is the vocabulary. */
import type { StatusAnswer } from "../../daemon/admin/contract/daemon.ts";
import { parseFilter } from "../filter.ts";
import type { AnyView, Column, Place } from "./view.ts";

export type Pane = {
  readonly view: AnyView;
  place: Place;
  data: unknown;
  /** Why the last load failed; what was loaded before stays. */
  error: string | undefined;
  loadedAt: number | undefined;
  /** Undefined: the first row, whichever that is. */
  selected: string | undefined;
  /** First line that is shown, of a table's rows or a page's lines. */
  top: number;
  rows: RowsCache | undefined;
};

type RowsCache = {
  readonly data: unknown;
  readonly place: Place;
  readonly rows: readonly unknown[];
  readonly all: number;
};

export type Prompt = {
  readonly kind: "jump" | "filter";
  text: string;
  /** Of the completions, which one `tab` chose last, and of what it is one; undefined: none was chosen. */
  choice: number;
  typed: string | undefined;
};

export type Dialog =
  | { readonly kind: "help" }
  | {
      readonly kind: "ask";
      readonly question: string;
      readonly hint: string | undefined;
      text: string;
      readonly answer: (text: string | undefined) => void;
    }
  | {
      readonly kind: "choose";
      readonly question: string;
      readonly choices: readonly string[];
      index: number;
      readonly answer: (choice: string | undefined) => void;
    }
  | {
      readonly kind: "confirm";
      readonly question: string;
      readonly details: readonly string[];
      readonly answer: (yes: boolean) => void;
    }
  | {
      readonly kind: "show";
      readonly title: string;
      readonly lines: readonly string[];
      readonly copy: string | undefined;
      readonly answer: () => void;
    };

export type Notice = { readonly text: string; readonly kind: "good" | "bad" | "info"; readonly until: number };

export type State = {
  readonly stack: Pane[];
  prompt: Prompt | undefined;
  dialog: Dialog | undefined;
  notice: Notice | undefined;
  paused: boolean;
  status: StatusAnswer | undefined;
  /** Requests a second, newest last; undefined: not known, the daemon was away. */
  readonly pulse: (number | undefined)[];
  /** Since when no daemon answers. */
  lostSince: number | undefined;
  /** What the daemon says in place of its state: a token that it does not know, or no longer. */
  refused: string | undefined;
  readonly readOnly: boolean;
  /** Whom we talk to, where it is not this machine's daemon. */
  readonly remote: string | undefined;
  now: number;
};

export function currentPane(state: State): Pane {
  return state.stack.at(-1)!;
}

export function openPane(view: AnyView, subject: string | undefined): Pane {
  return {
    view,
    place: { view: view.name, subject, filter: "", sort: view.table?.sort, tab: 0 },
    data: undefined,
    error: undefined,
    loadedAt: undefined,
    selected: undefined,
    top: 0,
    rows: undefined,
  };
}

/** The rows of a table as filtered and sorted; worked out again only when something of it changed. */
export function rowsOf(pane: Pane): { readonly rows: readonly unknown[]; readonly all: number } {
  const { table } = pane.view;
  if (table === undefined || pane.data === undefined) return { rows: [], all: 0 };
  if (pane.rows?.data === pane.data && pane.rows.place === pane.place) return pane.rows;
  const everything = table.rows(pane.data, pane.place);
  const { filter, sort } = pane.place;
  const kept = filter === "" ? everything : everything.filter(parseFilter(filter, fieldsOf(pane.view)).matches);
  const rows = sort === undefined ? kept : sorted(kept, table.columns, sort);
  pane.rows = { data: pane.data, place: pane.place, rows, all: everything.length };
  return pane.rows;
}

export function fieldsOf(view: AnyView): NonNullable<NonNullable<AnyView["table"]>["fields"]> {
  const { columns = [], fields = {} } = view.table ?? {};
  const named = columns.flatMap(({ title, field = title, value }) =>
    value === undefined ? [] : [[field.toLowerCase().replaceAll(/\W/g, "_"), value] as const],
  );
  return { ...Object.fromEntries(named), ...fields };
}

function sorted(
  rows: readonly unknown[],
  columns: readonly Column<unknown>[],
  { column, descending }: NonNullable<Place["sort"]>,
): readonly unknown[] {
  const value = columns.find(({ title }) => title === column)?.value;
  if (value === undefined) return rows;
  const sign = descending ? -1 : 1;
  return rows.toSorted((one, other) => {
    const [a, b] = [value(one), value(other)];
    // What is not known goes last, either way round.
    if (a === null || a === undefined) return b === null || b === undefined ? 0 : 1;
    if (b === null || b === undefined) return -1;
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * String(a).localeCompare(String(b));
  });
}

/** Where the chosen row stands; a row that has gone leaves the choice where it was. */
export function cursorOf(pane: Pane): number {
  const { rows } = rowsOf(pane);
  const { table } = pane.view;
  if (table === undefined || pane.selected === undefined) return 0;
  const index = rows.findIndex((row) => table.id(row) === pane.selected);
  return index === -1 ? Math.max(0, Math.min(pane.top, rows.length - 1)) : index;
}

export function selectedRow(pane: Pane): unknown {
  return rowsOf(pane).rows[cursorOf(pane)];
}
