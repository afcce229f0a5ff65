/** Pictures, documents, recordings and films, both ways. Hides that Bedrock names a format where others have a media type. */
import type { JsonObject, MediaSource } from "../../exchange.ts";
import { lookup, type Shape, shape } from "../../json.ts";
import { refuse, requiredObject, requiredText } from "../strict.ts";

const mediaTypes: Readonly<Record<string, string>> = {
  png: "image/png",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  pdf: "application/pdf",
  csv: "text/csv",
  doc: "application/msword",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  xls: "application/vnd.ms-excel",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  html: "text/html",
  txt: "text/plain",
  md: "text/markdown",
  mkv: "video/x-matroska",
  mov: "video/quicktime",
  mp4: "video/mp4",
  webm: "video/webm",
  flv: "video/x-flv",
  mpeg: "video/mpeg",
  mpg: "video/mpg",
  wmv: "video/x-ms-wmv",
  three_gp: "video/3gpp",
};
const formats: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(mediaTypes).map(([format, type]) => [type, format])),
  "image/jpg": "jpeg",
};

export function formatOf(mediaType: string): string | undefined {
  return lookup(formats, mediaType.split(";")[0]?.trim().toLowerCase());
}

/** A file that the provider reads where it lies is one on S3; any other address is nothing to Bedrock. */
export function encodeSource(source: MediaSource): JsonObject | undefined {
  switch (source.kind) {
    case "base64":
      return { bytes: source.data };
    case "url":
      return source.url.startsWith("s3://") ? { s3Location: { uri: source.url } } : undefined;
    case "text":
      return { text: source.text };
    case "file":
      return undefined;
  }
}

export function formatOfSource(source: MediaSource, usual: string): string | undefined {
  if (source.kind === "text") return "txt";
  const type = source.kind === "base64" ? source.mediaType : source.mediaType;
  if (type !== undefined) return formatOf(type);
  return source.kind === "url" ? (/\.(\w+)$/.exec(source.url)?.[1]?.toLowerCase() ?? usual) : usual;
}

/** Undefined for a source that has no counterpart (a document made of blocks, another account's bucket). */
export function parseSource(block: Shape, at: string): MediaSource | undefined {
  const source = requiredObject(block["source"], `${at}.source`);
  const format = block["format"];
  const mediaType = typeof format === "string" ? lookup(mediaTypes, format) : undefined;
  if (source["bytes"] !== undefined) {
    const data = requiredText(source, "bytes", `${at}.source.bytes`);
    return { kind: "base64", mediaType: mediaType ?? "application/octet-stream", data };
  }
  if (source["text"] !== undefined) return { kind: "text", text: requiredText(source, "text", `${at}.source.text`) };
  if (source["s3Location"] !== undefined) {
    const location = shape(source["s3Location"]);
    const url = requiredText(location, "uri", `${at}.source.s3Location.uri`);
    if (location["bucketOwner"] !== undefined) return undefined;
    return { kind: "url", url, ...(mediaType === undefined ? {} : { mediaType }) };
  }
  if (Object.keys(source).length === 0) return refuse(`${at}.source`, "must hold bytes, text or s3Location");
  return undefined;
}

/** What Bedrock lets a document be called; others refuse the whole request. */
export function documentName(title: string | undefined, position: number): string {
  const plain = (title ?? "")
    .replace(/[^A-Za-z0-9 ()[\]-]+/g, " ")
    .replace(/ +/g, " ")
    .trim()
    .slice(0, 190);
  return plain === "" ? `document ${position}` : plain;
}
