/** Two texts → a unified diff. Hides the search for common lines. */

type Line = { readonly mark: " " | "-" | "+"; readonly text: string };

const contextLines = 3;
/** Beyond this many comparisons the changed middle is shown as removed and added whole. */
const comparisonsMax = 4_000_000;

/** Empty when the texts are equal, otherwise in the form that `patch` reads. */
export function unifiedDiff(
  before: string,
  after: string,
  names: { readonly from: string; readonly to: string },
): string {
  if (before === after) return "";
  const lines = compare(split(before), split(after));
  return [`--- ${names.from}`, `+++ ${names.to}`, ...hunks(lines), ""].join("\n");
}

/** A last line without a line break differs from one with it, and says so in the way of `diff`. */
function split(text: string): readonly string[] {
  const lines = text.split("\n");
  const last = lines.pop() ?? "";
  return last === "" ? lines : [...lines, `${last}\n\\ No newline at end of file`];
}

function compare(before: readonly string[], after: readonly string[]): readonly Line[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  const most = Math.min(before.length, after.length) - head;
  while (tail < most && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  const same = (text: string): Line => ({ mark: " ", text });
  return [
    ...before.slice(0, head).map(same),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(same),
  ];
}

/** Longest common subsequence by the textbook's table, read from its end to its beginning. */
function middle(a: readonly string[], b: readonly string[]): readonly Line[] {
  const removed = (text: string): Line => ({ mark: "-", text });
  const added = (text: string): Line => ({ mark: "+", text });
  if (a.length * b.length > comparisonsMax) return [...a.map(removed), ...b.map(added)];
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] =
        a[i] === b[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
    }
  }
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      lines.push({ mark: " ", text: a[i]! });
      i++;
      j++;
    } else if (common[(i + 1) * width + j]! >= common[i * width + j + 1]!) lines.push(removed(a[i++]!));
    else lines.push(added(b[j++]!));
  }
  return [...lines, ...a.slice(i).map(removed), ...b.slice(j).map(added)];
}

function hunks(lines: readonly Line[]): readonly string[] {
  const output: string[] = [];
  let index = 0;
  let fromLine = 1;
  let toLine = 1;
  while (index < lines.length) {
    const change = lines.findIndex((line, at) => at >= index && line.mark !== " ");
    if (change === -1) break;
    const start = Math.max(index, change - contextLines);
    const end = endOfHunk(lines, change);
    fromLine += start - index;
    toLine += start - index;
    const part = lines.slice(start, end);
    const fromCount = part.filter(({ mark }) => mark !== "+").length;
    const toCount = part.filter(({ mark }) => mark !== "-").length;
    output.push(`@@ -${span(fromLine, fromCount)} +${span(toLine, toCount)} @@`);
    output.push(...part.map(({ mark, text }) => mark + text));
    fromLine += fromCount;
    toLine += toCount;
    index = end;
  }
  return output;
}

/** A hunk goes on while changes are near enough for their contexts to touch. */
function endOfHunk(lines: readonly Line[], change: number): number {
  let last = change;
  for (let at = change; at < lines.length && at - last <= contextLines * 2; at++) {
    if (lines[at]?.mark !== " ") last = at;
  }
  return Math.min(lines.length, last + 1 + contextLines);
}

/** An empty range names the line before it. */
function span(line: number, count: number): string {
  return `${count === 0 ? line - 1 : line},${count}`;
}
