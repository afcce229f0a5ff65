/** Citations in OpenAI's words: only web pages have a place there, so the others are kept as they came. */
import type { JsonObject } from "../../exchange.ts";
import { text } from "../../json.ts";

/** `offset` is where in the text the citation stands, in UTF-16 units as OpenAI counts. */
export function annotation(citation: JsonObject, offset: number): JsonObject {
  if (citation["type"] !== "web_search_result_location") return citation;
  return {
    type: "url_citation",
    url_citation: {
      url: text(citation["url"]) ?? "",
      title: text(citation["title"]) ?? "",
      start_index: offset,
      end_index: offset,
    },
  };
}
