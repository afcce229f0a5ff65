/**
 * Reads a request body whole, within its bound. Hides chunks, content encodings, and clients that leave or lie.
 *
 * Callbacks rather than promises: this runs for every request. The bound holds while reading and while inflating, so
 * neither a long body nor a small one that inflates to gigabytes is ever in memory.
 */
import type { IncomingMessage } from "node:http";
import { brotliDecompress, constants, gunzip, inflate, inflateRaw, zstdDecompress } from "node:zlib";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { ClientRequest } from "./client-messages.ts";
import { isReset } from "./h2c.ts";

/** After a refusal the client may still be sending, and reads the answer when it is done: so much is read and dropped. */
export const lingerBytesMax = 64 * 1024 * 1024;

/** Loose chunks are joined at this count: a body in one-byte chunks must not become a million objects. */
const looseChunksMax = 256;

export type BodyLimits = {
  readonly bytesMax: number;
  /** Asked for each chunk before it is kept: false when all bodies together are too much. Who counts gives back. */
  readonly reserve?: (bytes: number) => boolean;
};
export type BodyDone = (error: GatewayError | undefined, body: Buffer | undefined) => void;

/** Calls `done` once. Errors: `payload_too_large`, `unsupported_media_type`, `invalid_request`, `client_closed_request`, `overloaded`. */
export function readBody(request: ClientRequest, limits: BodyLimits, done: BodyDone): void {
  const { bytesMax, reserve } = limits;
  const inflater = findInflater(request.headers["content-encoding"]);
  const length = Number(request.headers["content-length"] ?? 0);
  if (inflater === undefined || length > bytesMax) {
    refuse(request, done, inflater === undefined ? unknownEncoding(request) : tooLarge(bytesMax));
    return;
  }
  if (request.wholeBody !== undefined) {
    takeWhole(request.wholeBody, inflater, limits, done);
    return;
  }

  let blocks: Buffer[] = [];
  let loose: Buffer[] = [];
  let bytes = 0;
  const stop = () => {
    request.off("data", onData);
    request.off("end", onEnd);
    request.off("close", onClose);
  };
  const onData = (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > bytesMax || reserve?.(chunk.length) === false) {
      stop();
      blocks = [];
      loose = [];
      refuse(request, done, bytes > bytesMax ? tooLarge(bytesMax) : tooMuch());
      return;
    }
    if (loose.push(chunk) < looseChunksMax) return;
    blocks.push(Buffer.concat(loose));
    loose = [];
  };
  const onEnd = () => {
    if (isReset(request)) {
      onClose();
      return;
    }
    stop();
    const whole = join(blocks, loose, bytes);
    if (inflater === "identity") done(undefined, whole);
    else inflater(whole, bytesMax, done);
  };
  const onClose = () => {
    stop();
    done(
      new GatewayError("client_closed_request", "the client left before the request body was complete", {
        source: "client",
      }),
      undefined,
    );
  };
  request.on("error", ignore); // a reset connection; "close" follows
  if (request.destroyed) {
    onClose();
    return;
  }
  request.on("data", onData);
  request.on("end", onEnd);
  request.on("close", onClose);
}

function takeWhole(
  body: Buffer,
  inflater: Inflater | "identity",
  { bytesMax, reserve }: BodyLimits,
  done: BodyDone,
): void {
  if (reserve?.(body.length) === false) done(tooMuch(), undefined);
  else if (inflater === "identity") done(undefined, body);
  else inflater(body, bytesMax, done);
}

function join(blocks: Buffer[], loose: Buffer[], bytes: number): Buffer {
  if (blocks.length === 0 && loose.length === 1) return loose[0]!;
  return Buffer.concat(blocks.length === 0 ? loose : [...blocks, ...loose], bytes);
}

/**
 * Tells the caller at once, and drops what still comes. The answer should not close the connection: closing one with
 * unread bytes resets it, and the client would lose the answer. The server's request timeout bounds how long this takes.
 */
function refuse(request: ClientRequest, done: BodyDone, error: GatewayError): void {
  if (request.wholeBody === undefined) discard(request);
  done(error, undefined);
}

function discard(request: IncomingMessage): void {
  let bytes = 0;
  request.on("error", ignore);
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > lingerBytesMax) request.destroy();
  });
}

type Inflater = (packed: Buffer, bytesMax: number, done: BodyDone) => void;

function findInflater(encoding: string | undefined): Inflater | "identity" | undefined {
  if (encoding === undefined) return "identity";
  const name = encoding.trim().toLowerCase();
  if (name === "" || name === "identity") return "identity";
  return inflaters.get(name);
}

type Unpack = (
  packed: Buffer,
  options: { maxOutputLength: number; chunkSize: number; params?: { [key: number]: number } },
  callback: (error: Error | null, body: Buffer) => void,
) => void;

/** A zstd frame may ask for a window of its whole size; 8 MB is what RFC 9659 lets a sender presume. */
const zstdWindow = { [constants.ZSTD_d_windowLogMax]: 23 };

const inflaters: ReadonlyMap<string, Inflater> = new Map([
  ["gzip", inflaterOf(gunzip)],
  ["x-gzip", inflaterOf(gunzip)],
  ["br", inflaterOf(brotliDecompress)],
  [
    "zstd",
    inflaterOf((packed, options, callback) => zstdDecompress(packed, { ...options, params: zstdWindow }, callback)),
  ],
  // By the letter deflate has a zlib header; some clients send it without.
  [
    "deflate",
    inflaterOf((packed, options, callback) =>
      (hasZlibHeader(packed) ? inflate : inflateRaw)(packed, options, callback),
    ),
  ],
]);

/** Inflates off the thread, and gives up as soon as the bound is passed. */
function inflaterOf(unpack: Unpack): Inflater {
  return (packed, bytesMax, done) => {
    if (packed.length === 0) {
      done(undefined, packed);
      return;
    }
    unpack(packed, { maxOutputLength: bytesMax, chunkSize: 65_536 }, (error, body) => {
      if (error === null) done(undefined, body);
      else if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") done(tooLarge(bytesMax), undefined);
      else done(damaged(error), undefined);
    });
  };
}

function hasZlibHeader(packed: Buffer): boolean {
  return packed.length >= 2 && (packed[0]! & 0x0f) === 8 && packed.readUInt16BE(0) % 31 === 0;
}

function tooLarge(bytesMax: number): GatewayError {
  return new GatewayError("payload_too_large", `the request body is larger than ${bytesMax} bytes`, {
    source: "client",
  });
}

/** Too much of everybody's together: this one may be asked again. */
export function tooMuch(): GatewayError {
  return new GatewayError("overloaded", "too many request bytes are in flight", {
    source: "gateway",
    retryAfterMs: 1000,
  });
}

function damaged(cause: Error): GatewayError {
  const message = "the request body does not decompress by its content-encoding";
  return new GatewayError("invalid_request", message, { source: "client", param: "content-encoding", cause });
}

function unknownEncoding(request: ClientRequest): GatewayError {
  const known = [...inflaters.keys()].join(", ");
  const message = `unknown content-encoding ${JSON.stringify(request.headers["content-encoding"])}; one of ${known} is understood`;
  return new GatewayError("unsupported_media_type", message, { source: "client", param: "content-encoding" });
}

function ignore(): void {}
