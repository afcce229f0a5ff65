/**
 * How keys lie in shared memory, and how one thread changes what others read without a lock.
 *
 * What can change stands twice. The low bit of the version says which copy counts; the writer fills the other one and
 * then stores the next version. A reader loads the version, the copy, and the version again: unchanged means that the
 * copy was whole, since it is only written over after the version has moved on.
 */

export const keyWord = { version: 0, keyId: 1, firstHash: 2, copies: 4 } as const;
export const keyCopyWords = 5;
export const keyCopyWord = { flags: 0, expiresHigh: 1, expiresLow: 2, scopes: 3, policy: 4 } as const;
/** Where the 72 bits of a key's public id are; none are written twice, since an id never changes. */
export const keyPublicWords = [3, 14, 15] as const;
const publicIdBytes = 9;
const publicIdPrefix = "key_";

/** Undefined: an id of another making, which these words cannot hold. */
export function publicIdWords(publicId: string): readonly number[] | undefined {
  const bytes = Buffer.from(publicId.slice(publicIdPrefix.length), "base64url");
  if (bytes.length !== publicIdBytes || publicIdFrom(bytes) !== publicId) return undefined;
  return [bytes.readInt32LE(0), bytes.readInt32LE(4), bytes[8]!];
}

export function publicIdOf([first = 0, second = 0, third = 0]: readonly number[]): string {
  if (first === 0 && second === 0 && third === 0) return "";
  const bytes = Buffer.alloc(publicIdBytes);
  bytes.writeInt32LE(first, 0);
  bytes.writeInt32LE(second, 4);
  bytes[8] = third;
  return publicIdFrom(bytes);
}

function publicIdFrom(bytes: Buffer): string {
  return publicIdPrefix + bytes.toString("base64url");
}

export const keyFlag = { revoked: 1, disabled: 2 } as const;

/** The two times of a hash row are copies as above, under a version of their own. */
export const hashWord = { version: 0, generation: 1, keyRow: 2, nextHash: 3, times: 4, hash: 8 } as const;
export const hashWords = 8;

/** Milliseconds in two words; -1 in the high one means never. */
const lowSpan = 2 ** 31;

export function timeHigh(atMs: number | undefined): number {
  return atMs === undefined ? -1 : Math.floor(atMs / lowSpan);
}

export function timeLow(atMs: number | undefined): number {
  return atMs === undefined ? 0 : atMs % lowSpan;
}

export function timeOf(high: number, low: number): number {
  return high < 0 ? Number.POSITIVE_INFINITY : high * lowSpan + low;
}

/** Blocks of policy text begin with these Int32 words; a reference is the block's number of 16-byte steps, plus one. */
export const policyWord = { capacity: 0, length: 1, serial: 2 } as const;
export const policyStep = 16;

export function policyStart(reference: number): number {
  return (reference - 1) * policyStep;
}
