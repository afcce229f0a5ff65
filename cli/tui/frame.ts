/**
 * State as lines: header, bar of views, title, body, footer. Hides what goes where and what is left out on a small
 * screen. Pure, and cheap enough to be done thirty times a second.
 */

import { nextStep } from "../next-step.ts";
import { renderDuration, renderTime } from "../render.ts";
import { widthOf } from "../text.ts";
import { sparkline } from "./draw/bars.ts";
import { rate as perSecond } from "./draw/format.ts";
import { blank, fitLine, type Line, line, type Span, span, spread, widthOfLine } from "./draw/line.ts";
import { headLine, layout, rowLine, rule } from "./draw/table.ts";
import { completions } from "./jump.ts";
import { currentPane, cursorOf, type Pane, rowsOf, type State } from "./state.ts";
import { views } from "./views.ts";

/** The body as drawn, and where in it the rows stand, for clicks. */
export type Body = {
  readonly lines: readonly Line[];
  readonly selected: number | undefined;
  readonly headAt: number | undefined;
  readonly firstRow: number;
  readonly rowsShown: number;
};

const detailsRowsMin = 8;
const pulseWidth = 20;
/** Below this the view's name needs the room. */
const narrow = 60;

/** Name, way here, daemon, rate, clock: the right end gives way last. */
export function header(state: State, width: number): Line {
  const crumbs = state.stack.flatMap((pane, index): Span[] => [
    ...(index === 0 ? [] : ([[" › ", "dim"]] as const)),
    span(crumb(pane), index === state.stack.length - 1 ? "strong" : "dim"),
  ]);
  const left: Line = [[" bifrost ", "accentBadge"], [" ", "plain"], ...crumbs];
  // The way here is worth more than the picture of the rate, and than what else a wide screen has room for.
  const room = width - widthOfLine(left) - 2;
  const right = [health(state, width, true), health(state, width, false), health(state, narrow, false)];
  const fits = right.find((each) => widthOfLine(each) <= room) ?? right[2]!;
  return spread(left, [[" ", "plain"], ...fits, [" ", "plain"]], width);
}

function crumb({ view, place }: Pane): string {
  return place.subject === undefined ? view.name : `${view.name} ${place.subject}`;
}

function health(state: State, width: number, withPicture: boolean): Span[] {
  const { status, lostSince, now } = state;
  const parts: Span[] = [];
  if (state.readOnly) parts.push([" read-only ", "warnBadge"], ["  ", "plain"]);
  if (state.paused) parts.push([" paused ", "warnBadge"], ["  ", "plain"]);
  if (lostSince !== undefined) {
    parts.push(
      [" no daemon ", "badBadge"],
      span(` for ${renderDuration(Math.max(1_000, now - lostSince))}, trying again`, "bad"),
    );
    return parts;
  }
  if (state.refused !== undefined) {
    parts.push([" refused ", "badBadge"], span(` ${state.refused}`, "bad"));
    return parts;
  }
  if (status === undefined) return [...parts, ["connecting …", "dim"]];
  const inFlight = status.workers.reduce((sum, worker) => sum + worker.requests_in_flight, 0);
  const rate = state.pulse.at(-1);
  const wide = width >= 100;
  if (wide && withPicture) parts.push(sparkline(state.pulse, pulseWidth, "series1"), [" ", "plain"]);
  parts.push(span(`${perSecond(rate)} req/s`, "strong"));
  if (width >= narrow) parts.push([`  ${inFlight} in flight`, inFlight > 0 ? "info" : "dim"]);
  if (wide) parts.push(span(`  gen ${status.config.generation}`, status.config.error === null ? "dim" : "bad"));
  if (width >= 120) parts.push(span(`  ${state.remote ?? status.url.replace("http://", "")}`, "dim"));
  parts.push(
    ["  ", "plain"],
    ...stateOf(status.state, status.warnings.length + (status.config.error === null ? 0 : 1)),
  );
  if (width >= 90) parts.push(span(`  ${renderTime(now).slice(11)}`, "dim"));
  return parts;
}

function stateOf(state: "starting" | "serving" | "draining", warnings: number): Span[] {
  if (state !== "serving") return [[`◐ ${state}`, "warn"]];
  return warnings === 0 ? [["● serving", "good"]] : [[`▲ ${warnings} warning${warnings === 1 ? "" : "s"}`, "warn"]];
}

export type BarItem = { readonly view: string; readonly from: number; readonly to: number };

/** `1 traffic  2 spend …`; the one that is open stands out. */
export function viewBar(state: State, width: number): { readonly line: Line; readonly items: readonly BarItem[] } {
  const root = state.stack[0]!.view.name;
  const items: BarItem[] = [];
  const spans: Span[] = [[" ", "plain"]];
  let column = 1;
  const inBar = views.filter((view) => view.inBar);
  const full = inBar.reduce((sum, { name }) => sum + name.length + 5, 1) <= width;
  for (const [index, { name }] of inBar.entries()) {
    const number = `${index + 1}`;
    const text = full ? ` ${number} ${name} ` : `${number}${name}`;
    if (name === root) spans.push([text, "accentBadge"]);
    else if (full) spans.push([` ${number} `, "dim"], [`${name} `, "plain"]);
    else spans.push([number, "dim"], [name, "plain"]);
    spans.push([" ", "plain"]);
    items.push({ view: name, from: column, to: column + text.length });
    column += text.length + 1;
  }
  return { line: fitLine(spans, width), items };
}

export function title(state: State, width: number): Line {
  const pane = currentPane(state);
  const { view, place } = pane;
  const { rows, all } = rowsOf(pane);
  const name: Span[] = [span(view.title, "strong")];
  if (view.tabs !== undefined)
    for (const [index, tab] of view.tabs.entries())
      name.push([" ", "dim"], index === place.tab ? [` ${tab} `, "accentBadge"] : [` ${tab} `, "dim"]);
  if (view.table !== undefined && pane.data !== undefined)
    name.push(span(place.filter === "" ? ` ${all}` : ` ${rows.length} of ${all}`, "dim"));
  if (place.filter !== "") name.push(["  /", "accent"], span(place.filter, "accent"));
  const note: Span[] = [];
  if (pane.error !== undefined && state.lostSince === undefined) note.push(span(pane.error, "bad"));
  else if (pane.loadedAt !== undefined && state.now - pane.loadedAt > 3 * view.everyMs + 2_000 && !state.paused)
    note.push(span(`as of ${renderTime(pane.loadedAt).slice(11)}`, "warn"));
  else if (view.note !== undefined && pane.data !== undefined && view.note(pane.data) !== "")
    note.push(span(view.note(pane.data), "dim"));
  return rule(name, note, width);
}

export function body(state: State, width: number, height: number): Body {
  const pane = currentPane(state);
  const lines = drawPane(pane, state, width, height);
  return { ...lines, lines: Array.from({ length: height }, (_, row) => fitLine(lines.lines[row] ?? blank, width)) };
}

function drawPane(pane: Pane, state: State, width: number, height: number): Body {
  const { view, data } = pane;
  const none = { selected: undefined, headAt: undefined, firstRow: 0, rowsShown: 0 };
  if (data === undefined) return { lines: [blank, waiting(pane, state), ...remedy(state)], ...none };
  const size = { width, height, now: state.now, tab: pane.place.tab };
  const head = view.head?.(data, size).slice(0, Math.max(0, Math.floor(height / 2))) ?? [];
  if (view.page !== undefined) {
    const page = view.page(data, size, pane.place);
    const room = height - head.length;
    pane.top = Math.max(0, Math.min(pane.top, page.length - room));
    return { lines: [...head, ...page.slice(pane.top, pane.top + room)], ...none, rowsShown: room };
  }
  return drawTable(pane, state, head, width, height);
}

function drawTable(pane: Pane, state: State, head: readonly Line[], width: number, height: number): Body {
  const table = pane.view.table!;
  const { rows, all } = rowsOf(pane);
  const columns = layout(table.columns, width);
  const cursor = cursorOf(pane);
  const chosen = rows[cursor];
  const details = chosen === undefined ? [] : (table.details?.(chosen, width, state.now) ?? []);
  const roomAll = height - head.length - 1;
  const showsDetails = details.length > 0 && roomAll - details.length - 1 >= detailsRowsMin;
  const room = Math.max(1, showsDetails ? roomAll - details.length - 1 : roomAll);
  pane.top = Math.max(0, Math.min(pane.top, cursor, rows.length - room));
  if (cursor >= pane.top + room) pane.top = cursor - room + 1;
  const shown = rows.slice(pane.top, pane.top + room).map((row) => rowLine(columns, row, width, state.now));
  if (rows.length === 0) shown.push(blank, ...nothing(pane, all));
  const top = [...head, headLine(columns, pane.place.sort, width)];
  const filled = Array.from({ length: room }, (_, row) => shown[row] ?? blank);
  return {
    lines: showsDetails ? [...top, ...filled, [["─".repeat(width), "dim"]], ...details] : [...top, ...filled],
    selected: rows.length === 0 ? undefined : top.length + cursor - pane.top,
    headAt: head.length,
    firstRow: top.length,
    rowsShown: room,
  };
}

function waiting({ error }: Pane, { lostSince, remote }: State): Line {
  if (lostSince !== undefined) {
    const what = remote === undefined ? "Start one with: bifrost serve --detach" : `Nobody answers at ${remote}.`;
    return line("  ", span(`No daemon answers. ${what}`, "bad"));
  }
  return error === undefined ? line("  ", span("Loading …", "dim")) : line("  ", span(error, "bad"));
}

/** A token that has run out does not come back by waiting. */
function remedy({ refused }: State): readonly Line[] {
  const next = refused === undefined ? undefined : nextStep(refused);
  return next === undefined ? [] : [line("  ", span(next, "dim"))];
}

function nothing({ view, place, data }: Pane, all: number): readonly Line[] {
  if (all > 0)
    return [
      line("  ", span(`None of ${all} matches /${place.filter}`, "dim")),
      line("  ", span("esc takes the filter away", "dim")),
    ];
  return view.table!.empty(data);
}

/** What is being typed, what was just said, or what can be done. */
export function footer(state: State, width: number): Line {
  const { prompt, notice } = state;
  if (prompt !== undefined) return promptLine(prompt, width);
  if (notice !== undefined && notice.until > state.now) {
    const mark: Span =
      notice.kind === "bad"
        ? [" ! ", "badBadge"]
        : notice.kind === "good"
          ? [" ✓ ", "goodBadge"]
          : [" i ", "accentBadge"];
    return fitLine(
      [[" ", "plain"], mark, [" ", "plain"], span(notice.text, notice.kind === "bad" ? "bad" : "plain")],
      width,
    );
  }
  return fitLine(hints(state, width), width);
}

function promptLine(prompt: NonNullable<State["prompt"]>, width: number): Line {
  const sign = prompt.kind === "jump" ? ":" : "/";
  const typed: Span[] = [[` ${sign}`, "accent"], span(prompt.text, "strong")];
  if (prompt.kind === "filter")
    return fitLine(
      [...typed, ["▏", "accent"], ["   text  !not  field:value  field:>100   enter keeps  esc clears", "dim"]],
      width,
    );
  const offered = completions(prompt.typed ?? prompt.text);
  const ghost = offered[prompt.choice];
  const rest = ghost?.name.startsWith(prompt.text) === true ? ghost.name.slice(prompt.text.length) : "";
  const others = offered.flatMap((view): Span[] => [
    ["  ", "plain"],
    span(view.name, view === ghost ? "accent" : "dim"),
  ]);
  const none: Span[] = offered.length === 0 ? [["   no such view", "bad"]] : [["   ", "plain"], ...others];
  return fitLine([...typed, ["▏", "accent"], span(rest, "dim"), ...none], width);
}

function hints(state: State, width: number): Line {
  const pane = currentPane(state);
  const spans: Span[] = [[" ", "plain"]];
  const used = endOfHints.reduce((sum, [text]) => sum + widthOf(text), 0);
  let room = width - used - 2;
  // What does not fit is left out rather than cut; `?` tells all.
  const add = (key: string, label: string): void => {
    room -= widthOf(key) + widthOf(label) + 3;
    if (room >= 0) spans.push([key, "accent"], [` ${label}  `, "dim"]);
  };
  if (state.stack.length > 1 || pane.place.filter !== "") add("esc", "back");
  if (pane.view.table?.open !== undefined) add("enter", "open");
  if (pane.view.tabs !== undefined) add("tab", "pane");
  for (const action of pane.view.actions) if (!(action.changes && state.readOnly)) add(action.key, action.label);
  if (pane.view.table !== undefined) add("/", "filter");
  add(":", "jump");
  if (width >= 100) add("p", state.paused ? "go on" : "pause");
  if (width >= 100 && pane.view.table !== undefined) add("s", "sort");
  if (width >= 120) add("y", "copy");
  if (width >= 120) add("e", "export");
  return [...fitLine(spans, width - used - 1), [" ", "plain"], ...endOfHints];
}

const endOfHints: Line = [
  ["?", "accent"],
  [" help  ", "dim"],
  ["q", "accent"],
  [" quit ", "dim"],
];
