/**
 * The terminal as a screen of lines. Hides escape sequences, and that only lines which changed are written: over SSH a
 * frame of live traffic is a few hundred bytes, and nothing flickers because nothing is erased first.
 */

export type Output = {
  write(text: string): void;
  /** Bytes written that the other side has not taken: a frame is left out rather than queued. */
  readonly backlog: number;
};

export type Screen = {
  enter(): void;
  /** As it was before. May be called twice, and from a handler of signals. */
  leave(): void;
  /**
   * Lines with their styles, each exactly as wide as the screen: nothing is erased, all is written over. `write` makes
   * of one that has changed what is sent; the first frame, which has our own words alone, is not to wait for it.
   */
  paint(lines: readonly string[], write?: (line: string) => string): void;
  /** The next frame is written whole: after a resize, or when something else wrote. */
  forget(): void;
  /** To the clipboard of the terminal, also through SSH and tmux. */
  copy(text: string): void;
  title(text: string): void;
  readonly skipped: number;
};

const esc = "\u001b";
const csi = `${esc}[`;
/** tmux and xterm know it: everything between is shown at once. */
const beginFrame = `${csi}?2026h`;
const endFrame = `${csi}?2026l`;
const backlogBytesMax = 256_000;
/** What terminals take in one OSC 52, after base64. */
const copyBytesMax = 74_000;

export function createScreen(
  output: Output,
  { mouse, multiplexer }: { readonly mouse: boolean; readonly multiplexer: "tmux" | "screen" | undefined },
): Screen {
  let shown: readonly string[] = [];
  let entered = false;
  let skipped = 0;
  // Alternate screen, no cursor, no wrap at the last column, bracketed paste, clicks and wheel in SGR form.
  const on = `${csi}?1049h${csi}?25l${csi}?7l${csi}?2004h${mouse ? `${csi}?1000h${csi}?1006h` : ""}${csi}22;0t`;
  const off = `${mouse ? `${csi}?1006l${csi}?1000l` : ""}${csi}?2004l${csi}?7h${csi}0m${csi}?25h${csi}?1049l${csi}23;0t`;
  return {
    get skipped() {
      return skipped;
    },
    enter() {
      if (entered) return;
      entered = true;
      output.write(`${on}${csi}H${csi}2J`);
    },
    leave() {
      if (!entered) return;
      entered = false;
      shown = [];
      output.write(off);
    },
    paint(lines, write = (line) => line) {
      if (!entered) return;
      if (output.backlog > backlogBytesMax) {
        skipped += 1;
        return;
      }
      let text = "";
      for (const [row, line] of lines.entries()) {
        if (shown[row] !== line) text += `${csi}${row + 1};1H${write(line)}`;
      }
      shown = lines;
      if (text !== "") output.write(`${beginFrame}${text}${endFrame}`);
    },
    forget() {
      shown = [];
    },
    copy(text) {
      const payload = Buffer.from(text).subarray(0, copyBytesMax).toString("base64");
      output.write(wrapped(`${esc}]52;c;${payload}\u0007`, multiplexer));
    },
    title(text) {
      output.write(`${esc}]2;${text}\u0007`);
    },
  };
}

/** tmux takes OSC 52 itself where `set-clipboard` is on; where it is not, this passes through `allow-passthrough`. */
function wrapped(sequence: string, multiplexer: "tmux" | "screen" | undefined): string {
  if (multiplexer === "tmux") return `${sequence}${esc}Ptmux;${sequence.replaceAll(esc, esc + esc)}${esc}\\`;
  if (multiplexer === "screen") return `${esc}P${sequence}${esc}\\`;
  return sequence;
}
