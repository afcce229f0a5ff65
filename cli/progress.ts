/** How far a long work is, on one line of standard error. Hides that in a pipe, or where nobody looks, there is none. */
import { textBar } from "./render-bar.ts";
import type { Terminal } from "./terminal.ts";

export type Progress = {
  add(count: number): void;
  /** Takes the line away. */
  end(): void;
};

const everyMs = 100;
/** Shorter work shows nothing. */
const afterMs = 300;
const barColumns = 24;

/** `total` undefined: how much there is is not known. */
export function startProgress(
  what: string,
  total: number | undefined,
  terminal: Pick<Terminal, "err" | "errIsTerminal">,
  now: () => number = () => performance.now(),
): Progress {
  if (!terminal.errIsTerminal) return { add: () => undefined, end: () => undefined };
  const started = now();
  let done = 0;
  let drawnAt = started + afterMs - everyMs;
  let shown = false;
  return {
    add(count) {
      done += count;
      if (now() - drawnAt < everyMs) return;
      drawnAt = now();
      shown = true;
      const rate = Math.round((done * 1_000) / Math.max(1, drawnAt - started));
      const bar =
        total === undefined
          ? ""
          : `${textBar(done / Math.max(1, total), barColumns).padEnd(barColumns, "·")} ${Math.min(100, Math.floor((100 * done) / Math.max(1, total)))}%  `;
      terminal.err(`\r\u001b[K${bar}${done} ${what}, ${rate} a second`);
    },
    end() {
      if (shown) terminal.err("\r\u001b[K");
    },
  };
}

/** Work of which nobody tells how far it is: what is done, and for how long, until it answers. */
export async function whileWaiting<Answer>(
  what: string,
  work: Promise<Answer>,
  terminal: Pick<Terminal, "err" | "errIsTerminal">,
  now: () => number = () => performance.now(),
): Promise<Answer> {
  if (!terminal.errIsTerminal) return work;
  const started = now();
  let shown = false;
  const timer = setInterval(() => {
    if (now() - started < afterMs) return;
    shown = true;
    terminal.err(`\r\u001b[K${what} … ${Math.floor((now() - started) / 1_000)} s`);
  }, everyMs);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    if (shown) terminal.err("\r\u001b[K");
  }
}
