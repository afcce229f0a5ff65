/** On which line each item of a list stands in a JSON text. Hides the text's grammar; it has been parsed already. */

/** `key` undefined: the text is the list itself; else the list under that name of the outermost object. */
export type ItemLines = (key: string | undefined, index: number) => number;

const quote = 0x22;
const backslash = 0x5c;
const lineEnd = 0x0a;

/** One pass over the text, so that a dump of 100,000 rows costs a moment. */
export function readItemLines(text: string): ItemLines {
  const lists = new Map<string | undefined, number[]>();
  let line = 1;
  let depth = 0;
  let name: string | undefined;
  let items: number[] | undefined;
  let itemDepth = -1;
  /** The next value at `itemDepth` begins an item. */
  let isDue = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === lineEnd) {
      line += 1;
      continue;
    }
    if (code <= 0x20) continue;
    if (code === 0x2c /* , */) {
      isDue = depth === itemDepth;
      continue;
    }
    if (isDue && code !== 0x5d /* ] */) {
      items?.push(line);
      isDue = false;
    }
    if (code === quote) {
      const end = endOfText(text, at);
      if (depth === 1 && items === undefined) name = text.slice(at + 1, end);
      at = end;
    } else if (code === 0x5b /* [ */ || code === 0x7b /* { */) {
      depth += 1;
      if (code === 0x5b && items === undefined && (depth === 1 || (depth === 2 && name !== undefined))) {
        items = [];
        lists.set(depth === 1 ? undefined : unescaped(name!), items);
        itemDepth = depth;
        isDue = true;
      }
    } else if (code === 0x5d || code === 0x7d /* } */) {
      if (depth === itemDepth) {
        items = undefined;
        itemDepth = -1;
        isDue = false;
      }
      depth -= 1;
    }
  }
  return (key, index) => lists.get(key)?.[index] ?? 1;
}

/** A text of JSON holds no line end. */
function endOfText(text: string, start: number): number {
  let end = start;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end === -1) return text.length;
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
}

function unescaped(name: string): string {
  return name.includes("\\") ? (JSON.parse(`"${name}"`) as string) : name;
}
