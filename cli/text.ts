/** Text on a screen: how many columns it takes, and how it is cut. Hides that a name from a request may hold anything. */

const ascii = /^[\x20-\x7e]*$/;
/** What moves the cursor, turns the direction of what follows, or cannot be seen at all. */
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/u;
/** Nobody writes so many marks on one letter: they would stand over the lines above. */
const manyMarks = /(\p{M}{8})\p{M}+/gu;
/** What terminals disagree about: some count what is joined as one, some each part of it. */
const disputed = /[\p{M}\p{Cf}\p{Co}\p{Cn}\p{Emoji_Presentation}\u1160-\u11ff\ud7b0-\ud7ff\u{1f1e6}-\u{1f1ff}]/u;
const emoji = /\p{Emoji_Presentation}|\p{Emoji}\ufe0f|[\u{1f1e6}-\u{1f1ff}]/u;
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{1b2ff}\u{20000}-\u{3fffd}]/u;
let segmenter: Intl.Segmenter | undefined;

/** Control and direction characters shown, not obeyed: a model name must not move the cursor. */
export function plain(text: string): string {
  if (ascii.test(text)) return text;
  const few = text.replaceAll(manyMarks, "$1");
  if (!unsafe.test(few)) return few;
  return few.replaceAll(new RegExp(unsafe, "gu"), (character) => {
    return `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`;
  });
}

/** Columns on the screen: East Asian wide characters and emoji take two, however many are joined to one; marks none. */
export function widthOf(text: string): number {
  if (ascii.test(text)) return text.length;
  let width = 0;
  for (const cluster of clusters(text)) width += widthOfCluster(cluster);
  return width;
}

/** What is drawn as one. */
function clusters(text: string): Iterable<string> {
  if (!disputed.test(text)) return text;
  segmenter ??= new Intl.Segmenter();
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

function widthOfCluster(cluster: string): number {
  if (cluster.length > 1 && emoji.test(cluster)) return 2;
  let width = 0;
  for (const character of cluster) width += widthOfCharacter(character);
  return width;
}

function widthOfCharacter(character: string): number {
  const code = character.codePointAt(0)!;
  // Latin, Greek and Cyrillic letters, then arrows, lines, blocks and braille: what tables and bars are made of.
  if (code < 0x300 || (code >= 0x370 && code < 0x483) || (code >= 0x2190 && code < 0x2300)) return 1;
  if ((code >= 0x2500 && code < 0x25fd) || (code >= 0x2800 && code < 0x2900)) return 1;
  if (/[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff\ud7b0-\ud7ff]/u.test(character)) return 0;
  return wide.test(character) || emoji.test(character) ? 2 : 1;
}

/**
 * A line of a screen, from its first column, such that terminals which count otherwise do not shift what follows: around
 * each disputed cluster the cursor is placed, and what is not covered of its columns is blank.
 */
export function pinned(line: string): string {
  if (!disputed.test(line)) return line;
  let text = "";
  let column = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
  for (const [part] of line.matchAll(/\u001b\[[0-9;]*m|[^\u001b]+/gu)) {
    if (part.startsWith("\u001b")) {
      text += part;
      continue;
    }
    for (const cluster of clusters(part)) {
      const width = widthOfCluster(cluster);
      const [from, to] = [column + 1, column + width + 1];
      text += disputed.test(cluster) ? `${" ".repeat(width)}\u001b[${from}G${cluster}\u001b[${to}G` : cluster;
      column += width;
    }
  }
  return text;
}

/** At most so many columns; what was cut away shows as "…". */
export function cut(text: string, width: number): string {
  if (text.length <= width && ascii.test(text)) return text;
  if (widthOf(text) <= width) return text;
  if (width < 1) return "";
  return `${sliceColumns(text, 0, width - 1)}…`;
}

export function pad(text: string, width: number, align?: "right"): string {
  const space = " ".repeat(Math.max(0, width - widthOf(text)));
  return align === "right" ? space + text : text + space;
}

/** The columns from `from` up to `to`; a wide character that is cut in half leaves a space. */
export function sliceColumns(text: string, from: number, to: number): string {
  if (ascii.test(text)) return text.slice(from, to);
  let kept = "";
  let column = 0;
  for (const cluster of clusters(text)) {
    const width = widthOfCluster(cluster);
    const start = column;
    column += width;
    if (start >= to && width > 0) break;
    if (column <= from || (width === 0 && kept === "")) continue;
    kept += start < from || column > to ? " " : cluster;
  }
  return kept;
}

/** Pieces of so many columns at most, one of them at least. */
export function fold(text: string, width: number): readonly string[] {
  const pieces: string[] = [];
  if (ascii.test(text)) {
    for (let at = 0; at < text.length || at === 0; at += width) pieces.push(text.slice(at, at + width));
    return pieces;
  }
  let piece = "";
  let column = 0;
  for (const cluster of clusters(text)) {
    const wide = widthOfCluster(cluster);
    if (column > 0 && column + wide > width) {
      pieces.push(piece);
      [piece, column] = ["", 0];
    }
    piece += cluster;
    column += wide;
  }
  return [...pieces, piece];
}
