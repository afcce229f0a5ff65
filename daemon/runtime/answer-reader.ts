/**
 * Reads the answers of one upstream connection, HTTP/1.1 by RFC 9112, from whatever pieces the bytes come in. Hides
 * heads, chunks and lengths. Strict where a second reading would be possible: an answer with both a length and chunks,
 * two lengths or a folded header is refused.
 */
import { knownNames, trimmed } from "../http/header-text.ts";

export type AnswerHeaders = Record<string, string | string[] | undefined>;

/** Hears of an answer: `head`, any number of `data`, `end`. Interim answers (1xx) are not told. */
export type AnswerListener = {
  head(status: number, headers: AnswerHeaders): void;
  data(bytes: Buffer): void;
  /** `keep`: the connection may carry another request; for `keepMs`, where the server says so. */
  end(keep: boolean, keepMs: number | undefined): void;
};

/** What came is not HTTP, or not safely so. `code` is told to callers and has no word of the server's. */
export class BadAnswer extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** Digits of a size that is read without a look at its line: more are for `sizeLine`. */
const sizeDigitsMax = 6;
/** Longest line of a chunk's size or of a trailer, and the most that all trailers may take. */
const lineBytesMax = 16 * 1024;

type State = "idle" | "head" | "length" | "size" | "chunk" | "chunk end" | "trailers" | "until close";

const statusLine = /^HTTP\/1\.([01]) (\d{3})(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const headerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)$/;
/** All of a head's, each with its end. */
const headerLines = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*$/;
const sizeLine = /^([0-9A-Fa-f]{1,8})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;
const lowered = knownNames((name) => name);
const lengthValue = /^\d{1,15}$/;
const lineEnd = "\r\n";
const headEnd = "\r\n\r\n";

export class AnswerReader {
  readonly #listener: AnswerListener;
  readonly #headBytesMax: number;
  #state: State = "idle";
  #headOnly = false;
  /** Bytes of a head or a line that is not whole. */
  #partial: Buffer | undefined;
  /** Bytes to come of the body or the chunk. */
  #left = 0;
  #trailerBytes = 0;
  #keep = true;
  #keepMs: number | undefined;

  constructor(listener: AnswerListener, headBytesMax: number) {
    this.#listener = listener;
    this.#headBytesMax = headBytesMax;
  }

  /** No answer is under way. */
  get idle(): boolean {
    return this.#state === "idle";
  }

  /** An answer is awaited. `headOnly`: to a HEAD, which has no body whatever its headers say. */
  expect(headOnly: boolean): void {
    this.#state = "head";
    this.#headOnly = headOnly;
    this.#keep = true;
    this.#keepMs = undefined;
  }

  /** Throws `BadAnswer`, also for bytes when no answer is awaited. */
  push(bytes: Buffer): void {
    const rest = this.#partial === undefined ? bytes : Buffer.concat([this.#partial, bytes]);
    this.#partial = undefined;
    let at = 0;
    while (at < rest.length) {
      const next = this.#step(rest, at);
      if (next < 0) {
        this.#partial = at === 0 ? rest : rest.subarray(at);
        return;
      }
      at = next;
      // What follows a whole answer that nobody asked for: `#finish` has made the connection end with it.
      if (this.#state === "idle") return;
    }
  }

  /** The server has closed its half. True where that is the end of the answer under way. */
  close(): boolean {
    if (this.#state !== "until close") return false;
    this.#keep = false;
    this.#finish(true);
    return true;
  }

  /** Takes one piece from `at` on; where the next one begins, or -1 when more bytes are needed. */
  #step(rest: Buffer, at: number): number {
    switch (this.#state) {
      case "idle":
        throw new BadAnswer("UNEXPECTED_BYTES");
      case "head":
        return this.#head(rest, at);
      case "length":
      case "chunk":
        return this.#body(rest, at);
      case "until close":
        this.#listener.data(at === 0 ? rest : rest.subarray(at));
        return rest.length;
      case "chunk end":
        if (rest.length < at + 2) return -1;
        if (rest[at] !== 0x0d || rest[at + 1] !== 0x0a) throw new BadAnswer("BAD_CHUNK");
        this.#state = "size";
        return at + 2;
      case "size": {
        const next = this.#size(rest, at);
        return next > 0 ? next : this.#line(rest, at);
      }
      case "trailers":
        return this.#line(rest, at);
    }
  }

  #head(rest: Buffer, at: number): number {
    const end = rest.indexOf(headEnd, at, "latin1");
    if ((end < 0 ? rest.length : end) - at > this.#headBytesMax) throw new BadAnswer("HEADERS_OVERFLOW");
    if (end < 0) return -1;
    const after = end + headEnd.length;
    const text = rest.toString("latin1", at, end + lineEnd.length);
    const first = text.indexOf(lineEnd);
    const [, minor, code] = statusLine.exec(text.slice(0, first)) ?? [];
    if (code === undefined) throw new BadAnswer("BAD_STATUS_LINE");
    const status = Number(code);
    const headers = headersOf(text.slice(first + lineEnd.length));
    if (status < 200) {
      if (status === 101) throw new BadAnswer("UNASKED_UPGRADE");
      return after;
    }
    this.#frame(status, headers, minor === "1");
    this.#listener.head(status, headers);
    if (this.#state === "idle") return after;
    if (this.#state === "length" && this.#left === 0) this.#finish(after === rest.length);
    return after;
  }

  /** How the body ends, and whether another answer may follow it (RFC 9112 §6.3, §9.3). */
  #frame(status: number, headers: AnswerHeaders, persistent: boolean): void {
    const { connection, "keep-alive": keepAlive } = headers;
    const words = connection === undefined ? "" : joined(connection).toLowerCase();
    this.#keep = persistent ? !words.includes("close") : words.includes("keep-alive");
    const seconds = keepAlive === undefined ? undefined : /timeout=(\d{1,6})/i.exec(joined(keepAlive))?.[1];
    this.#keepMs = seconds === undefined ? undefined : Number(seconds) * 1000;
    const coding = headers["transfer-encoding"];
    const length = headers["content-length"];
    this.#left = 0;
    if (this.#headOnly || status === 204 || status === 304) this.#state = "length";
    else if (coding !== undefined) {
      if (length !== undefined || typeof coding !== "string" || coding.toLowerCase() !== "chunked") {
        throw new BadAnswer("BAD_FRAMING");
      }
      this.#state = "size";
      this.#trailerBytes = 0;
    } else if (length !== undefined) {
      if (typeof length !== "string" || !lengthValue.test(length)) throw new BadAnswer("BAD_FRAMING");
      this.#state = "length";
      this.#left = Number(length);
    } else this.#state = "until close";
  }

  #body(rest: Buffer, at: number): number {
    const end = Math.min(rest.length, at + this.#left);
    this.#left -= end - at;
    const whole = this.#left === 0;
    const isChunk = this.#state === "chunk";
    if (whole && isChunk) this.#state = "chunk end";
    this.#listener.data(at === 0 && end === rest.length ? rest : rest.subarray(at, end));
    if (whole && !isChunk) this.#finish(end === rest.length);
    return end;
  }

  /** The usual line before a chunk: its size and nothing else, and not the last; 0 for any other. */
  #size(rest: Buffer, at: number): number {
    let size = 0;
    let next = at;
    for (; next < at + sizeDigitsMax; next++) {
      const byte = rest[next] ?? 0;
      const letter = byte | 0x20;
      if (byte >= 0x30 && byte <= 0x39) size = size * 16 + byte - 0x30;
      else if (letter >= 0x61 && letter <= 0x66) size = size * 16 + letter - 0x57;
      else break;
    }
    if (size === 0 || rest[next] !== 0x0d || rest[next + 1] !== 0x0a) return 0;
    this.#left = size;
    this.#state = "chunk";
    return next + 2;
  }

  #line(rest: Buffer, at: number): number {
    const end = rest.indexOf(lineEnd, at, "latin1");
    if ((end < 0 ? rest.length : end) - at > lineBytesMax) throw new BadAnswer("BAD_CHUNK");
    if (end < 0) return -1;
    const after = end + lineEnd.length;
    const line = rest.toString("latin1", at, end);
    if (this.#state === "size") {
      const size = sizeLine.exec(line)?.[1];
      if (size === undefined) throw new BadAnswer("BAD_CHUNK");
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? "trailers" : "chunk";
    } else if (line === "") this.#finish(after === rest.length);
    else {
      this.#trailerBytes += after - at;
      if (this.#trailerBytes > lineBytesMax || !headerLine.test(line)) throw new BadAnswer("BAD_TRAILER");
    }
    return after;
  }

  /** @param last no byte follows; otherwise the connection is not in step and must not be used again */
  #finish(last: boolean): void {
    this.#state = "idle";
    this.#listener.end(this.#keep && last, this.#keepMs);
  }
}

/** @param text header lines, each with its end */
function headersOf(text: string): AnswerHeaders {
  if (!headerLines.test(text)) throw new BadAnswer("BAD_HEADER");
  const headers: AnswerHeaders = {};
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf(lineEnd, at);
    const colon = text.indexOf(":", at);
    const name = lowered(text.slice(at, colon));
    const given = trimmed(text, colon + 1, end);
    at = end + lineEnd.length;
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (before === undefined) {
      if (name !== "__proto__") headers[name] = given;
    } else if (typeof before !== "string") before.push(given);
    else headers[name] = [before, given];
  }
  return headers;
}

function joined(value: string | readonly string[]): string {
  return typeof value === "string" ? value : value.join(",");
}
