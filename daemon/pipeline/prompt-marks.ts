/**
 * What in a prompt makes it cost other than its length says. Looked for only where money is limited: text that merely
 * contains the words is held higher, never lower.
 */

import { anyService } from "../../providers/catalog/cost.ts";

export type PromptMarks = {
  /** The prompt names things whose tokens its own length does not bound: images by URL, file ids, server tools. */
  readonly unbounded: boolean;
  /** Parts of it have a rate above plain input: written to the provider's cache, or audio. */
  readonly dearest: boolean;
  /** The service tier that is asked for, as it is written, or `anyService`. */
  readonly service: string | undefined;
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

const serviceMarks = ["service_tier", "serviceTier"].map(quoted);
const servicePattern = /"service_?[tT]ier"\s*:\s*(?:\{\s*"type"\s*:\s*)?"(\w{1,32})"/;

export function readMarks(body: Buffer): PromptMarks {
  const service = serviceMarks.some((mark) => body.includes(mark))
    ? servicePattern.exec(body.toString("latin1"))?.[1]
    : undefined;
  if (body.includes(escapeMark) && escapedLetter.test(body.toString("latin1")))
    return { unbounded: true, dearest: true, service: anyService };
  const contained = body.includes(containerMark);
  const hasParts = body.includes(partMark);
  return {
    unbounded: contained || (hasParts && unboundedMarks.some((mark) => body.includes(mark))),
    dearest: hasParts && dearestMarks.some((mark) => body.includes(mark)),
    service,
  };
}

function quoted(name: string): Buffer {
  return latin1(`"${name}"`);
}

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
