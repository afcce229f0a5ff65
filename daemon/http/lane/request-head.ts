/**
 * The head of a plain request. Hides which requests are plain: what has a second reading, a header twice, or anything
 * besides a body of a told length is not, and goes to node's parser, which knows how to refuse it (RFC 9112).
 */
import type { IncomingHttpHeaders } from "node:http";

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
/** Names that a request nearly always has, as they are mostly written: looking one up is cheaper than folding its case. */
const folded = new Map<string, string>();
const foldedMax = 512;

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
    const name = fold(rawName);
    at = end + 2;
    if (headers[name] !== undefined || unusual.has(name)) return undefined;
    if (name === "content-length") {
      if (!digits.test(value)) return undefined;
      length = Number(value);
    } else if (name === "connection" && value.toLowerCase() !== "keep-alive") return undefined;
    headers[name] = value;
    rawHeaders.push(rawName, value);
  }
  if (length < 0 || headers["host"] === undefined) return undefined;
  return { url, headers, rawHeaders, length };
}

function trimmed(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function fold(name: string): string {
  const known = folded.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  // Callers choose the names, so their number is bounded.
  if (folded.size < foldedMax && name.length <= 64) folded.set(name, lower);
  return lower;
}
