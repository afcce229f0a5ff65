/** Grounding ⇄ citations. Hides that Google lists the pages once and points at them from stretches of text, counted in bytes. */
import type { Event, JsonObject } from "../../exchange.ts";
import { count, isObject, list, type Shape, shape, text } from "../../json.ts";
import { webPage } from "../citation.ts";

/** `told` is the text so far: its bytes are what Google counts. */
export function pushGrounding(metadata: Shape, told: string, choice: { choice?: number }, events: Event[]): void {
  const pages = list(metadata["groundingChunks"]).map(shape);
  const cited = new Set<number>();
  const unitAt = bytesToUnits(told);
  for (const support of list(metadata["groundingSupports"]).map(shape)) {
    const segment = shape(support["segment"]);
    const start = unitAt(count(segment["startIndex"]) ?? 0);
    const end = unitAt(count(segment["endIndex"]) ?? 0);
    for (const index of list(support["groundingChunkIndices"])) {
      const page = typeof index === "number" ? pages[index] : undefined;
      if (page === undefined) continue;
      cited.add(index as number);
      pushPage(page, { start, end, text: text(segment["text"]) ?? "" }, choice, events);
    }
  }
  for (const [index, page] of pages.entries()) if (!cited.has(index)) pushPage(page, {}, choice, events);
}

function pushPage(page: Shape, where: JsonObject, choice: { choice?: number }, events: Event[]): void {
  const found = isObject(page["web"]) ? page["web"] : shape(page["retrievedContext"] ?? page["maps"]);
  const web = { uri: text(found["uri"]) ?? "", title: text(found["title"]) ?? "" };
  if (web.uri !== "") events.push({ type: "citation", value: { type: "grounding", web, ...where }, ...choice });
}

export function searchesIn(metadata: Shape): number {
  return list(metadata["webSearchQueries"]).length;
}

/** Byte offsets in rising order, mostly: each goes on from the last. */
function bytesToUnits(told: string): (bytes: number) => number {
  let unit = 0;
  let at = 0;
  return (bytes) => {
    if (bytes < at) {
      unit = 0;
      at = 0;
    }
    while (unit < told.length && at < bytes) {
      const point = told.codePointAt(unit)!;
      unit += point > 0xffff ? 2 : 1;
      at += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    }
    return unit;
  };
}

/** `told` is the whole text. Undefined where no citation names a page. */
export function renderGrounding(citations: readonly JsonObject[], told: string): JsonObject | undefined {
  const chunks: JsonObject[] = [];
  const supports: JsonObject[] = [];
  for (const citation of citations) {
    const page = webPage(citation);
    if (page === undefined) continue;
    const index = chunks.length;
    chunks.push({ web: { uri: page.url, title: page.title } });
    if (page.start === undefined || page.end === undefined || page.end <= page.start) continue;
    const segment = {
      startIndex: bytesOf(told.slice(0, page.start)),
      endIndex: bytesOf(told.slice(0, page.end)),
      text: told.slice(page.start, page.end),
    };
    supports.push({ segment, groundingChunkIndices: [index] });
  }
  return chunks.length === 0 ? undefined : { groundingChunks: chunks, groundingSupports: supports };
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
