/** How far a long work is, on one line of standard error. Hides that in a pipe, or where nobody looks, there is none. */
import { textBar } from "./render-bar.ts";
import type { Terminal } from "./terminal.ts";

export type Progress = {
  add(count: number): void;
  /** Takes the line away. */
  end(): void;
};

type Progressing = Pick<Terminal, "err" | "errIsTerminal" | "now">;

const everyMs = 100;
/** Shorter work shows nothing. */
const afterMs = 300;
const barColumns = 24;

/** `total` undefined: how much there is is not known. */
export function startProgress(what: string, total: number | undefined, terminal: Progressing): Progress {
  if (!terminal.errIsTerminal) return { add: () => undefined, end: () => undefined };
  const started = terminal.now();
  let done = 0;
  let drawnAt = started + afterMs - everyMs;
  let shown = false;
  return {
    add(count) {
      done += count;
      if (terminal.now() - drawnAt < everyMs) return;
      drawnAt = terminal.now();
      shown = true;
      const rate = Math.round((done * 1_000) / Math.max(1, drawnAt - started));
      const bar = total === undefined ? "" : `${barOf(done / Math.max(1, total))}  `;
      terminal.err(`\r\u001b[K${bar}${done} ${what}, ${rate} a second`);
    },
    end() {
      if (shown) terminal.err("\r\u001b[K");
    },
  };
}

export type Steps = {
  /** The part that is done, 0 to 1, where it is known. */
  (step: string, part?: number): void;
  /** Takes a bar away that is still there. */
  end(): void;
};

/** The steps of a work, a line each; on a terminal with a bar below the last one, where it tells how far it is. */
export function startSteps(terminal: Progressing): Steps {
  let current: string | undefined;
  let drawnAt = 0;
  let shown = false;
  const end = (): void => {
    if (shown) terminal.err("\r\u001b[K");
    shown = false;
  };
  function tell(step: string, part?: number): void {
    if (step !== current) {
      end();
      current = step;
      drawnAt = terminal.now() + afterMs - everyMs;
      terminal.err(`${step} …\n`);
    }
    if (part === undefined || !terminal.errIsTerminal || terminal.now() - drawnAt < everyMs) return;
    drawnAt = terminal.now();
    shown = true;
    terminal.err(`\r\u001b[K${barOf(part)}`);
  }
  return Object.assign(tell, { end });
}

/** Whatever becomes of the work, no bar stays. */
export async function withSteps<Result>(
  terminal: Progressing,
  work: (steps: Steps) => Promise<Result>,
): Promise<Result> {
  const steps = startSteps(terminal);
  try {
    return await work(steps);
  } finally {
    steps.end();
  }
}

function barOf(part: number): string {
  const percent = Math.min(100, Math.floor(100 * part));
  return `${textBar(part, barColumns).padEnd(barColumns, "·")} ${percent}%`;
}

/**
 * Work whose other side tells how far it is, of `total` in all: a bar. Before its first word, and where it says none, the
 * time it has taken. On no terminal nobody is asked to tell.
 */
export async function whileTold<Answer>(
  what: string,
  work: (tell: ((done: number, total: number) => void) | undefined) => Promise<Answer>,
  terminal: Progressing,
): Promise<Answer> {
  if (!terminal.errIsTerminal) return work(undefined);
  const started = terminal.now();
  let drawnAt = started + afterMs - everyMs;
  let shown = false;
  let told = false;
  function draw(text: string): void {
    if (terminal.now() - drawnAt < everyMs) return;
    drawnAt = terminal.now();
    shown = true;
    terminal.err(`\r\u001b[K${text}`);
  }
  const timer = setInterval(() => {
    if (!told) draw(`${what} … ${Math.floor((terminal.now() - started) / 1_000)} s`);
  }, everyMs);
  try {
    return await work((done, total) => {
      told = true;
      draw(`${barOf(done / Math.max(1, total))}  ${what}, ${Math.min(done, total)} of ${total}`);
    });
  } finally {
    clearInterval(timer);
    if (shown) terminal.err("\r\u001b[K");
  }
}
