import assert from "node:assert/strict";
import { test } from "node:test";
import { createInputParser } from "../../../cli/tui/terminal/keys.ts";
import { createScreen } from "../../../cli/tui/terminal/screen.ts";
import { createVirtualScreen } from "../../support/virtual-screen.ts";

const read = (...pieces: string[]) => {
  const parser = createInputParser();
  const found = pieces.flatMap((piece) => parser.push(piece));
  return [...found, ...parser.flush()].map((input) =>
    input.type === "key"
      ? input.name
      : input.type === "paste"
        ? `paste ${input.text}`
        : `${input.action} ${input.column},${input.row}`,
  );
};

test("createInputParser() reads letters, control keys and arrows in both of their forms", () => {
  assert.deepEqual(read("aé日😀 \r\t\u007f\u0003"), [
    "a",
    "é",
    "日",
    "😀",
    "space",
    "enter",
    "tab",
    "backspace",
    "ctrl-c",
  ]);
  assert.deepEqual(read("\u001b[A\u001bOB\u001b[5~\u001b[Z\u001b[H\u001b[1;5C"), [
    "up",
    "down",
    "pageup",
    "shift-tab",
    "home",
    "right",
  ]);
});

test("createInputParser() waits for the rest of a sequence that comes in pieces, byte by byte", () => {
  const bytes = "\u001b[B\u001b[<64;10;5M\u001b[200~a\nb\u001b[201~q";
  assert.deepEqual(read(...bytes), ["down", "up 9,4", "paste a\nb", "q"]);
});

test("createInputParser() takes an escape that nothing follows, or another key does, for the key", () => {
  assert.deepEqual(read("\u001b"), ["escape"]);
  assert.deepEqual(read("\u001b", "\u001b"), ["escape", "escape"]);
  assert.deepEqual(read("\u001bq"), ["escape", "q"]);
});

test("createInputParser() tells a click from a release, a drag and another button", () => {
  assert.deepEqual(read("\u001b[<0;3;4M\u001b[<0;3;4m\u001b[<32;3;4M\u001b[<2;3;4M\u001b[<65;1;1M"), [
    "press 2,3",
    "down 0,0",
  ]);
});

test("createInputParser() skips sequences that it does not know", () => {
  assert.deepEqual(read("\u001b[?1;2cx\u001b[27;5;9~y"), ["x", "y"]);
});

function written(
  paint: (screen: ReturnType<typeof createScreen>) => void,
  options: Partial<Parameters<typeof createScreen>[1]> = {},
): string {
  let text = "";
  const screen = createScreen(
    {
      write: (part) => {
        text += part;
      },
      backlog: 0,
    },
    { mouse: true, multiplexer: undefined, ...options },
  );
  paint(screen);
  return text;
}

test("createScreen() writes only lines that changed, between the marks of one frame", () => {
  const text = written((screen) => {
    screen.enter();
    screen.paint(["one", "two", "six"]);
    screen.paint(["one", "TWO", "six"]);
    screen.paint(["one", "TWO", "six"]);
  });
  assert.ok(text.endsWith("\u001b[?2026h\u001b[2;1HTWO\u001b[?2026l"), JSON.stringify(text));
});

test("createScreen() leaves the terminal as it was: every mode it turned on is off, and the other screen gone", () => {
  const terminal = createVirtualScreen(20, 3);
  terminal.modes.add("?25").add("?7");
  const before = [...terminal.modes].sort();
  const text = written((screen) => {
    screen.enter();
    screen.paint(["a".padEnd(20), "b".padEnd(20), "c".padEnd(20)]);
    screen.leave();
    screen.leave();
    screen.paint(["never".padEnd(20)]);
  });
  terminal.write(text);
  assert.deepEqual([...terminal.modes].sort(), before);
  assert.equal(text.split("\u001b[?1049l").length, 2, "once");
  assert.doesNotMatch(text, /never/);
});

test("createScreen() leaves a frame out where the line is slow, and counts it", () => {
  const frames: string[] = [];
  const screen = createScreen(
    { write: (part) => void frames.push(part), backlog: 300_000 },
    { mouse: false, multiplexer: undefined },
  );
  screen.enter();
  screen.paint(["x"]);
  assert.deepEqual([frames.length, screen.skipped], [1, 1]);
});

test("createScreen() copies by OSC 52, in tmux also past it", () => {
  assert.equal(
    written((screen) => screen.copy("grüße")),
    "\u001b]52;c;Z3LDvMOfZQ==\u0007",
  );
  const inTmux = written((screen) => screen.copy("a"), { multiplexer: "tmux" });
  assert.ok(inTmux.endsWith("\u001bPtmux;\u001b\u001b]52;c;YQ==\u0007\u001b\\"), JSON.stringify(inTmux));
});
