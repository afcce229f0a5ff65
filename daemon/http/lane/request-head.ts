/**
 * The head of a plain request. Hides which requests are plain: what has a second reading, a header twice, or anything
 * besides a body of a told length is not, and goes to node's parser, which knows how to refuse it (RFC 9112).
 */
import type { IncomingHttpHeaders } from "node:http";
import { knownNames, trimmed } from "../header-text.ts";

export type RequestHead = {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  /** Bytes of the body. */
  readonly length: number;
};

/** Header lines without folds, control characters or bytes beyond ASCII, their names made of token characters. */
const plain = /^POST (\/[\x21-\x7e]*) HTTP\/1\.1\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e]*\r\n)+$/;
const lineEnd = "\r\n";
const digits = /^\d{1,9}$/;
/** Where one of these is, more than a body of a told length is meant. */
const unusual: ReadonlySet<string> = new Set(["transfer-encoding", "expect", "upgrade", "http2-settings", "trailer"]);
const nameOf = knownNames((name) => ({
  name,
  isUnusual: unusual.has(name),
  isLength: name === "content-length",
  isConnection: name === "connection",
}));

/** @param text the head as latin1, up to and with the line end of its last header. Undefined: not plain. */
export function readRequestHead(text: string): RequestHead | undefined {
  const url = plain.exec(text)?.[1];
  if (url === undefined) return undefined;
  const headers: Record<string, string> = {};
  const rawHeaders: string[] = [];
  let length = -1;
  let at = text.indexOf(lineEnd) + 2;
  while (at < text.length) {
    const end = text.indexOf(lineEnd, at);
    const colon = text.indexOf(":", at);
    const rawName = text.slice(at, colon);
    const value = trimmed(text, colon + 1, end);
    const { name, isUnusual, isLength, isConnection } = nameOf(rawName);
    at = end + 2;
    if (isUnusual || headers[name] !== undefined) return undefined;
    if (isLength) {
      if (!digits.test(value)) return undefined;
      length = Number(value);
    } else if (isConnection && value.toLowerCase() !== "keep-alive") return undefined;
    headers[name] = value;
    rawHeaders.push(rawName, value);
  }
  if (length < 0 || headers["host"] === undefined) return undefined;
  return { url, headers, rawHeaders, length };
}
