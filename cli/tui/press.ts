/** What each key and click does. Hides precedence: a dialog takes all keys, then a prompt, then the view, then us. */

import { parseFilter } from "../filter.ts";
import { completions, jumpTarget } from "./jump.ts";
import { pressDialog } from "./press-dialog.ts";
import type { Session } from "./session.ts";
import { currentPane, cursorOf, fieldsOf, type Pane, type Prompt, rowsOf } from "./state.ts";
import { exportPane, textToCopy } from "./take.ts";
import type { Input } from "./terminal/keys.ts";
import { views } from "./views.ts";

/** What the last frame had where: clicks are told in its terms. */
export type Geometry = {
  readonly barRow: number;
  readonly bar: readonly { readonly view: string; readonly from: number; readonly to: number }[];
  readonly bodyRow: number;
  readonly headAt: number | undefined;
  readonly firstRow: number;
  readonly rowsShown: number;
  readonly columnTitleAt: (column: number) => string | undefined;
};

const wheelRows = 3;
const promptCharactersMax = 200;
/** A view that loads more often than this needs no telling. */
const soonMs = 1_000;

export function press(session: Session, input: Input, geometry: Geometry): void {
  const { state } = session;
  if (input.type === "key" && input.name === "ctrl-c") {
    session.quit();
    return;
  }
  if (state.dialog !== undefined) pressDialog(session, state.dialog, input);
  else if (input.type === "mouse") click(session, input, geometry);
  else if (state.prompt !== undefined) pressPrompt(session, input);
  else if (input.type === "key") pressKey(session, input.name, geometry);
  session.changed();
}

function pressKey(session: Session, name: string, geometry: Geometry): void {
  const { state } = session;
  const pane = currentPane(state);
  const action = pane.view.actions.find(({ key }) => key === name);
  if (action !== undefined) {
    runAction(session, action);
    return;
  }
  if (move(pane, name, geometry)) return;
  if (/^[1-9]$/.test(name)) {
    const view = views.filter(({ inBar }) => inBar)[Number(name) - 1];
    if (view !== undefined) session.go({ view: view.name }, { replace: true });
    return;
  }
  switch (name) {
    case ":":
      state.prompt = { kind: "jump", text: "", choice: 0, typed: undefined };
      return;
    case "/":
      if (pane.view.table !== undefined)
        state.prompt = { kind: "filter", text: pane.place.filter, choice: 0, typed: undefined };
      return;
    case "?":
      state.dialog = { kind: "help" };
      return;
    case "enter":
      openRow(session, pane);
      return;
    case "escape":
    case "backspace":
      if (pane.place.filter !== "") pane.place = { ...pane.place, filter: "" };
      else session.back();
      return;
    case "q":
      if (!session.back()) session.quit();
      return;
    case "p":
      state.paused = !state.paused;
      if (!state.paused) session.reload();
      return;
    case "f":
      pane.selected = undefined;
      pane.top = 0;
      state.paused = false;
      session.reload();
      return;
    case "s":
      sortNext(pane);
      return;
    case "S":
      if (pane.place.sort !== undefined)
        pane.place = { ...pane.place, sort: { ...pane.place.sort, descending: !pane.place.sort.descending } };
      return;
    case "tab":
    case "shift-tab":
      turn(session, pane, name === "tab" ? 1 : -1);
      return;
    case "y":
      copy(session, pane);
      return;
    case "e":
      void exportPane(session, pane);
      return;
    case "ctrl-r":
      session.reload();
      return;
  }
}

function runAction(session: Session, action: Pane["view"]["actions"][number]): void {
  const { state, dialogs } = session;
  if (action.changes && state.readOnly) {
    dialogs.notice(`--read-only: ${action.label} is not done here`, "bad");
    return;
  }
  const context = session.context();
  if (context === undefined) return;
  if (action.needsRow && context.row === undefined) {
    dialogs.notice("Nothing is chosen", "bad");
    return;
  }
  const failed = (error: unknown) => dialogs.notice(error instanceof Error ? error.message : String(error), "bad");
  void Promise.resolve()
    .then(() => action.run(context))
    .catch(failed);
}

function move(pane: Pane, name: string, { rowsShown }: Geometry): boolean {
  const page = Math.max(1, rowsShown - 1);
  const steps: Readonly<Record<string, number>> = {
    up: -1,
    k: -1,
    down: 1,
    j: 1,
    pageup: -page,
    "ctrl-b": -page,
    "ctrl-u": -Math.ceil(page / 2),
    pagedown: page,
    space: page,
    "ctrl-f": page,
    "ctrl-d": Math.ceil(page / 2),
    home: Number.NEGATIVE_INFINITY,
    g: Number.NEGATIVE_INFINITY,
    end: Number.POSITIVE_INFINITY,
    G: Number.POSITIVE_INFINITY,
  };
  const step = steps[name];
  if (step === undefined) return false;
  moveBy(pane, step);
  return true;
}

function moveBy(pane: Pane, step: number): void {
  const { table } = pane.view;
  if (table === undefined) {
    // A page knows how long it is only when it is drawn, which brings this within bounds.
    pane.top = Math.max(0, step === Number.POSITIVE_INFINITY ? Number.MAX_SAFE_INTEGER : pane.top + step);
    return;
  }
  const { rows } = rowsOf(pane);
  if (rows.length === 0) return;
  const from = cursorOf(pane);
  const to = Math.max(0, Math.min(rows.length - 1, from + step));
  // At the top of a tail one follows it; anywhere else one stays with the row.
  pane.selected = to === 0 && table.follows ? undefined : table.id(rows[to]);
}

function openRow(session: Session, pane: Pane): void {
  const context = session.context();
  if (context?.row === undefined) return;
  const target = pane.view.table?.open?.(context.row);
  if (target !== undefined) session.go(target);
}

function sortNext(pane: Pane): void {
  const titles = (pane.view.table?.columns ?? []).filter(({ value }) => value !== undefined).map(({ title }) => title);
  if (titles.length === 0) return;
  const now = pane.place.sort === undefined ? -1 : titles.indexOf(pane.place.sort.column);
  const column = titles[now + 1];
  // After the last column comes the order in which rows arrive.
  pane.place = { ...pane.place, sort: column === undefined ? undefined : { column, descending: true } };
}

function turn(session: Session, pane: Pane, step: number): void {
  const count = pane.view.tabs?.length ?? 0;
  if (count === 0) return;
  pane.place = { ...pane.place, tab: (pane.place.tab + step + count) % count };
  pane.top = 0;
  pane.selected = undefined;
  session.reload();
}

function copy(session: Session, pane: Pane): void {
  const text = textToCopy(session, pane);
  if (text === undefined || text === "") {
    session.dialogs.notice("There is nothing to copy", "bad");
    return;
  }
  session.options.copy(text);
  const shown = text.length > 40 ? `${text.length} characters` : text;
  session.dialogs.notice(`Copied ${shown}`, "good");
}

function pressPrompt(session: Session, input: Exclude<Input, { type: "mouse" }>): void {
  const { state } = session;
  const prompt = state.prompt!;
  const pane = currentPane(state);
  const typed = input.type === "paste" ? input.text.replaceAll(/\s+/g, " ") : input.text;
  const name = input.type === "paste" ? "" : input.name;
  if (name === "escape" || (name === "backspace" && prompt.text === "")) {
    state.prompt = undefined;
    if (prompt.kind === "filter") pane.place = { ...pane.place, filter: "" };
  } else if (name === "enter") {
    state.prompt = undefined;
    if (prompt.kind === "jump") jump(session, prompt.text);
    else {
      complain(session, pane);
      // What is not loaded is looked for now; a tail does so by itself, and must not be opened twice.
      if (pane.view.everyMs >= soonMs) session.reload();
    }
  } else if (/^(shift-)?tab$/.test(name)) complete(prompt, name === "tab" ? 1 : -1);
  else {
    const before = prompt.text;
    if (name === "ctrl-u") prompt.text = "";
    else if (name === "ctrl-w") prompt.text = before.replace(/\S*\s*$/, "");
    else if (name === "backspace") prompt.text = [...before].slice(0, -1).join("");
    else prompt.text = (before + typed).slice(0, promptCharactersMax);
    if (prompt.text !== before) Object.assign(prompt, { choice: 0, typed: undefined });
  }
  if (state.prompt?.kind === "filter") pane.place = { ...pane.place, filter: prompt.text };
}

/** First what stands there already as a suggestion, then the one after it. */
function complete(prompt: Prompt, step: number): void {
  if (prompt.kind !== "jump") return;
  const offered = completions(prompt.typed ?? prompt.text);
  if (offered.length === 0) return;
  prompt.choice = prompt.typed === undefined ? 0 : (prompt.choice + step + offered.length) % offered.length;
  prompt.typed ??= prompt.text;
  prompt.text = offered[prompt.choice]!.name;
}

function jump(session: Session, text: string): void {
  const target = jumpTarget(text);
  if (target === "quit") {
    session.quit();
    return;
  }
  if (target === undefined) {
    if (text.trim() !== "") session.dialogs.notice(`There is no view "${text.trim()}"`, "bad");
    return;
  }
  session.go(target, { replace: target.subject === undefined });
}

function complain(session: Session, pane: Pane): void {
  const { problem } = parseFilter(pane.place.filter, fieldsOf(pane.view));
  if (problem !== undefined) session.dialogs.notice(problem, "bad");
}

function click(session: Session, input: Extract<Input, { type: "mouse" }>, geometry: Geometry): void {
  const pane = currentPane(session.state);
  if (input.action !== "press") {
    moveBy(pane, input.action === "up" ? -wheelRows : wheelRows);
    return;
  }
  if (input.row === geometry.barRow) {
    const item = geometry.bar.find(({ from, to }) => input.column >= from && input.column < to);
    if (item !== undefined) session.go({ view: item.view }, { replace: true });
    return;
  }
  const { table } = pane.view;
  const row = input.row - geometry.bodyRow;
  if (table === undefined) return;
  if (row === geometry.headAt) {
    const column = geometry.columnTitleAt(input.column);
    if (column === undefined) return;
    const same = pane.place.sort?.column === column;
    pane.place = { ...pane.place, sort: { column, descending: same ? !pane.place.sort!.descending : true } };
    return;
  }
  const index = row - geometry.firstRow;
  if (index < 0 || index >= geometry.rowsShown) return;
  const chosen = rowsOf(pane).rows[pane.top + index];
  if (chosen === undefined) return;
  if (pane.selected === table.id(chosen)) openRow(session, pane);
  else pane.selected = table.id(chosen);
}
