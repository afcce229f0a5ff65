/** Text on a screen: how many columns it takes, and how it is cut. Hides that a name from a request may hold anything. */

const ascii = /^[\x20-\x7e]*$/;
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** Control and direction characters shown, not obeyed: a model name must not move the cursor. */
export function plain(text: string): string {
  if (ascii.test(text) || !unsafe.test(text)) return text;
  return text.replaceAll(new RegExp(unsafe, "gu"), (character) => {
    return `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`;
  });
}

/** Columns on the screen: East Asian wide characters and emoji take two, combining marks none. */
export function widthOf(text: string): number {
  if (ascii.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += widthOfCharacter(character);
  return width;
}

function widthOfCharacter(character: string): number {
  const code = character.codePointAt(0)!;
  // Latin, Greek and Cyrillic letters, then arrows, lines, blocks and braille: what tables and bars are made of.
  if (code < 0x300 || (code >= 0x370 && code < 0x483) || (code >= 0x2190 && code < 0x2300)) return 1;
  if ((code >= 0x2500 && code < 0x25fd) || (code >= 0x2800 && code < 0x2900)) return 1;
  if (/[\p{M}\p{Cf}]/u.test(character)) return 0;
  return /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
    character,
  )
    ? 2
    : 1;
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
  for (const character of text) {
    const width = widthOfCharacter(character);
    const start = column;
    column += width;
    if (start >= to && width > 0) break;
    if (column <= from || (width === 0 && kept === "")) continue;
    kept += start < from || column > to ? " " : character;
  }
  return kept;
}
