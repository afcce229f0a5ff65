/** Addresses that may hold their own bytes. Hides data URLs, which OpenAI's dialects write where others have a field. */
import type { MediaSource } from "../exchange.ts";
import { lookup } from "../json.ts";

/** A data URL holds its own bytes; a bare base64 text is taken for `mediaType`; all else is an address. */
export function mediaSource(url: string, mediaType: string): MediaSource {
  if (url.startsWith("data:")) {
    const comma = url.indexOf(",");
    const head = url.slice(5, comma === -1 ? undefined : comma);
    const type = head.split(";", 1)[0];
    if (comma !== -1 && head.endsWith(";base64")) {
      return {
        kind: "base64",
        mediaType: type === undefined || type === "" ? mediaType : type,
        data: url.slice(comma + 1),
      };
    }
    return { kind: "url", url };
  }
  return /^[a-z][a-z0-9+.-]*:/i.test(url) ? { kind: "url", url } : { kind: "base64", mediaType, data: url };
}

/** The address, or the bytes as one; undefined for what has neither (a file id, a text). */
export function mediaUrl(source: MediaSource): string | undefined {
  if (source.kind === "url") return source.url;
  return source.kind === "base64" ? `data:${source.mediaType};base64,${source.data}` : undefined;
}

const mediaTypes: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  heic: "image/heic",
  pdf: "application/pdf",
  txt: "text/plain",
  html: "text/html",
  csv: "text/csv",
  mp3: "audio/mp3",
  wav: "audio/wav",
  mp4: "video/mp4",
  mov: "video/quicktime",
  webm: "video/webm",
};

/** By the ending of an address; undefined where that says nothing. */
export function guessMediaType(url: string): string | undefined {
  const ending = /\.([a-z0-9]{2,4})(?:[?#]|$)/i.exec(url)?.[1];
  return lookup(mediaTypes, ending?.toLowerCase());
}
