/**
 * The screen in words, one line after the other: for screen readers, and for terminals that cannot place a cursor.
 * Hides what is worth saying: what a key has changed, never what merely ticks on.
 */

import { textOf } from "./draw/line.ts";
import { helpLines } from "./help.ts";
import { currentPane, cursorOf, fieldsOf, type Pane, rowsOf, type State, selectedRow } from "./state.ts";

export type Speaker = {
  /** After a key: says where one is now. */
  answer(): void;
  /** After data came: says what was waited for, once. */
  hear(): void;
};

const pageWidth = 100;
const cellWidth = 200;

export function createSpeaker(state: State, say: (line: string) => void): Speaker {
  let said = { place: "", row: "", dialog: "", notice: "", lost: false };
  function tell(withRow: boolean): void {
    const pane = currentPane(state);
    const place = placeText(pane);
    const isNew = place !== said.place && (pane.data !== undefined || pane.error !== undefined);
    const row = rowText(pane, state.now);
    const dialog = dialogText(state);
    const notice = state.notice !== undefined && state.notice.until > state.now ? state.notice.text : "";
    const lost = state.lostSince !== undefined;
    if (lost && !said.lost) say("No daemon answers. Trying again.");
    if (dialog !== "" && dialog !== said.dialog) say(dialog);
    if (notice !== "" && notice !== said.notice) say(notice);
    if (dialog === "" && isNew) for (const line of opening(pane, state)) say(line);
    else if (dialog === "" && withRow && row !== "" && row !== said.row) say(row);
    // What changes behind a question, as a filter does while it is typed, is told when the question is gone.
    const told = dialog === "";
    said = {
      place: told && isNew ? place : said.place,
      row: told && (withRow || isNew) ? row : said.row,
      ...{ dialog, notice, lost },
    };
  }
  return { answer: () => tell(true), hear: () => tell(false) };
}

/** What makes it another place: the view, its subject, pane, filter and order. */
function placeText({ view, place }: Pane): string {
  return [view.name, place.subject, place.tab, place.filter, place.sort?.column, place.sort?.descending].join("|");
}

function opening(pane: Pane, state: State): readonly string[] {
  const { view, place, data, error } = pane;
  const name = place.subject === undefined ? view.title : `${view.title} ${place.subject}`;
  if (data === undefined) return [`${name}. ${error ?? "Nothing yet."}`];
  const tab = view.tabs?.[place.tab];
  const { rows, all } = rowsOf(pane);
  const parts = [tab === undefined ? name : `${name} ${tab}`];
  if (view.table !== undefined)
    parts.push(place.filter === "" ? `${all} rows` : `${rows.length} of ${all} rows match ${place.filter}`);
  if (place.sort !== undefined)
    parts.push(`by ${place.sort.column.toLowerCase()}, ${place.sort.descending ? "largest" : "smallest"} first`);
  const head = view.head?.(data, { width: pageWidth, height: 24, now: state.now, tab: place.tab }) ?? [];
  const page = view.page?.(data, { width: pageWidth, now: state.now }, place) ?? [];
  const words = [...head, ...page].map((line) => worded(textOf(line))).filter((line) => line !== "");
  const empty =
    view.table !== undefined && rows.length === 0 ? view.table.empty(data).map((line) => textOf(line).trim()) : [];
  return [`${parts.join(", ")}.`, ...words, ...empty, ...(rows.length > 0 ? [rowText(pane, state.now)] : [])];
}

/** Bars and rules say nothing when they are read out. */
function worded(text: string): string {
  return text
    .replaceAll(/[\u2500-\u259f▪·]+/g, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
}

function rowText(pane: Pane, now: number): string {
  const { table } = pane.view;
  const row = selectedRow(pane);
  if (table === undefined || row === undefined) return "";
  const cells = table.columns.flatMap(({ title, field, cell }) => {
    const text = worded(textOf(cell(row, cellWidth, now)));
    return title === "" || text === "" || text === "–" ? [] : [`${(field ?? title).toLowerCase()} ${text}`];
  });
  return `${cursorOf(pane) + 1} of ${rowsOf(pane).rows.length}: ${cells.join(", ")}`;
}

function dialogText(state: State): string {
  const { dialog, prompt } = state;
  if (prompt?.typed !== undefined) return `${prompt.text}.`;
  if (prompt !== undefined)
    return prompt.kind === "jump"
      ? "Jump to which view? Type, then enter."
      : `Filter by? Fields: ${Object.keys(fieldsOf(currentPane(state).view)).join(", ")}.`;
  switch (dialog?.kind) {
    case undefined:
      return "";
    case "help":
      return helpLines(state, pageWidth, Number.POSITIVE_INFINITY, true)
        .map((line) => textOf(line).trimEnd())
        .join("\n");
    case "ask":
      return `${dialog.question}?${dialog.hint === undefined ? "" : ` ${dialog.hint}.`}${dialog.text === "" ? "" : ` Now: ${dialog.text}`}`;
    case "choose":
      return `${dialog.question} ${dialog.choices[dialog.index]}, ${dialog.index + 1} of ${dialog.choices.length}.`;
    case "confirm":
      return [dialog.question, ...dialog.details, "y for yes, n for no."].join("\n");
    case "show":
      return [dialog.title, ...dialog.lines, "enter closes."].join("\n");
  }
}
