/** Citations in Anthropic's words: a web page of OpenAI's becomes a search result location, others stay as they came. */
import type { JsonObject } from "../../exchange.ts";
import { shape, text } from "../../json.ts";

export function renderCitation(citation: JsonObject): JsonObject {
  if (citation["type"] !== "url_citation") return citation;
  const page = shape(citation["url_citation"]);
  return {
    type: "web_search_result_location",
    url: text(page["url"]) ?? "",
    title: text(page["title"]) ?? "",
    cited_text: "",
    encrypted_index: "",
  };
}
