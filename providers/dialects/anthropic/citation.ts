/** Citations in Anthropic's words: a web page becomes a search result location, a place in what was sent stays one, others stay as they came. */
import type { JsonObject } from "../../exchange.ts";
import { isObject } from "../../json.ts";
import { webPage } from "../citation.ts";
import { located, locatedForAnthropic } from "../located.ts";

export function renderCitation(citation: JsonObject): JsonObject {
  if (citation["type"] === "web_search_result_location") return citation;
  const place = located(citation);
  if (place !== undefined && isObject(citation["location"]))
    return { ...locatedForAnthropic(place), ...(place.kind === "search" ? {} : { file_id: null }) };
  const page = webPage(citation);
  if (page === undefined) return citation;
  const { url, title, cited = "" } = page;
  return { type: "web_search_result_location", url, title, cited_text: cited, encrypted_index: "" };
}
