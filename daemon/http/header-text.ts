/** Names and values of header lines, for both of our readers. */

/** What is kept of each name that was met. */
export type Names<Known> = (name: string) => Known;

/** Others choose the names, so their number and length are bounded. */
const namesMax = 512;
const nameCharactersMax = 64;

/**
 * Remembers what is made of a name in lower case: looking one up as it is mostly written is cheaper than folding its
 * case, let alone asking what it means.
 */
export function knownNames<Known>(make: (lower: string) => Known): Names<Known> {
  const known = new Map<string, Known>();
  return (name) => {
    const found = known.get(name);
    if (found !== undefined) return found;
    const made = make(name.toLowerCase());
    if (known.size < namesMax && name.length <= nameCharactersMax) known.set(name, made);
    return made;
  };
}

/** Without the blanks around it: spaces and tabs, and nothing else (RFC 9110 §5.5). */
export function trimmed(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
