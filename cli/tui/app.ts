/**
 * The tree that Ink lays out: five regions and, over them, a dialog. Hides that the regions are empty boxes to Ink.
 * Their lines are drawn straight to the screen, at the places Ink worked out: for 200×60 cells that takes 2 ms a frame
 * where text through Ink takes 12 (docs/decisions/0009-lines-past-ink.md).
 */
import { Box, type DOMElement, measureElement, Text } from "ink";
import { createElement as h, type ReactElement } from "react";
import type { Line } from "./draw/line.ts";
import { span } from "./draw/line.ts";
import type { Palette } from "./draw/palette.ts";
import { helpLines } from "./help.ts";
import type { Dialog, State } from "./state.ts";

export const regionNames = ["header", "bar", "title", "body", "footer"] as const;
export type RegionName = (typeof regionNames)[number];
export type Rectangle = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

/** Nodes of the last layout. */
export type Nodes = Map<RegionName | "dialog", DOMElement>;

export function App({
  state,
  width,
  height,
  palette,
  nodes,
}: {
  readonly state: State;
  readonly width: number;
  readonly height: number;
  readonly palette: Palette;
  readonly nodes: Nodes;
}): ReactElement {
  const region = (name: RegionName) =>
    h(Box, {
      key: name,
      ref: keep(nodes, name),
      flexShrink: 0,
      ...(name === "body" ? { flexGrow: 1, flexShrink: 1 } : { height: 1 }),
    });
  const { dialog } = state;
  const layer =
    dialog === undefined
      ? null
      : h(
          Box,
          { key: "layer", position: "absolute", width, height, alignItems: "center", justifyContent: "center" },
          h(DialogBox, { dialog, state, width, height, palette, nodes }),
        );
  return h(Box, { flexDirection: "column", width, height }, ...regionNames.map(region), layer);
}

function DialogBox({
  dialog,
  state,
  width,
  height,
  palette,
  nodes,
}: {
  readonly dialog: Dialog;
  readonly state: State;
  readonly width: number;
  readonly height: number;
  readonly palette: Palette;
  readonly nodes: Nodes;
}): ReactElement {
  const inner = Math.min(dialog.kind === "help" ? 96 : 72, width - 6);
  const lines = dialogLines(dialog, state, inner, height - 4);
  return h(
    Box,
    {
      ref: keep(nodes, "dialog"),
      borderStyle: "round",
      paddingX: 1,
      flexDirection: "column",
      width: inner + 4,
      flexShrink: 0,
    },
    ...lines.map((each, index) =>
      h(Text, { key: index, wrap: "wrap" }, each.length === 0 ? " " : palette.render(each)),
    ),
  );
}

function dialogLines(dialog: Dialog, state: State, width: number, height: number): readonly Line[] {
  switch (dialog.kind) {
    case "help":
      return helpLines(state, width, height);
    case "confirm":
      return [
        [span(dialog.question, "strong")],
        ...(dialog.details.length === 0 ? [] : [[]]),
        ...dialog.details.map((text): Line => [span(text)]),
        [],
        [
          ["y", "accent"],
          [" yes    ", "dim"],
          ["n", "accent"],
          [" no", "dim"],
        ],
      ];
    case "show":
      return [
        [span(dialog.title, "strong")],
        [],
        ...dialog.lines.map((text): Line => [span(text)]),
        [],
        [
          ...((dialog.copy === undefined
            ? []
            : [
                ["y", "accent"],
                [" copy    ", "dim"],
              ]) as Line),
          ["enter", "accent"],
          [" close", "dim"],
        ],
      ];
    case "choose":
      return [
        [span(dialog.question, "strong")],
        [],
        ...dialog.choices.map(
          (choice, index): Line => [
            span(index === dialog.index ? `› ${choice}` : `  ${choice}`, index === dialog.index ? "accent" : "plain"),
          ],
        ),
        [],
        [
          ["enter", "accent"],
          [" choose    ", "dim"],
          ["esc", "accent"],
          [" leave", "dim"],
        ],
      ];
    case "ask":
      return [
        [span(dialog.question, "strong")],
        [["› ", "accent"], span(dialog.text, "strong"), ["▏", "accent"]],
        ...(dialog.hint === undefined ? [] : [[], [span(dialog.hint, "dim")] as Line]),
        [],
        [
          ["enter", "accent"],
          [" done    ", "dim"],
          ["esc", "accent"],
          [" leave", "dim"],
        ],
      ];
  }
}

/** Stable per name, so that React does not take a ref off and put it on again at each frame. */
const keepers = new WeakMap<Nodes, Map<string, (node: DOMElement | null) => void>>();

function keep(nodes: Nodes, name: RegionName | "dialog"): (node: DOMElement | null) => void {
  const mine = keepers.get(nodes) ?? new Map<string, (node: DOMElement | null) => void>();
  keepers.set(nodes, mine);
  const known = mine.get(name);
  if (known !== undefined) return known;
  const made = (node: DOMElement | null) => {
    if (node === null) nodes.delete(name);
    else nodes.set(name, node);
  };
  mine.set(name, made);
  return made;
}

export function placeOf(nodes: Nodes, name: RegionName | "dialog"): Rectangle | undefined {
  const node = nodes.get(name);
  return node === undefined ? undefined : measureElement(node);
}
