/**
 * What the pipeline needs of a client's request and of the answer to it, whoever parsed the one and writes the other:
 * node's own HTTP or the lane for plain requests (`lane/`). Hides which of the two it was.
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/** A request whose body is in memory already. */
export type WholeRequest = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly socket: Socket;
  readonly wholeBody: Buffer;
};

export type ClientRequest = (IncomingMessage & { readonly wholeBody?: undefined }) | WholeRequest;

/** The part of `http.ServerResponse` that is used. */
export type ClientResponse = {
  readonly req: { readonly httpVersionMajor: number };
  readonly headersSent: boolean;
  readonly destroyed: boolean;
  /** Everything was given to the operating system. */
  readonly writableFinished: boolean;
  /** Bytes that wait to be given to it. */
  readonly writableLength: number;
  readonly writableNeedDrain: boolean;
  /** Set with the head. Who frames the chunks himself sets it to false. */
  chunkedEncoding: boolean;
  /** @param headers names and values in turn */
  writeHead(status: number, headers: string[]): unknown;
  flushHeaders(): void;
  /** False: wait for `drain`. */
  write(bytes: string | Buffer, encoding?: BufferEncoding): boolean;
  end(bytes?: string | Buffer, encoding?: BufferEncoding): unknown;
  on(event: "close" | "drain", listener: () => void): unknown;
  once(event: "close" | "drain", listener: () => void): unknown;
  off(event: "close" | "drain", listener: () => void): unknown;
  /** Calls back when nothing was taken or sent for so long. */
  setTimeout(ms: number, listener: () => void): unknown;
  destroy(): unknown;
};

/** A request whose body is still to come. Only routes whose bodies are read whole get the other kind. */
export function unread(request: ClientRequest): IncomingMessage {
  if (request.wholeBody !== undefined) throw new Error("the body of this request was read whole");
  return request;
}
