/** What is wrong with a config, where, and what was probably meant. Hides how near two names are. */

/** Keys and list positions from the root of the file: `["providers", "openai", "keys", 0, "value"]`. */
export type Path = readonly (string | number)[];

/** A fault or a warning. Line and column count from 1 and are absent where there is no file to point into. */
export type ConfigProblem = {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  /** `providers.openai.api_key`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong and what to do; never a secret. */
  readonly message: string;
  /** The nearest valid name, where one is near. */
  readonly suggestion?: string;
};

/** A finding before it has a place in a text. */
export type Finding = {
  readonly path: Path;
  readonly message: string;
  readonly suggestion?: string | undefined;
  /** Point at the key's name rather than at its value. */
  readonly atKey?: boolean;
};

/** One line for a person: `config.yaml:3:5: providers.opnai: … (did you mean "openai"?)`. */
export function renderProblem({ file, line, column, path, message, suggestion }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`;
  const hint = suggestion === undefined ? "" : ` (did you mean "${suggestion}"?)`;
  return [place, path, message].filter((part) => part !== "").join(": ") + hint;
}

export function renderPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

/** The candidate that differs least, if by no more than a third of the shorter one's letters; undefined otherwise. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const allowed = Math.floor(Math.min(name.length, candidate.length) / 3);
    if (Math.abs(candidate.length - name.length) > allowed || name.length > nameLengthMax) continue;
    const away = distance(name.toLowerCase(), candidate.toLowerCase());
    if (away > allowed || away >= bestDistance) continue;
    best = candidate;
    bestDistance = away;
  }
  return best;
}

/** Longer names get no suggestion: comparing them costs more than the hint is worth. */
const nameLengthMax = 100;

/** Letters to insert, drop, change or swap with their neighbour. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, beforeLast[j - 2]! + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
