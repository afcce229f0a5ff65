import assert from "node:assert/strict";
import { test } from "node:test";
import { type Column, growingTable, renderBudget, renderDuration, renderMoney, renderTable } from "../../cli/render.ts";
import { curlLine, exampleModel } from "../../cli/render-curl.ts";
import { plain } from "../../cli/text.ts";
import { createVirtualScreen } from "../support/virtual-screen.ts";

type Row = { readonly name: string; readonly cost: string };
const columns: readonly Column<Row>[] = [
  { title: "NAME", cell: (row) => row.name, shrinkTo: 4 },
  { title: "COST", cell: (row) => row.cost, align: "right" },
];

test("renderMoney() shows cents at least and every place that counts", () => {
  const shown = [0, 1, 42_500, 1_000_000_000, 5_250_000_000, 8_999_999_999_999_999, -10_000_000, null].map(renderMoney);
  assert.deepEqual(shown, [
    "$0.00",
    "$0.000000001",
    "$0.0000425",
    "$1.00",
    "$5.25",
    "$8999999.999999999",
    "-$0.01",
    "–",
  ]);
});

test("renderDuration() shows the two largest units", () => {
  const shown = [0, 812, 1_234, 45_600, 90_000, 3_600_000, 5_400_000, 86_400_000, 90_061_000].map(renderDuration);
  assert.deepEqual(shown, ["0ms", "812ms", "1.23s", "45.6s", "1m 30s", "1h", "1h 30m", "1d", "1d 1h"]);
});

test("renderBudget() names the window", () => {
  const limit_nano = 10_000_000_000;
  const calendar = { kind: "calendar", unit: "day", count: 1, zone: "UTC" } as const;
  assert.deepEqual(
    [
      { kind: "rolling", length_ms: 86_400_000 } as const,
      calendar,
      { ...calendar, count: 2 },
      { kind: "forever" } as const,
    ].map((window) => renderBudget({ limit_nano, window })),
    ["$10.00/1d", "$10.00 a calendar day (UTC)", "$10.00 a calendar 2 days (UTC)", "$10.00 in all"],
  );
});

test("renderTable() aligns, and cuts only on a terminal that is too narrow", () => {
  const rows = [
    { name: "a very long name", cost: "$1.00" },
    { name: "日本語", cost: "$10.00" },
  ];
  assert.equal(
    renderTable(rows, columns, { columns: undefined, hasColor: false }),
    "NAME                COST\na very long name   $1.00\n日本語            $10.00\n",
  );
  assert.equal(
    renderTable(rows, columns, { columns: 14, hasColor: false }),
    "NAME      COST\na ver…   $1.00\n日本語  $10.00\n",
  );
  assert.equal(
    renderTable(rows, columns, { columns: 11, hasColor: true }),
    "NAME  a very long name\nCOST  $1.00\n\nNAME  日本語\nCOST  $10.00\n\n",
    "a line that would be wrapped stands as a block",
  );
});

test("renderTable() leaves out what may go, last first, before a line is wider than the terminal", () => {
  const droppable: readonly Column<Row>[] = [...columns, { title: "NOTE", cell: () => "note", mayDrop: true }];
  const rows = [{ name: "a name", cost: "$1.00" }];
  const render = (width: number) => renderTable(rows, droppable, { columns: width, hasColor: false });
  assert.equal(render(17), "NAME   COST  NOTE\na n…  $1.00  note\n");
  assert.equal(render(16), "NAME     COST\na name  $1.00\n");
});

test("renderTable() shows control characters of a name and does not obey them", () => {
  const text = renderTable([{ name: "a\u001b[2Jb\n\u202e", cost: "" }], columns, {
    columns: undefined,
    hasColor: false,
  });
  assert.match(text, /a\\u001b\[2Jb\\u000a\\u202e/);
  assert.equal(plain("é日👍"), "é日👍");
});

test("renderTable() colours its head only where colour is wanted", () => {
  const render = (hasColor: boolean) => renderTable([{ name: "a", cost: "b" }], columns, { columns: 80, hasColor });
  assert.ok(render(true).startsWith("\u001b[1m"));
  assert.ok(!render(false).includes("\u001b"));
});

test("exampleModel() is one that the key may call", () => {
  const shown = [["*"], ["echo/*"], ["openai/gpt-4o", "echo"], ["openai/*", "claude-opus-4"], ["openai/*"]].map(
    exampleModel,
  );
  assert.deepEqual(shown, ["echo/echo", "echo/echo", "echo/echo", "claude-opus-4", "echo/echo"]);
});

test("curlLine() survives a shell", () => {
  assert.equal(
    curlLine("http://h", "sk-bf-x", "it's"),
    `curl http://h/v1/chat/completions -H 'Authorization: Bearer sk-bf-x' -H 'Content-Type: application/json' -d '{"model":"it'\\''s","messages":[{"role":"user","content":"Hello"}]}'`,
  );
});

test("growingTable() stands what comes later under what came before, and its head once", () => {
  const render = growingTable(columns, { columns: undefined, hasColor: false });
  const [first, later] = [[{ name: "a long name", cost: "$10.00" }], [{ name: "b", cost: "$1.00" }]];
  assert.equal(render(first) + render(later), "NAME           COST\na long name  $10.00\nb             $1.00\n");
});

test("renderTable() places the cursor after what terminals count differently, where the output is one that obeys", () => {
  const rows = [{ name: "👍🏽 ok", cost: "$1.00" }];
  const drawn = (width: number | undefined, hasColor: boolean) =>
    renderTable(rows, columns, { columns: width, hasColor }).split("\n")[1]!;
  for (const count of [1, 2, 4]) {
    const terminal = createVirtualScreen(40, 1, (cluster) => (/[^ -~]/.test(cluster) ? count : 1));
    terminal.write(drawn(40, true));
    assert.equal(terminal.cells(0, 2, 12).join(""), " ok  $1.00", `${count} columns`);
  }
  for (const plainLine of [drawn(undefined, false), drawn(40, false)]) assert.equal(plainLine, "👍🏽 ok  $1.00");
});
