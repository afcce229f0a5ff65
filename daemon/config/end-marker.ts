/** YAML's document end marker as a promise that the file is whole. Apart from the parser, which is slow to load. */

/** True when the text ends with YAML's document end marker, which tells a whole file from the beginning of one. */
export function hasEndMarker(text: string): boolean {
  return /(?:^|\n)\.\.\.[ \t]*(?:#[^\n]*)?\s*$/.test(text);
}
