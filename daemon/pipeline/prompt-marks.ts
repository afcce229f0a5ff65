/**
 * What in a prompt makes it cost other than its length says. Looked for only where money is limited: text that merely
 * contains the words is held higher, never lower.
 */

/** Named things whose tokens the prompt's own length does not bound. */
const unboundedMarks = [
  '"image_url"',
  '"file_id"',
  '"image"',
  '"document"',
  '"file"',
  '"container"',
  '"mcp_servers"',
].map(latin1);
/** Parts with a rate above plain input. */
const dearestMarks = ['"cache_control"', '"input_audio"'].map(latin1);

export function holdsUnbounded(body: Buffer): boolean {
  return unboundedMarks.some((mark) => body.includes(mark));
}

export function holdsDearest(body: Buffer): boolean {
  return dearestMarks.some((mark) => body.includes(mark));
}

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
