import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFilter } from "../../../cli/filter.ts";
import { cut, fold, pinned, widthOf } from "../../../cli/text.ts";
import { sliceStyled } from "../../../cli/tui/compose.ts";
import { bar, columnChart, sparkText, stackedBar } from "../../../cli/tui/draw/bars.ts";
import { count, duration, money, percent } from "../../../cli/tui/draw/format.ts";
import { fitLine, sliceLine, span, spread, textOf, widthOfLine } from "../../../cli/tui/draw/line.ts";
import { colorDepth, createPalette, themeOf } from "../../../cli/tui/draw/palette.ts";
import { layout, rowLine } from "../../../cli/tui/draw/table.ts";
import { createScreen } from "../../../cli/tui/terminal/screen.ts";
import { createVirtualScreen } from "../../support/virtual-screen.ts";

test("fitLine() makes a line exactly so wide, wide characters and marks counted", () => {
  for (const text of [
    "",
    "short",
    "exactly 12!!",
    "a line that is too long",
    "日本語日本語日本",
    "e\u0301e\u0301e\u0301",
  ])
    assert.equal(widthOfLine(fitLine([span(text)], 12)), 12, text);
  assert.equal(textOf(fitLine([span("日本語日本語日本")], 12)), "日本語日本 …");
  assert.equal(textOf(fitLine([span("abcd"), span("efgh")], 4)), "abc…", "what follows shows as cut");
});

/** As one sees it, and its columns: what is joined is one, as in most terminals. */
const joined = [
  ["👨‍👩‍👧‍👦", 2],
  ["🇩🇪", 2],
  ["👍🏽", 2],
  ["❤️", 2],
  ["1️⃣", 2],
  ["🏳️‍🌈", 2],
  ["𠮷", 2],
  ["\u1112\u1161\u11ab", 2],
  ["क्षि", 3],
  ["a\u0300\u0301", 1],
  ["\ufe0f", 0],
] as const;

test("widthOf() counts what is joined as one, and cut() takes it whole or not at all", () => {
  assert.deepEqual(
    joined.map(([text]) => [text, widthOf(text)]),
    joined,
  );
  assert.deepEqual(
    [1, 2, 3, 4].map((width) => cut("👨‍👩‍👧‍👦🇩🇪x", width)),
    ["…", " …", "👨‍👩‍👧‍👦…", "👨‍👩‍👧‍👦 …"],
  );
  assert.deepEqual(fold("a👨‍👩‍👧‍👦日b", 3), ["a👨‍👩‍👧‍👦", "日b"]);
});

test("createScreen() keeps columns also where a terminal counts each part of what is joined, or none of it", () => {
  for (const [text, width] of joined) {
    for (const count of [sumOfParts, (each: string) => (each === "𠮷" ? 2 : 1)]) {
      const terminal = createVirtualScreen(14, 1, count);
      const screen = createScreen({ write: terminal.write, backlog: 0 }, { mouse: false, multiplexer: undefined });
      screen.enter();
      screen.paint(["x".repeat(14)]);
      screen.paint([textOf(fitLine([span(`a${text}${text}`), span(" 200 ok")], 14))], pinned);
      const at = 1 + 2 * width;
      assert.equal(terminal.cells(0, at, 14).join(""), " 200 ok".padEnd(14 - at), `${text} ${count}`);
      assert.ok(!terminal.text()[0]!.includes("x"), "nothing of the frame before shows through");
    }
  }
});

function sumOfParts(text: string): number {
  return [...text].reduce((sum, part) => sum + widthOf(part), 0);
}

test("sliceLine() and spread() keep columns", () => {
  assert.equal(textOf(sliceLine([span("ab"), span("日本"), span("cd")], 3, 7)), " 本c");
  assert.equal(textOf(spread([span("left side")], [span("right")], 11)), "left …right");
});

test("span() shows control characters instead of sending them", () => {
  assert.equal(textOf([span("a\u001b[2Jb\u202e")]), "a\\u001b[2Jb\\u202e");
  assert.equal(textOf([span("ad\u200bmin\u00ad\ufeff\u061c")]), "ad\\u200bmin\\u00ad\\ufeff\\u061c", "nor hides any");
  assert.equal(textOf([span(`a${"\u0300".repeat(500)}b`)]), `a${"\u0300".repeat(8)}b`);
});

test("sliceStyled() cuts columns out of a line and keeps the style that reaches into them", () => {
  assert.equal(sliceStyled("\u001b[31mabcd\u001b[0mef", 2, 5), "\u001b[31mcd\u001b[0me\u001b[0m");
  assert.equal(sliceStyled("ab", 1, 4), "b  \u001b[0m");
});

test("bar() shows what is not nothing, and never more than all", () => {
  const text = (share: number) => textOf(bar(share, 8, "good"));
  assert.deepEqual([0, 0.001, 0.5, 1, 7].map(text), ["········", "▏·······", "████····", "████████", "████████"]);
});

test("stackedBar() gives each part that is not zero a column, and no more than there are", () => {
  const parts = [
    { value: 1, style: "good" as const },
    { value: 98, style: "warn" as const },
    { value: 1, style: "bad" as const, glyph: "▒" },
  ];
  assert.equal(textOf(stackedBar(parts, 100, 10)), "██████████");
  assert.equal(textOf(stackedBar(parts, 200, 10)), "██████▒···");
});

test("sparkText() and columnChart() scale to the largest and leave what is not known empty", () => {
  assert.equal(sparkText([0, 1, undefined, 4, 8], 6), " ▁▁ ▄█");
  assert.deepEqual(columnChart([0, 8, 16], 3, 2, "good").map(textOf), ["  █", "▁██"]);
});

test("money(), count(), duration() and percent() keep to a few characters and never call unknown zero", () => {
  assert.deepEqual([null, 0, 900, 412_300, 1_250_000_000, 31e9, 12_345e9, 1_234_567e9].map(money), [
    "–",
    "$0",
    "<$0.00001",
    "$0.00041",
    "$1.25",
    "$31.00",
    "$12,345",
    "$1.2M",
  ]);
  assert.deepEqual([null, 812, 12_345, 4_100_000, 999_960].map(count), ["–", "812", "12.3k", "4.1M", "1.0M"]);
  assert.deepEqual([null, 0.4, 812, 3_210, 12_480, 72_000].map(duration), [
    "–",
    "<1ms",
    "812ms",
    "3.21s",
    "12.5s",
    "1m 12s",
  ]);
  assert.deepEqual([null, 0, 0.004, 0.33, 1].map(percent), ["–", "0%", "0.4%", "33%", "100%"]);
});

test("colorDepth() hears NO_COLOR before all else, then what the terminal says", () => {
  assert.equal(colorDepth({ NO_COLOR: "1", COLORTERM: "truecolor", TERM: "xterm-256color" }), "none");
  assert.equal(colorDepth({ TERM: "dumb" }), "none");
  assert.equal(colorDepth({ TERM: "xterm-256color", COLORTERM: "truecolor" }), "true");
  assert.equal(colorDepth({ TERM: "tmux-256color" }), "256");
  assert.equal(colorDepth({ TERM: "linux" }), "16");
  assert.deepEqual(
    [themeOf({ COLORFGBG: "0;15" }), themeOf({ COLORFGBG: "15;0" }), themeOf({})],
    ["light", "dark", "dark"],
  );
});

test("createPalette() without colour sends no colour, and still shows what is chosen", () => {
  const { render } = createPalette("none", "dark");
  const all =
    render(
      [
        ["bad", "bad"],
        ["good", "good"],
        ["badge", "badBadge"],
      ],
      false,
    ) + render([["row", "info"]], true);
  assert.doesNotMatch(all, /\[[0-9;]*(3[0-9]|4[0-9]|9[0-9])/);
  assert.equal(render([["row", "info"]], true), "\u001b[7mrow\u001b[0m");
});

test("layout() depends on the width alone and leaves out the columns that may go, the highest first", () => {
  const column = (title: string, width: number, extra = {}) => ({ title, width, cell: () => [span(title)], ...extra });
  const columns = [column("A", 10), column("B", 10, { drop: 1 }), column("C", 10, { drop: 2, grow: 1 })];
  assert.deepEqual(
    layout(columns, 60).map(({ column: { title }, width }) => `${title}${width}`),
    ["A10", "B10", "C36"],
  );
  assert.deepEqual(
    layout(columns, 30).map(({ column: { title } }) => title),
    ["A", "B"],
  );
  assert.deepEqual(
    layout(columns, 15).map(({ column: { title } }) => title),
    ["A"],
  );
  assert.equal(widthOfLine(rowLine(layout(columns, 60), {}, 60, 0)), 60);
});

const fields = {
  status: (row: { status: number }) => row.status,
  took: () => 2_500,
  key: () => "team blue",
  error: () => null,
};
for (const [text, holds] of [
  ["", true],
  ["blue", true],
  ["!blue", false],
  ["status:503", true],
  ["status:5xx", true],
  ["!status:4xx", true],
  ["status:50", false],
  ["status:429,5xx", true],
  ["status:4xx,200", false],
  ["status:error", true],
  ["status:success,4xx", false],
  ["key:red,blue", true],
  ['key:"red,blue"', false],
  ["took:>2s", true],
  ["took:<=2s", false],
  ['key:"team blue" status:503', true],
  ["key:red", false],
  ["error:", true],
  ["blue nothing", false],
] as const)
  test(`parseFilter() ${holds ? "keeps" : "drops"} the row for /${text}`, () => {
    assert.equal(parseFilter(text, fields).matches({ status: 503 }), holds);
  });

test("parseFilter() names the fields there are when one is not", () => {
  assert.equal(parseFilter("stauts:503", fields).problem, 'no field "stauts"; there are status, took, key, error');
});
