/** One text as JSON. Hides that nearly all of ours have nothing to be escaped, and `JSON.stringify` takes longer to find out. */

const needsEscape = /[^\x20\x21\x23-\x5b\x5d-\x7e]/;

export function jsonText(text: string): string {
  return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}
