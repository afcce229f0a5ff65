/**
 * One buffer that all sockets of a thread read into. Node makes a 64 KB buffer for each read, cuts it to what came and
 * leaves it to the collector: with two reads a request that was a tenth of what a request cost. What was read is copied
 * out of here into a pooled piece before the next read, so whoever gets it may keep it.
 */
import { Buffer } from "node:buffer";
import { Socket } from "node:net";

/** As much as node reads at once. */
const readBytesMax = 64 * 1024;
/** Pieces smaller than half of this share a slab. */
const slabBytes = 64 * 1024;

export type BytesReader = (bytes: Buffer) => void;
/** Node's `onread` option of `net.connect`. */
export type OnRead = {
  readonly buffer: Uint8Array;
  readonly callback: (this: Socket, count: number, buffer: Uint8Array) => boolean;
};

const reader: unique symbol = Symbol("reader");
type Read = Socket & { [reader]?: BytesReader };

let shared: OnRead | undefined;

/** For sockets that are yet to connect; say with `readInto` where their bytes go. */
export function sharedReads(): OnRead {
  if (shared !== undefined) return shared;
  Buffer.poolSize = slabBytes;
  shared = { buffer: Buffer.allocUnsafeSlow(readBytesMax), callback: deliver };
  return shared;
}

export function readInto(socket: Socket, read: BytesReader): void {
  (socket as Read)[reader] = read;
}

function deliver(this: Read, count: number, buffer: Uint8Array): boolean {
  const bytes = Buffer.allocUnsafe(count);
  (buffer as Buffer).copy(bytes, 0, 0, count);
  const read = this[reader];
  // Nobody of ours: as node does it, which also says whether there may be more.
  if (read === undefined) return this.push(bytes);
  read(bytes);
  return true;
}

/** Where node keeps the `onread` of a socket: it takes none for sockets that a server accepts. */
const places = ["kBuffer", "kBufferCb"].map((name) =>
  Object.getOwnPropertySymbols(new Socket()).find(({ description }) => description === name),
);

/**
 * The same for an accepted socket that nothing was read from yet. False when this version of node keeps it elsewhere:
 * then listen to `data`.
 */
export function readAccepted(socket: Socket, read: BytesReader): boolean {
  const [bufferPlace, callbackPlace] = places;
  const handle = (socket as { _handle?: { useUserBuffer?: (buffer: Uint8Array) => void } })._handle;
  const adopt = handle?.useUserBuffer;
  if (bufferPlace === undefined || callbackPlace === undefined || adopt === undefined) return false;
  const { buffer, callback } = sharedReads();
  Object.assign(socket, { [bufferPlace]: buffer, [callbackPlace]: callback });
  adopt.call(handle, buffer);
  readInto(socket, read);
  return true;
}

/** From now on its bytes come as `data`, as of any socket. */
export function readAsData(socket: Socket): void {
  delete (socket as Read)[reader];
}
