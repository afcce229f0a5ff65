/** How streams are cut into events on the wire, each way. Hides everything of it that pumps and receivers need not know. */
import type { Framing } from "../../providers/exchange.ts";
import { eventChunks, eventStream } from "./event-stream.ts";
import { readFrame, SseSplitter } from "./sse-splitter.ts";
import { bytesOfText } from "./stream-writer.ts";

export type Splitter = {
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void;
  /** What came after the last whole frame and may be one more. */
  rest(): Buffer | undefined;
};

export type StreamFraming = {
  readonly contentType: string;
  /** Bytes that say nothing, as latin1 text. */
  readonly keepAlive: string;
  splitter(frameBytesMax: number): Splitter;
  /** One frame as a decoder wants it. */
  read(frame: Buffer): { readonly event: string; readonly data: string };
  /** One frame as server-sent events; absent where it is that already. */
  asEvents?(frame: Buffer): string;
  /** What a renderer wrote, as bytes in latin1 text. */
  write(rendered: string): string;
  /** The events of another framing are its elements: an array begins, goes on and ends. */
  readonly asArray?: true;
};

const sse: StreamFraming = {
  contentType: "text/event-stream",
  /** One line, no blank line after it: an empty event crashes some clients. */
  keepAlive: ": ping\n",
  splitter: (frameBytesMax) => new SseSplitter(frameBytesMax),
  read: (frame) => readFrame(frame.toString("utf8")),
  write: bytesOfText,
};

/** The elements of one array, which the renderer writes itself; no provider is asked for it. */
const jsonArray: StreamFraming = { ...sse, contentType: "application/json", keepAlive: "\n", asArray: true };

export const framings: Readonly<Record<Framing, StreamFraming>> = {
  sse,
  "json-array": jsonArray,
  "aws-event-stream": eventStream,
  "aws-event-chunks": eventChunks,
};
