/** What `?` shows: the keys of this view, then those of every view. Hides columns. */
import { pad, widthOf } from "../text.ts";
import { beside, blank, type Line, span } from "./draw/line.ts";
import { currentPane, fieldsOf, type State } from "./state.ts";
import { views } from "./views.ts";

type Key = readonly [keys: string, what: string];

const moving: readonly Key[] = [
  ["↑ ↓ j k", "up and down"],
  ["space pgdn", "a page on"],
  ["pgup ctrl-b", "a page back"],
  ["g G", "first, last"],
  ["enter", "open"],
  ["esc", "back, or filter off"],
  ["1 … 9", "view of the bar"],
  [":", "jump to a view or a request"],
  ["q ctrl-c", "back, leave"],
];
const looking: readonly Key[] = [
  ["/", "filter"],
  ["s S", "sort by next column, reverse"],
  ["tab", "next pane"],
  ["p", "pause and go on"],
  ["f", "follow: first row, newest"],
  ["y", "copy"],
  ["e", "write what is shown to a file"],
  ["ctrl-r", "ask again now"],
  ["ctrl-l", "draw anew"],
];

/** `spoken`: one thing after the other, since two columns are heard as one. */
export function helpLines(state: State, width: number, height: number, spoken = false): readonly Line[] {
  const { view } = currentPane(state);
  const half = Math.floor(width / 2);
  const actions: readonly Key[] = view.actions.map(({ key, label, changes }) => [
    key,
    changes && state.readOnly ? `${label} (not with --read-only)` : label,
  ]);
  const top: Line[] = [[span(view.title, "strong"), span(`  ${view.summary}`, "dim")]];
  if (actions.length > 0) top.push(blank, ...pairs(actions));
  const fields = Object.keys(fieldsOf(view));
  if (fields.length > 0)
    top.push(
      blank,
      [span("/ takes fields: ", "dim"), span(fields.join(" "))],
      [span('  status:5xx  cost:>0.01  !echo  key:"team blue"', "dim")],
    );
  const columns = [
    { lines: [[span("Moving", "strong")], ...pairs(moving)], width: half },
    { lines: [[span("Looking", "strong")], ...pairs(looking)], width: width - half },
  ];
  const general = spoken ? columns.flatMap(({ lines }) => lines) : beside(columns);
  const names = views.filter(({ inBar, aliases }) => inBar || aliases.length > 0);
  const jumps: Line[] = [
    [span(": ", "accent"), span(names.map(({ name, aliases }) => [name, ...aliases].join("/")).join("  "), "dim")],
  ];
  const all = [...top, blank, ...general, blank, ...jumps];
  // A small screen has room for the view's own keys and the general ones, without the spaces between.
  return all.length <= height ? all : all.filter((each) => each.length > 0).slice(0, height);
}

function pairs(keys: readonly Key[]): Line[] {
  const width = Math.max(...keys.map(([key]) => widthOf(key)));
  return keys.map(([key, what]) => [span(pad(key, width), "accent"), span(`  ${what}`)]);
}
