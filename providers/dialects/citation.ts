/** The web page that a citation of any dialect names. Hides the shapes; a citation of something else stays as it came. */
import type { JsonObject } from "../exchange.ts";
import { count, isObject, list, shape, text, words } from "../json.ts";

export type WebPage = {
  readonly url: string;
  readonly title: string;
  /** Where in the text it stands, in UTF-16 units, where that is told. */
  readonly start?: number | undefined;
  readonly end?: number | undefined;
  /** What was read there. */
  readonly cited?: string | undefined;
};

export function webPage(citation: JsonObject): WebPage | undefined {
  switch (citation["type"]) {
    case "url_citation": {
      // Chat completions nest it, responses do not.
      const page = shape(citation["url_citation"] ?? citation);
      return pageOf(page["url"], page["title"], citation, page["start_index"], page["end_index"]);
    }
    case "web_search_result_location":
      return pageOf(citation["url"], citation["title"], citation);
  }
  if (isObject(citation["web"])) {
    const { uri, title } = citation["web"]; // Gemini's grounding
    return pageOf(uri, title, citation, citation["start"], citation["end"]);
  }
  const location = shape(shape(citation["location"])["web"]);
  if (words(location["url"]) !== undefined) return pageOf(location["url"], citation["title"], citation); // Bedrock
  for (const source of list(citation["sources"])) {
    const found = shape(shape(source)["document"]); // Cohere
    if (words(found["url"]) !== undefined) {
      return pageOf(found["url"], found["title"], citation, citation["start"], citation["end"]);
    }
  }
  return undefined;
}

function pageOf(url: unknown, title: unknown, citation: JsonObject, start?: unknown, end?: unknown): WebPage {
  return {
    url: text(url) ?? "",
    title: text(title) ?? "",
    start: count(start),
    end: count(end),
    cited: text(citation["cited_text"]) ?? text(citation["text"]),
  };
}
