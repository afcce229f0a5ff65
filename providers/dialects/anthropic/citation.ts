/** Citations in Anthropic's words: a web page becomes a search result location, others stay as they came. */
import type { JsonObject } from "../../exchange.ts";
import { webPage } from "../citation.ts";

export function renderCitation(citation: JsonObject): JsonObject {
  if (citation["type"] === "web_search_result_location") return citation;
  const page = webPage(citation);
  if (page === undefined) return citation;
  const { url, title, cited = "" } = page;
  return { type: "web_search_result_location", url, title, cited_text: cited, encrypted_index: "" };
}
