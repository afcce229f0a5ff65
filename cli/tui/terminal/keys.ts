/**
 * Bytes from the terminal as keys, clicks and pastes. Hides escape sequences, and that they arrive in pieces: over a
 * slow line an arrow's three bytes may come one at a time.
 */

export type Input =
  | { readonly type: "key"; readonly name: string; readonly text: string }
  | { readonly type: "mouse"; readonly action: "press" | "up" | "down"; readonly column: number; readonly row: number }
  | { readonly type: "paste"; readonly text: string };

/** An escape alone is the key, unless the rest of a sequence comes within this time. */
export const escapeWaitMs = 40;
const pasteCharactersMax = 100_000;
const pasteStart = "\u001b[200~";
const pasteEnd = "\u001b[201~";

const sequences: Readonly<Record<string, string>> = {
  "[A": "up",
  "[B": "down",
  "[C": "right",
  "[D": "left",
  OA: "up",
  OB: "down",
  OC: "right",
  OD: "left",
  "[H": "home",
  "[F": "end",
  OH: "home",
  OF: "end",
  "[1~": "home",
  "[7~": "home",
  "[4~": "end",
  "[8~": "end",
  "[3~": "delete",
  "[5~": "pageup",
  "[6~": "pagedown",
  "[Z": "shift-tab",
};
const controls: Readonly<Record<string, string>> = {
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\u0008": "backspace",
  "\u007f": "backspace",
  "\u0000": "ctrl-space",
};

export type InputParser = {
  /** What the bytes so far say. */
  push(text: string): readonly Input[];
  /** An escape that nothing followed is the key. */
  flush(): readonly Input[];
  readonly waiting: boolean;
};

export function createInputParser(): InputParser {
  let rest = "";
  return {
    get waiting() {
      return rest !== "";
    },
    push(text) {
      rest += text;
      const found: Input[] = [];
      for (;;) {
        const [input, length] = next(rest);
        if (length === 0) return found;
        if (input !== undefined) found.push(input);
        rest = rest.slice(length);
      }
    },
    flush() {
      if (rest === "" || rest.startsWith(pasteStart)) return [];
      const found: Input[] = [key("escape")];
      const left = rest.slice(1);
      rest = "";
      return left === "" ? found : [...found, ...this.push(left)];
    },
  };
}

/** The first input and how long it was; 0: more bytes are needed. Unknown sequences have a length and no input. */
function next(text: string): readonly [Input | undefined, number] {
  if (text === "") return [undefined, 0];
  if (text.startsWith(pasteStart)) return paste(text);
  if (text[0] !== "\u001b") return plainKey(text);
  if (text.length === 1) return [undefined, 0];
  if (text[1] === "\u001b") return [key("escape"), 1];
  const after = text.slice(1);
  const mouse = /^\[<(\d+);(\d+);(\d+)([Mm])/.exec(after);
  if (mouse !== null) return [click(mouse), 1 + mouse[0].length];
  const sequence = /^(\[[0-9;<?]*[ -/]*[@-~]|O[@-~])/.exec(after);
  if (sequence !== null) {
    const name = sequences[sequence[1]!.replace(/^\[1;\d/, "[")];
    return [name === undefined ? undefined : key(name), 1 + sequence[0].length];
  }
  if (/^(\[[0-9;<?]*|O)$/.test(after)) return [undefined, 0];
  // No key here is meant with Alt: an escape that was typed just before another key is an escape.
  return [key("escape"), 1];
}

function plainKey(text: string): readonly [Input, number] {
  const character = String.fromCodePoint(text.codePointAt(0)!);
  const control = controls[character];
  if (control !== undefined) return [key(control), 1];
  if (character < " ") return [key(`ctrl-${String.fromCharCode(character.charCodeAt(0) + 96)}`), 1];
  return [{ type: "key", name: character === " " ? "space" : character, text: character }, character.length];
}

function paste(text: string): readonly [Input | undefined, number] {
  const end = text.indexOf(pasteEnd);
  if (end === -1) return text.length > pasteCharactersMax ? [undefined, text.length] : [undefined, 0];
  return [{ type: "paste", text: text.slice(pasteStart.length, end) }, end + pasteEnd.length];
}

/** SGR: button 0–2 pressed ("M") or let go ("m"), 64 and 65 the wheel; 32 more while moving. */
function click([, code, column, row, ending]: RegExpExecArray): Input | undefined {
  const place = { column: Number(column) - 1, row: Number(row) - 1 };
  const button = Number(code) & ~0b11100;
  if (button === 64) return { type: "mouse", action: "up", ...place };
  if (button === 65) return { type: "mouse", action: "down", ...place };
  return button === 0 && ending === "M" && (Number(code) & 32) === 0
    ? { type: "mouse", action: "press", ...place }
    : undefined;
}

function key(name: string): Input {
  return { type: "key", name, text: "" };
}
