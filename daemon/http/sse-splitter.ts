/**
 * Cuts a byte stream into server-sent events without decoding it. Hides line endings, byte order marks, and where the
 * network happened to cut.
 *
 * Joined, the frames are the stream, byte for byte. A chunk that is exactly one frame, the usual case, is passed on as
 * it came; other whole frames are views on their chunk; only a frame that spans chunks is copied.
 */
import { GatewayError } from "../../providers/gateway-error.ts";

export class SseSplitter {
  readonly #frameBytesMax: number;
  /** Bytes of a frame whose end has not come, in a buffer that doubles: many tiny chunks must not become many objects. */
  #held = nothing;
  #heldBytes = 0;
  /** The current line has no byte yet. */
  #lineEmpty = true;
  #afterReturn = false;
  /** The line before ended with CR LF: a CR at the end of a chunk will be followed by its LF. */
  #pairs = false;
  /** The blank line has been seen; the frame ends where something else than a line end comes. */
  #complete = false;
  /** A byte order mark may stand at the very start. */
  #fresh = true;

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /**
   * Frames end after their blank line. A mark, and blank lines that come in a chunk of their own, are frames as well.
   * Throws `upstream_protocol` for a frame over the bound.
   */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    let bytes = chunk;
    if (this.#fresh) {
      if (this.#heldBytes > 0) bytes = this.#take(chunk, chunk.length);
      const markBytes = markLength(bytes);
      if (markBytes === undefined) {
        this.#hold(bytes, 0, bytes.length);
        return;
      }
      this.#fresh = false;
      if (markBytes > 0) {
        onFrame(bytes.subarray(0, markBytes));
        bytes = bytes.subarray(markBytes);
      }
    }
    this.#split(bytes, onFrame);
  }

  /** What came after the last whole frame, when the stream has ended. */
  rest(): Buffer | undefined {
    return this.#heldBytes === 0 ? undefined : this.#held.subarray(0, this.#heldBytes);
  }

  #split(bytes: Buffer, onFrame: (frame: Buffer) => void): void {
    const length = bytes.length;
    let start = 0;
    let lineEmpty = this.#lineEmpty;
    let afterReturn = this.#afterReturn;
    let complete = this.#complete;
    let pairs = this.#pairs;
    for (let at = 0; at < length; at++) {
      let byte = bytes[at]!;
      if (byte > carriageReturn || (byte !== lineFeed && byte !== carriageReturn)) {
        if (complete) {
          onFrame(this.#cut(bytes, start, at));
          start = at;
          complete = false;
        }
        // To the end of the line: what stands in it is nothing to this.
        do byte = bytes[++at] ?? lineFeed;
        while (byte > carriageReturn || (byte !== lineFeed && byte !== carriageReturn));
        lineEmpty = false;
        afterReturn = false;
        if (at >= length) break;
      }
      if (byte === lineFeed && afterReturn) {
        pairs = true;
        afterReturn = false;
      } else {
        if (lineEmpty) complete = true;
        if (afterReturn || byte === lineFeed) pairs = false;
        lineEmpty = true;
        afterReturn = byte === carriageReturn;
      }
    }
    // The LF of this CR is on its way; without it the frame would end in half a line end.
    if (complete && !(afterReturn && pairs)) {
      onFrame(this.#cut(bytes, start, length));
      start = length;
      complete = false;
    }
    this.#lineEmpty = lineEmpty;
    this.#afterReturn = afterReturn;
    this.#complete = complete;
    this.#pairs = pairs;
    if (start < length) this.#hold(bytes, start, length);
  }

  #cut(bytes: Buffer, start: number, end: number): Buffer {
    if (this.#heldBytes > 0) return this.#take(bytes, end);
    if (end - start > this.#frameBytesMax) throw this.#tooLarge();
    return start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
  }

  /** What is held and the first `end` bytes, as one; nothing is held afterwards. */
  #take(bytes: Buffer, end: number): Buffer {
    if (end > 0) this.#hold(bytes, 0, end);
    const taken = this.#held.subarray(0, this.#heldBytes);
    this.#held = nothing;
    this.#heldBytes = 0;
    return taken;
  }

  #hold(bytes: Buffer, start: number, end: number): void {
    const size = this.#heldBytes + end - start;
    if (size > this.#frameBytesMax) throw this.#tooLarge();
    if (size > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.max(size, 2 * this.#held.length, heldBytesMin));
      this.#held.copy(grown, 0, 0, this.#heldBytes);
      this.#held = grown;
    }
    bytes.copy(this.#held, this.#heldBytes, start, end);
    this.#heldBytes = size;
  }

  #tooLarge(): GatewayError {
    const message = `an event of the stream is larger than ${this.#frameBytesMax} bytes`;
    return new GatewayError("upstream_protocol", message, { source: "provider" });
  }
}

/** True for a frame that says nothing: comments (keep-alives), blank lines, a byte order mark. */
export function isComment(frame: Buffer): boolean {
  if (frame[0] === mark[0] && markLength(frame) === frame.length) return true;
  let lineStart = true;
  for (const byte of frame) {
    if (byte === lineFeed || byte === carriageReturn) lineStart = true;
    else if (lineStart) {
      if (byte !== colon) return false;
      lineStart = false;
    }
  }
  return true;
}

/**
 * The event name and the joined data lines of one frame. Data that is itself a comment (`data: : keep-alive`, which
 * some servers send) is as good as none.
 */
export function readFrame(text: string): { event: string; data: string } {
  return readUsual(text) ?? readLines(text);
}

/** A name and one line of data, or the data alone, as nearly every frame is: no list of lines is made of it. */
function readUsual(text: string): { event: string; data: string } | undefined {
  let event = "";
  let at = 0;
  if (text.startsWith("event: ")) {
    at = text.indexOf("\n") + 1;
    event = text.slice(7, at - 1);
  }
  // Anything but one line and the blank one after it, another kind of line end included, is read line by line.
  const end = text.length - 2;
  if (!text.startsWith("data: ", at) || text.indexOf("\n", at) !== end || !text.endsWith("\n")) return undefined;
  return text.startsWith(":", at + 6) || text.includes("\r") ? undefined : { event, data: text.slice(at + 6, end) };
}

function readLines(text: string): { event: string; data: string } {
  let event = "";
  let data: string | undefined;
  for (const line of text.split(text.includes("\r") ? /\r\n|\r|\n/ : "\n")) {
    if (line.startsWith("data:")) {
      const value = line.slice(line.startsWith(" ", 5) ? 6 : 5);
      data = data === undefined ? value : `${data}\n${value}`;
    } else if (line.startsWith("event:")) event = line.slice(line.startsWith(" ", 6) ? 7 : 6);
    else if (line === "data") data = data === undefined ? "" : `${data}\n`;
    else if (line === "event") event = "";
  }
  return { event, data: data === undefined || data.startsWith(":") ? "" : data };
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const colon = 0x3a;
const mark = Buffer.of(0xef, 0xbb, 0xbf);
const nothing = Buffer.alloc(0);
const heldBytesMin = 1024;

/** Bytes of the mark at the start: 0 or 3; `undefined` when more bytes must come to tell. */
function markLength(bytes: Buffer): number | undefined {
  for (let i = 0; i < mark.length; i++) {
    if (i === bytes.length) return undefined;
    if (bytes[i] !== mark[i]) return 0;
  }
  return mark.length;
}
