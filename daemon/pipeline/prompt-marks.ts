/**
 * What in a prompt makes it cost other than its length says. Looked for only where money is limited: text that merely
 * contains the words is held higher, never lower.
 */

import { anyService } from "../../providers/catalog/cost.ts";
import { sighting } from "../http/json-skip.ts";
import { readServerTools, type ServerTools } from "./server-tools.ts";

export type PromptMarks = {
  /** The prompt names things whose tokens its own length does not bound: images by URL, file ids, server tools. */
  readonly unbounded: boolean;
  /** Parts of it have a rate above plain input: written to the provider's cache, or audio. */
  readonly dearest: boolean;
  /** The service tier that is asked for, as it is written, or `anyService`. */
  readonly service: string | undefined;
  /** Tools that the provider runs. */
  readonly tools?: ServerTools | undefined;
};

const unboundedMarks = [
  "image_url",
  "file_id",
  "image",
  "document",
  "file",
  "input_file",
  "item_reference",
  "mcp_servers",
].map(quoted);
const dearestMarks = ["cache_control", "input_audio"].map(quoted);
/** A body without any of these names no tool of the provider's. Functions of a client's own may have the same names. */
const toolMarks = (
  '"web_ "x_search" "collections_search" "openrouter: "code_ "codeExecution" "file_search" "fileSearch" "mcp ' +
  '"image_generation" "advisor_ "container_ "google "url_context" "urlContext" "enterprise "search_parameters" "plugins" "prompt"'
)
  .split(" ")
  .map((mark) => Buffer.from(mark, "latin1"));
/**
 * A key may be written with escapes. Letters and digits never are by any serializer, so such a prompt is held as the
 * dearest of all.
 */
const escapedLetter = /\\u00(?:[4-7]|3[0-9])/;
const serviceKey = /"service_?[tT]ier"\s*:/g;
const tier = '"([\\w.-]{1,32})"';
const servicePattern = new RegExp(`${serviceKey.source}\\s*(?:null|${tier}|\\{\\s*"type"\\s*:\\s*${tier}\\s*\\})`, "g");

const plain: PromptMarks = { unbounded: false, dearest: false, service: undefined };
/** Escapes can hide any of the others. */
const hidden: PromptMarks = { unbounded: true, dearest: true, service: anyService };
const telling =
  sighting.type | sighting.service | sighting.escape | sighting.unbounded | sighting.dearest | sighting.tools;

/** `sighted` is what the scan of this body met; without it nothing is searched. */
export function readMarks(body: Buffer, sighted: number): PromptMarks {
  if ((sighted & telling) === 0) return plain;
  if ((sighted & sighting.escape) !== 0 && escapedLetter.test(body.toString("latin1")))
    return withTools(hidden, JSON.stringify(JSON.parse(body.toString("utf8"))));
  const hasParts = (sighted & sighting.type) !== 0;
  const holds = (mark: Buffer): boolean => body.includes(mark);
  const marks = {
    unbounded: (sighted & sighting.unbounded) !== 0 || (hasParts && unboundedMarks.some(holds)),
    dearest: (sighted & sighting.dearest) !== 0 || (hasParts && dearestMarks.some(holds)),
    service: (sighted & sighting.service) === 0 ? undefined : serviceIn(body.toString("latin1")),
  };
  if ((sighted & sighting.tools) === 0 || !toolMarks.some(holds)) return marks;
  return withTools(marks, body.toString("utf8"));
}

function withTools(marks: PromptMarks, text: string): PromptMarks {
  const tools = readServerTools(text);
  return tools === undefined ? marks : { ...marks, tools };
}

/** Which of several counts is the provider's to say, and a cheap one may stand where nobody reads it. */
function serviceIn(text: string): string | undefined {
  const told = [...text.matchAll(servicePattern)].map(([, plainly, inside]) => plainly ?? inside);
  if (told.length !== text.match(serviceKey)?.length || new Set(told).size > 1) return anyService;
  return told[0];
}

function quoted(name: string): Buffer {
  return Buffer.from(`"${name}"`, "latin1");
}
