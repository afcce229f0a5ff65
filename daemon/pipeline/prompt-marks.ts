/**
 * What in a prompt makes it cost other than its length says. Looked for only where money is limited: text that merely
 * contains the words is held higher, never lower.
 */

export type PromptMarks = {
  /** The prompt names things whose tokens its own length does not bound: images by URL, file ids, server tools. */
  readonly unbounded: boolean;
  /** Parts of it have a rate above plain input: written to the provider's cache, or audio. */
  readonly dearest: boolean;
};

/** Every content part and cache marker has a type; a prompt without one is text, whatever it says. */
const partMark = latin1('"type"');
/** Anthropic's container is named by a bare string. */
const containerMark = latin1('"container"');
const unboundedMarks = ["image_url", "file_id", "image", "document", "file", "mcp_servers"].map(quoted);
const dearestMarks = ["cache_control", "input_audio"].map(quoted);
/** A key may be written with escapes. Letters never are by any serializer, so such a prompt is held as the dearest of all. */
const escapeMark = latin1("\\u00");
const escapedLetter = /\\u00[4-7]/;

const plain: PromptMarks = { unbounded: false, dearest: false };
const worst: PromptMarks = { unbounded: true, dearest: true };

export function readMarks(body: Buffer): PromptMarks {
  if (body.includes(escapeMark) && escapedLetter.test(body.toString("latin1"))) return worst;
  const contained = body.includes(containerMark);
  if (!body.includes(partMark)) return contained ? { unbounded: true, dearest: false } : plain;
  return {
    unbounded: contained || unboundedMarks.some((mark) => body.includes(mark)),
    dearest: dearestMarks.some((mark) => body.includes(mark)),
  };
}

function quoted(name: string): Buffer {
  return latin1(`"${name}"`);
}

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
