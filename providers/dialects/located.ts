/**
 * A citation of what the caller sent itself: a place in a document or in a search result. Claude writes them, in
 * Anthropic's words or in Bedrock's; the numbers mean the same. Hides both shapes.
 */
import type { JsonObject } from "../exchange.ts";
import { count, isObject, list, shape, text } from "../json.ts";

export type Located = {
  readonly kind: "char" | "page" | "block" | "search";
  /** Of the document or search result, among those of the request. */
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly title: string | undefined;
  /** Of a search result. */
  readonly source: string | undefined;
  readonly cited: string | undefined;
};

type Kind = Located["kind"];

/** Anthropic's words for a place of each kind: the type, the index, where it starts and ends. */
const anthropicWords: Readonly<Record<Kind, readonly [string, string, string, string]>> = {
  char: ["char_location", "document_index", "start_char_index", "end_char_index"],
  page: ["page_location", "document_index", "start_page_number", "end_page_number"],
  block: ["content_block_location", "document_index", "start_block_index", "end_block_index"],
  search: ["search_result_location", "search_result_index", "start_block_index", "end_block_index"],
};
/** Bedrock's: the member and the index. */
const bedrockWords: Readonly<Record<Kind, readonly [string, string]>> = {
  char: ["documentChar", "documentIndex"],
  page: ["documentPage", "documentIndex"],
  block: ["documentChunk", "documentIndex"],
  search: ["searchResultLocation", "searchResultIndex"],
};
const kinds = Object.keys(anthropicWords) as readonly Kind[];

/** Undefined: it cites something else, or does not say where. */
export function located(citation: JsonObject): Located | undefined {
  for (const kind of kinds) {
    const [type, index, start, end] = anthropicWords[kind];
    if (citation["type"] === type) {
      const { title, document_title: named, source, cited_text: cited } = citation;
      return placed(kind, citation[index], citation[start], citation[end], {
        title: text(title) ?? text(named),
        source: text(source),
        cited: text(cited),
      });
    }
    const [member, of] = bedrockWords[kind];
    const place = shape(citation["location"])[member];
    if (!isObject(place)) continue;
    const told = list(citation["sourceContent"]).map((content) => text(shape(content)["text"]) ?? "");
    return placed(kind, place[of], place["start"], place["end"], {
      title: text(citation["title"]),
      source: text(citation["source"]),
      cited: told.length === 0 ? undefined : told.join(""),
    });
  }
  return undefined;
}

function placed(
  kind: Kind,
  index: unknown,
  start: unknown,
  end: unknown,
  more: Pick<Located, "title" | "source" | "cited">,
): Located | undefined {
  const [at, from, to] = [count(index), count(start), count(end)];
  return at === undefined || from === undefined || to === undefined
    ? undefined
    : { kind, index: at, start: from, end: to, ...more };
}

/** As it is sent; an answer says of a document as well which file it was (`file_id`). */
export function locatedForAnthropic({ kind, index, start, end, title, source, cited }: Located): JsonObject {
  const [type, at, from, to] = anthropicWords[kind];
  const named = kind === "search" ? { source: source ?? "", title: title ?? null } : { document_title: title ?? null };
  return { type, cited_text: cited ?? "", [at]: index, ...named, [from]: start, [to]: end };
}

export function locatedForBedrock({ kind, index, start, end, title, source, cited }: Located): JsonObject {
  const [member, at] = bedrockWords[kind];
  return {
    ...(title === undefined ? {} : { title }),
    ...(source === undefined ? {} : { source }),
    ...(cited === undefined ? {} : { sourceContent: [{ text: cited }] }),
    location: { [member]: { [at]: index, start, end } },
  };
}
