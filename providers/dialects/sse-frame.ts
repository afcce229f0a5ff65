/** Finding the data in one SSE event as it came off the wire. Hides line ends, the optional blank after the colon, and data over several lines. */

/** Where the first data line's value begins, or -1 for a comment or an event without data. */
export function dataStart(frame: string): number {
  let at = 0;
  if (!frame.startsWith("data:")) {
    at = frame.indexOf("\ndata:") + 1;
    if (at === 0) at = frame.indexOf("\rdata:") + 1;
    if (at === 0) return -1;
  }
  at += 5;
  return frame.charCodeAt(at) === 32 ? at + 1 : at;
}

/** The joined data lines. Only for frames worth parsing: most are only searched. */
export function frameData(frame: string): string {
  const lines: string[] = [];
  for (const line of frame.split(/\r\n|\r|\n/)) {
    if (line.startsWith("data:")) lines.push(line.slice(line.charCodeAt(5) === 32 ? 6 : 5));
  }
  return lines.join("\n");
}

/** The event's name, "" when it has none. */
export function frameEvent(frame: string): string {
  for (const line of frame.split(/\r\n|\r|\n/)) {
    if (line.startsWith("event:")) return line.slice(6).trim();
  }
  return "";
}

/** Length of the JSON string whose first character is at `from`, up to its closing quote. */
export function stringLength(frame: string, from: number): number {
  let end = frame.indexOf('"', from);
  while (end !== -1 && escaped(frame, end, from)) end = frame.indexOf('"', end + 1);
  return end === -1 ? frame.length - from : end - from;
}

function escaped(frame: string, quote: number, from: number): boolean {
  let slashes = 0;
  while (quote - 1 - slashes >= from && frame.charCodeAt(quote - 1 - slashes) === 92) slashes++;
  return slashes % 2 === 1;
}

/** Latin1 text, one char a byte, as the UTF-8 it stands for: for words that a person will read. */
export function utf8(latin1: string): string {
  const bytes = new Uint8Array(latin1.length);
  for (let index = 0; index < latin1.length; index++) bytes[index] = latin1.charCodeAt(index);
  return new TextDecoder().decode(bytes);
}

/**
 * The JSON object after a top-level `key`, found without parsing what stands around it: a body may be megabytes of
 * embeddings with twenty bytes of usage. A key of that name further in (a tool's input) is passed over.
 */
export function topLevelObject(body: string, key: string): string | undefined {
  const quoted = `"${key}"`;
  for (let at = body.lastIndexOf(quoted); at !== -1; at = at === 0 ? -1 : body.lastIndexOf(quoted, at - 1)) {
    let value = skipBlank(body, at + quoted.length);
    if (body.charCodeAt(value) !== 58) continue; // a string value, not a key
    value = skipBlank(body, value + 1);
    if (body.charCodeAt(value) !== 123) continue;
    const end = closing(body, value, 0);
    if (end !== -1 && closing(body, end, 1) === lastBrace(body)) return body.slice(value, end);
  }
  return undefined;
}

function skipBlank(body: string, from: number): number {
  let at = from;
  for (let code = body.charCodeAt(at); code === 32 || code === 10 || code === 13 || code === 9; ) {
    code = body.charCodeAt(++at);
  }
  return at;
}

/** Just past the bracket that brings the depth, `depth` at `from`, down to 0; -1 when the text ends before. */
function closing(body: string, from: number, depth: number): number {
  let open = depth;
  for (let at = from; at < body.length; at++) {
    const code = body.charCodeAt(at);
    if (code === 34) at += stringLength(body, at + 1) + 1;
    else if (code === 123 || code === 91) open++;
    else if ((code === 125 || code === 93) && --open === 0) return at + 1;
  }
  return -1;
}

function lastBrace(body: string): number {
  return body.lastIndexOf("}") + 1;
}
