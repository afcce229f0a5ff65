/**
 * What is billed by something else than tokens: pictures, characters, seconds of sound and film, search units, pages. Hides where each
 * is told: the answer where it says so, else the request, which is exact for characters and a guess for sound.
 */
import type { Units } from "../../providers/catalog/cost.ts";
import type { Usage } from "../../providers/exchange.ts";
import type { Exchange } from "./exchange.ts";
import { filmBound, filmUsed } from "./films.ts";
import { predictedPictures } from "./predictions.ts";
import { gigabytes } from "./server-tools.ts";

/** No speech is coded thinner than 16 kbit/s, but for codecs of telephones; this much is held for. */
const soundBytesPerMsLeast = 2;
/** 64 kbit/s, for an estimate where the provider does not tell how long it listened. */
const soundBytesPerMsUsual = 8;
const audioMsMax = 86_400_000;
/** OpenAI makes no more at once; a form may say how many after its picture. */
const formImagesMax = 10;
/** A search unit is up to a hundred documents; a document with its quotes and comma is rarely below ten bytes. */
const bytesPerSearch = 1_000;
const searchesMax = 1_000;
const pagesMax = 1_000;
const pagesBytesMax = 100_000;
const annotations = ["document_annotation_format", "bbox_annotation_format"];

/** The most that the request can be billed; undefined: tokens are all there is. */
export function unitsBound(exchange: Exchange): Units | undefined {
  const { bytesIn } = exchange;
  switch (exchange.route.operation) {
    case "image_generations":
      if (exchange.route.dialect.id === "gemini") return predicted(exchange);
      return pictures(exchange);
    case "image_edits":
    case "image_variations":
      return pictures(exchange);
    case "speech":
      return { characters: spoken(exchange.body) };
    case "transcriptions":
    case "translations":
      return { audioMs: Math.min(audioMsMax, Math.ceil(uploadBytes(exchange) / soundBytesPerMsLeast)) };
    case "rerank":
      return { searches: Math.min(searchesMax, 1 + Math.floor(bytesIn / bytesPerSearch)) };
    case "ocr":
      return pagesAsked(exchange.body!);
    case "containers":
      return { containerGb: memoryAsked(exchange.body) };
    case "videos":
      return exchange.film === undefined ? undefined : filmBound(exchange.film);
    default:
      return undefined;
  }
}

function pictures(exchange: Exchange): Units {
  return { images: exchange.view?.n ?? formCount(exchange) ?? (exchange.upload === undefined ? 1 : formImagesMax) };
}

function predicted({ body }: Exchange): Units | undefined {
  const images = predictedPictures(body);
  return images === undefined ? undefined : { images };
}

export type UnitsUsed = { readonly units: Units; readonly isEstimate: boolean };

/** @param told what the answer said */
export function unitsUsed(exchange: Exchange, bound: Units, told: Usage | undefined): UnitsUsed {
  if (bound.videoMs !== undefined) return filmUsed(exchange.film!, told);
  if (bound.characters !== undefined) return { units: bound, isEstimate: false };
  if (bound.images !== undefined && exchange.route.dialect.id === "gemini")
    return { units: { images: told?.images ?? bound.images }, isEstimate: false };
  if (bound.images !== undefined)
    return { units: { images: told?.images ?? exchange.view?.n ?? formCount(exchange) ?? 1 }, isEstimate: false };
  if (bound.searches !== undefined)
    return { units: { searches: told?.searches ?? bound.searches }, isEstimate: told?.searches === undefined };
  if (bound.annotatedPages !== undefined)
    return {
      units: { pages: undefined, annotatedPages: told?.pages ?? bound.annotatedPages },
      isEstimate: told?.pages === undefined,
    };
  if (bound.pages !== undefined)
    return { units: { pages: told?.pages ?? bound.pages }, isEstimate: told?.pages === undefined };
  // It is billed by the minute, and nobody tells how many.
  if (bound.containerGb !== undefined) return { units: bound, isEstimate: true };
  const guess = Math.min(audioMsMax, Math.ceil(exchange.bytesIn / soundBytesPerMsUsual));
  return { units: { audioMs: told?.audioMs ?? guess }, isEstimate: told?.audioMs === undefined };
}

/** A picture's form says how many in a field, which may come after the model. */
function formCount({ upload }: Exchange): number | undefined {
  const count = Number(upload?.form?.fields.get("n")?.value);
  return Number.isInteger(count) && count > 0 ? count : undefined;
}

function uploadBytes({ request, upload, bytesIn, generation }: Exchange): number {
  if (upload === undefined) return bytesIn;
  const length = Number(request.headers["content-length"]);
  return Number.isSafeInteger(length) && length > 0 ? length : generation.data.server.uploadBytesMax;
}

/** As many as the request names; a document has a thousand at most. One that comes along is not parsed for it. */
function pagesAsked(body: Buffer): Units {
  if (body.length > pagesBytesMax)
    return annotations.some((name) => body.includes(`"${name}"`)) ? { annotatedPages: pagesMax } : { pages: pagesMax };
  const asked = JSON.parse(body.toString("utf8")) as Readonly<Record<string, unknown>>;
  const { pages } = asked;
  const most = Array.isArray(pages) && pages.length > 0 ? Math.min(pagesMax, pages.length) : pagesMax;
  return annotations.some((name) => (asked[name] ?? null) !== null) ? { annotatedPages: most } : { pages: most };
}

/** Gigabytes; what is no size that there is, the provider refuses. */
function memoryAsked(body: Buffer | undefined): number {
  const { memory_limit: limit } = JSON.parse(body?.toString("utf8") || "{}") as { readonly memory_limit?: unknown };
  return typeof limit === "string" ? gigabytes(limit) : 1;
}

/** In characters as people count them, not in bytes or halves of pairs. */
function spoken(body: Buffer | undefined): number {
  if (body === undefined) return 0;
  const { input } = JSON.parse(body.toString("utf8")) as { readonly input?: unknown };
  if (typeof input !== "string") return 0;
  let pairs = 0;
  for (let at = 0; at < input.length; at++) if ((input.charCodeAt(at) & 0xfc00) === 0xdc00) pairs++;
  return input.length - pairs;
}
