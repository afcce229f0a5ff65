/**
 * AWS's binary event stream, both ways: frames with a length, headers and two checksums. Hides where the network cut,
 * and how an event's name, an exception and another dialect's stream (base64 in `chunk` events) are put into frames.
 */
import { crc32 } from "node:zlib";
import { exceptionFor, exceptionStatus } from "../../providers/dialects/bedrock-converse/exceptions.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import { parseJson, shape, text, words } from "../../providers/json.ts";
import type { StreamFraming } from "./framing.ts";
import { bytesOfText } from "./stream-writer.ts";

export const eventStreamType = "application/vnd.amazon.eventstream";

/** Total length, length of the headers, and the checksum of both. */
const preludeBytes = 12;
const checksumBytes = 4;

/** Cuts bytes into whole frames, checked. Joined, the frames are the stream, byte for byte. */
export class EventStreamSplitter {
  readonly #frameBytesMax: number;
  #held: Buffer = Buffer.alloc(0);
  #heldBytes = 0;

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Throws `upstream_protocol` for a frame over the bound or with a wrong checksum. */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    let bytes = chunk;
    let at = 0;
    if (this.#heldBytes > 0) {
      // The rest of one frame only: what comes after it is not copied.
      const had = this.#heldBytes;
      const known = had >= preludeBytes ? this.#held.readUInt32BE(0) : undefined;
      const wanted = known ?? preludeBytes;
      const taken = Math.min(chunk.length, wanted - had);
      this.#hold(chunk, 0, taken, known ?? heldBytesMin);
      if (this.#heldBytes < wanted) return;
      if (known === undefined) {
        this.#length(this.#held, 0); // checks it before anything is kept for it
        this.push(chunk.subarray(taken), onFrame);
        return;
      }
      const frame = this.#held.subarray(0, this.#heldBytes);
      this.#held = Buffer.alloc(0);
      this.#heldBytes = 0;
      onFrame(checked(frame));
      bytes = chunk.subarray(taken);
    }
    while (bytes.length - at >= preludeBytes) {
      const length = this.#length(bytes, at);
      if (bytes.length - at < length) break;
      onFrame(checked(bytes.subarray(at, at + length)));
      at += length;
    }
    if (at < bytes.length) this.#hold(bytes, at, bytes.length, heldBytesMin);
  }

  /** What came after the last whole frame: the stream was cut there. */
  rest(): Buffer | undefined {
    return undefined;
  }

  #length(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at);
    const headers = bytes.readUInt32BE(at + 4);
    if (crc32(bytes.subarray(at, at + 8)) !== bytes.readUInt32BE(at + 8)) throw damaged("a frame's head is damaged");
    if (length < preludeBytes + headers + checksumBytes) throw damaged("a frame is shorter than its head says");
    if (length > this.#frameBytesMax) {
      throw damaged(`an event of the stream is larger than ${this.#frameBytesMax} bytes`);
    }
    return length;
  }

  #hold(bytes: Buffer, start: number, end: number, expected: number): void {
    const size = this.#heldBytes + end - start;
    if (size > this.#held.length) {
      // Grows with what has come, never at once to what a head promises.
      const grown = Buffer.allocUnsafe(Math.max(size, Math.min(expected, 2 * size), heldBytesMin));
      this.#held.copy(grown, 0, 0, this.#heldBytes);
      this.#held = grown;
    }
    bytes.copy(this.#held, this.#heldBytes, start, end);
    this.#heldBytes = size;
  }
}

const heldBytesMin = 1024;

function checked(frame: Buffer): Buffer {
  const end = frame.length - checksumBytes;
  if (crc32(frame.subarray(0, end)) !== frame.readUInt32BE(end)) throw damaged("a frame is damaged");
  return frame;
}

function damaged(message: string): GatewayError {
  return new GatewayError("upstream_protocol", message, { source: "provider" });
}

/** Bytes of a header's value, by its type; 6 and 7 tell their own length. */
const valueBytes: readonly (number | undefined)[] = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16];

type TextHeaders = ReadonlyMap<string, string>;

/** The headers that are texts, and the payload. */
export function readFrame(frame: Buffer): { readonly headers: TextHeaders; readonly payload: Buffer } {
  const headersEnd = preludeBytes + frame.readUInt32BE(4);
  const payload = frame.subarray(headersEnd, frame.length - checksumBytes);
  const { bytes } = latestHeaders;
  if (bytes.length === headersEnd - preludeBytes && bytes.compare(frame, preludeBytes, headersEnd) === 0) {
    return { headers: latestHeaders.headers, payload };
  }
  const headers = readHeaders(frame, headersEnd);
  if (headersEnd <= headersBytesKept)
    latestHeaders = { bytes: Buffer.from(frame.subarray(preludeBytes, headersEnd)), headers };
  return { headers, payload };
}

/** Most frames have the headers of the one before, whosever stream it was. */
let latestHeaders: { readonly bytes: Buffer; readonly headers: TextHeaders } = {
  bytes: Buffer.alloc(0),
  headers: new Map(),
};
const headersBytesKept = 512;

function readHeaders(frame: Buffer, headersEnd: number): TextHeaders {
  const headers = new Map<string, string>();
  let at = preludeBytes;
  while (at < headersEnd) {
    const nameEnd = at + 1 + frame[at]!;
    const type = frame[nameEnd] ?? 255;
    const sized = type === 6 || type === 7;
    if (nameEnd >= headersEnd || (!sized && valueBytes[type] === undefined))
      throw damaged("a frame's headers are broken");
    const start = nameEnd + 1 + (sized ? 2 : 0);
    if (start > headersEnd) throw damaged("a frame's headers are broken");
    const end = start + (sized ? frame.readUInt16BE(nameEnd + 1) : valueBytes[type]!);
    if (end > headersEnd) throw damaged("a frame's headers are broken");
    if (type === 7) headers.set(frame.toString("utf8", at + 1, nameEnd), frame.toString("utf8", start, end));
    at = end;
  }
  return headers;
}

export function writeFrame(headers: Readonly<Record<string, string>>, payload: Buffer): Buffer {
  const begun = beginning(headerBytes(headers), payload.length);
  const checksum = Buffer.allocUnsafe(checksumBytes);
  checksum.writeUInt32BE(crc32(payload, crc32(begun)));
  return Buffer.concat([begun, payload, checksum]);
}

function headerBytes(headers: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(headers)) {
    const [key, word] = [Buffer.from(name), Buffer.from(value)];
    parts.push(Buffer.of(key.length), key, Buffer.of(7, word.length >> 8, word.length & 0xff), word);
  }
  return Buffer.concat(parts);
}

/** A frame up to its payload. */
function beginning(headers: Buffer, payloadBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(preludeBytes + headers.length);
  bytes.writeUInt32BE(bytes.length + payloadBytes + checksumBytes, 0);
  bytes.writeUInt32BE(headers.length, 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
  headers.copy(bytes, preludeBytes);
  return bytes;
}

/** An event by its name, an exception by its; an error that is neither by its code. */
function readEvent(frame: Buffer): { readonly event: string; readonly data: string; readonly failed: boolean } {
  const { headers, payload } = readFrame(frame);
  const type = headers.get(":message-type") ?? "event";
  if (type === "event") {
    return { event: headers.get(":event-type") ?? "", data: payload.toString("utf8"), failed: false };
  }
  if (type === "exception") {
    return { event: headers.get(":exception-type") ?? "exception", data: payload.toString("utf8"), failed: true };
  }
  const message = headers.get(":error-message") ?? "";
  return { event: headers.get(":error-code") ?? "error", data: JSON.stringify({ message }), failed: true };
}

/** Event name and data of one piece that a renderer wrote: whole server-sent events, a data line each. */
const eventPattern = /(?:event: ([^\n]*)\n)?data: ([^\n]*)\n\n/g;

/** How an event begins, up to its data. Most follow one of the same name: that one is compared, not searched for. */
type Opening = { readonly line: string; readonly name: string };
let latest = openingOf("contentBlockDelta");

function openingOf(name: string): Opening {
  const line = `event: ${name}\ndata: `;
  return { line, name: line.slice(7, -7) }; // no part of the text it came in, which it would keep in memory
}

function openingAt(rendered: string, at: number): Opening | undefined {
  if (rendered.startsWith(latest.line, at)) return latest;
  const nameEnd = rendered.indexOf("\n", at);
  if (!rendered.startsWith("event: ", at) || !rendered.startsWith("\ndata: ", nameEnd)) return undefined;
  latest = openingOf(rendered.slice(at + 7, nameEnd));
  return latest;
}

/** The frames of all events in `rendered`; the pattern is for what is not written as renderers do. */
function frames(rendered: string, frame: (name: string, data: string) => string): string {
  let bytes = "";
  let at = 0;
  while (at < rendered.length) {
    const opening = openingAt(rendered, at);
    if (opening === undefined) break;
    const dataAt = at + opening.line.length;
    const dataEnd = rendered.indexOf("\n", dataAt);
    if (dataEnd < 0 || !rendered.startsWith("\n", dataEnd + 1)) break;
    bytes += frame(opening.name, rendered.slice(dataAt, dataEnd));
    at = dataEnd + 2;
  }
  if (at === rendered.length) return bytes;
  for (const [, name = "", data = ""] of rendered.slice(at).matchAll(eventPattern)) bytes += frame(name, data);
  return bytes;
}

/** As latin1 text, and of pieces that are there already: no byte is copied before the socket's own copy. */
function eventFrame(name: string, data: string): string {
  const payload = bytesOfText(data);
  const { bytes, checksum } = begun(headOf(name), payload.length);
  const whole = crc32(data, checksum);
  return bytes + payload + String.fromCharCode(whole >>> 24, (whole >>> 16) & 0xff, (whole >>> 8) & 0xff, whole & 0xff);
}

/** What goes before a payload, as latin1 text, and the checksum so far. */
type Begun = { readonly bytes: string; readonly checksum: number };

/** The headers of one name, and how frames with short payloads begin, by the payload's length. */
type Head = { readonly headers: Buffer; readonly begun: (Begun | undefined)[] };

/** Renderers have a few dozen names; an upstream's may be anything. */
const heads = new Map<string, Head>();
const headsMax = 64;
const payloadBytesKept = 512;

function headOf(name: string): Head {
  const known = heads.get(name);
  if (known !== undefined) return known;
  const type = /exception$/i.test(name) ? "exception" : "event";
  const headers = { [`:${type}-type`]: name, ":content-type": "application/json", ":message-type": type };
  const head = { headers: headerBytes(headers), begun: [] };
  if (heads.size < headsMax) heads.set(name, head);
  return head;
}

function begun(head: Head, payloadBytes: number): Begun {
  const known = head.begun[payloadBytes];
  if (known !== undefined) return known;
  const bytes = beginning(head.headers, payloadBytes);
  const made = { bytes: bytes.toString("latin1"), checksum: crc32(bytes) };
  if (payloadBytes < payloadBytesKept) head.begun[payloadBytes] = made;
  return made;
}

/** Converse's own events. Clients pass over an event whose name they do not know: that is what keeps a connection alive. */
export const eventStream: StreamFraming = {
  contentType: eventStreamType,
  keepAlive: eventFrame("ping", "{}"),
  splitter: (frameBytesMax) => new EventStreamSplitter(frameBytesMax),
  read: readEvent,
  asEvents(frame) {
    const { event, data } = readEvent(frame);
    return `event: ${event}\ndata: ${data}\n\n`;
  },
  write: (rendered) => frames(rendered, eventFrame),
};

/** Another dialect's events, each one's data in base64 within a `chunk` event. */
export const eventChunks: StreamFraming = {
  contentType: eventStreamType,
  keepAlive: eventFrame("ping", "{}"),
  splitter: (frameBytesMax) => new EventStreamSplitter(frameBytesMax),
  read: readChunk,
  asEvents(frame) {
    const { event, data } = readChunk(frame);
    const name = event === "" ? words(shape(parseJson(data))["type"]) : event;
    return `${name === undefined ? "" : `event: ${name}\n`}data: ${data}\n\n`;
  },
  write: (rendered) => frames(rendered, chunkFrame),
};

function chunkFrame(name: string, data: string): string {
  if (name === "error") return exceptionFrame(data);
  return eventFrame("chunk", `{"bytes":"${Buffer.from(data).toString("base64")}"}`);
}

function readChunk(frame: Buffer): { readonly event: string; readonly data: string } {
  const { event, data, failed } = readEvent(frame);
  const body = shape(parseJson(data));
  if (failed) {
    const error = { type: event, message: text(body["message"]) ?? "", status: exceptionStatus(event) };
    return { event: "error", data: JSON.stringify({ type: "error", error }) };
  }
  if (event !== "chunk") return { event: "", data: "" };
  return { event: "", data: Buffer.from(text(body["bytes"]) ?? "", "base64").toString("utf8") };
}

function exceptionFrame(data: string): string {
  const error = shape(shape(parseJson(data))["error"]);
  const name = exceptionFor(words(error["code"]) ?? "");
  return eventFrame(name, JSON.stringify({ message: text(error["message"]) ?? "" }));
}
