/** Citations in Cohere's shape: its own stay as they came, a web page becomes a document that was cited. */
import type { JsonObject } from "../../exchange.ts";
import { webPage } from "../citation.ts";

export function renderCitation(value: JsonObject): JsonObject | undefined {
  if (Array.isArray(value["sources"])) return value;
  const page = webPage(value);
  if (page === undefined) return undefined;
  const { url, title, start, end, cited } = page;
  return {
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    text: cited ?? "",
    sources: [{ type: "document", id: url, document: { id: url, url, title } }],
    type: "TEXT_CONTENT",
  };
}
