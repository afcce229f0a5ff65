/** Citations in Bedrock's shape: its own stay as they came, a web page or a place in what was sent becomes one of its. */
import type { JsonObject } from "../../exchange.ts";
import { isObject } from "../../json.ts";
import { webPage } from "../citation.ts";
import { located, locatedForBedrock } from "../located.ts";

/** Undefined where it is a citation of something that Bedrock has no word for. */
export function renderCitation(value: JsonObject): JsonObject | undefined {
  if (isObject(value["location"]) || Array.isArray(value["sourceContent"])) return value;
  const place = located(value);
  if (place !== undefined) return locatedForBedrock(place);
  const page = webPage(value);
  if (page === undefined) return undefined;
  return {
    title: page.title,
    ...(page.cited === undefined ? {} : { sourceContent: [{ text: page.cited }] }),
    location: { web: { url: page.url } },
  };
}
