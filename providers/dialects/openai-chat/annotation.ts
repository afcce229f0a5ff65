/** Citations in OpenAI's words: only web pages have a place there, so the others are kept as they came. */
import type { JsonObject } from "../../exchange.ts";
import { isObject } from "../../json.ts";
import { webPage } from "../citation.ts";

/** `offset` is where in the text the citation stands, in UTF-16 units as OpenAI counts. */
export function annotation(citation: JsonObject, offset: number): JsonObject {
  if (isObject(citation["url_citation"])) return citation;
  const page = webPage(citation);
  if (page === undefined) return citation;
  const { url, title, start = offset, end = offset } = page;
  return { type: "url_citation", url_citation: { url, title, start_index: start, end_index: end } };
}
