/**
 * The body of a streamed answer, written piece by piece. Hides that the chunks of HTTP/1.1 are framed here: node writes
 * each in four pieces that it gathers until the end of the turn, which costs more than the rest of a frame's way. A
 * piece is bytes as latin1 text, a character a byte, because that is what the taps look at already.
 */
import type { ClientResponse } from "./client-messages.ts";

export class StreamWriter {
  readonly #response: ClientResponse;
  /** HTTP/2 frames by itself, and of a string that waits it may send what the memory holds later [node 24.21]. */
  readonly #asBytes: boolean;
  #framed = false;

  constructor(response: ClientResponse) {
    this.#response = response;
    this.#asBytes = response.req.httpVersionMajor > 1;
  }

  /** Sends the head; it leaves with the first piece. An HTTP/1.0 client gets no chunks and the end of the connection. */
  begin(headers: string[]): void {
    const response = this.#response;
    response.writeHead(200, headers);
    this.#framed = response.chunkedEncoding;
    response.chunkedEncoding = false;
  }

  /** False: the client does not keep up; wait for `drain`. */
  write(bytes: string): boolean {
    if (bytes === "") return !this.#response.writableNeedDrain; // an empty chunk would be the last one
    if (this.#asBytes) return this.#response.write(Buffer.from(bytes, "latin1"));
    const text = this.#framed ? frame(bytes) : bytes;
    if (text.length >= flatBytesMin) return this.#response.write(Buffer.from(text, "latin1"));
    return this.#response.write(text, "latin1");
  }

  end(bytes: string): void {
    if (this.#framed) this.#response.end(bytes === "" ? lastChunk : frame(bytes) + lastChunk, "latin1");
    else if (this.#asBytes) this.#response.end(Buffer.from(bytes, "latin1"));
    else this.#response.end(bytes, "latin1");
  }
}

/** A long text is a tree of its pieces until it is sent, several times as large; one that has to wait must not be. */
const flatBytesMin = 4 * 1024;
const lastChunk = "0\r\n\r\n";

function frame(bytes: string): string {
  return `${bytes.length.toString(16)}\r\n${bytes}\r\n`;
}

/** Text as the bytes of its UTF-8, a character a byte. */
export function bytesOfText(text: string): string {
  // As many bytes as characters: all ASCII.
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text, "utf8").toString("latin1");
}
