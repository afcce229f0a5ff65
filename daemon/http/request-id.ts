/**
 * Names requests: `req_` and 26 characters of Crockford's base 32 that sort by time. Hides what they are made of:
 * milliseconds (10 characters), worker (2), count within the millisecond (4), random tail (10).
 *
 * Unique by construction within a home as long as the clock moves on, and by 50 random bits where it was set back.
 */

export const requestIdLength = 30;

export function createRequestIds(worker: number, now: () => number = Date.now): () => string {
  if (!(Number.isInteger(worker) && worker >= 0 && worker < 1024))
    throw new RangeError("worker is a number below 1024");
  const workerText = base32(worker, 2);
  let lastMs = -1;
  let count = 0;
  let prefix = "";
  return () => {
    const ms = now();
    if (ms > lastMs || count === countMax) {
      // A clock that was set back keeps the last prefix, so that ids of one worker still sort.
      lastMs = ms > lastMs ? ms : lastMs + 1;
      count = 0;
      prefix = `req_${base32(lastMs, 10)}${workerText}`;
    }
    const number = count++;
    const tail = Math.floor(Math.random() * 2 ** 50);
    const high = Math.floor(tail / 2 ** 30);
    return (
      prefix +
      pairs[number >> 10]! +
      pairs[number & 1023]! +
      pairs[high >> 10]! +
      pairs[high & 1023]! +
      tripleOf(tail % 2 ** 30)
    );
  };
}

/** Which worker named it; undefined when it is no id of ours. A hold's id begins with its request's. */
export function workerOfRequest(id: string): number | undefined {
  const high = alphabet.indexOf(id[14] ?? " ");
  const low = alphabet.indexOf(id[15] ?? " ");
  return id.startsWith("req_") && high >= 0 && low >= 0 ? high * 32 + low : undefined;
}

/** When it was named, in milliseconds since 1970; undefined when it is no id of ours. */
export function timeOfRequest(id: string): number | undefined {
  if (!id.startsWith("req_") || id.length !== requestIdLength) return undefined;
  let ms = 0;
  for (const digit of id.slice(4, 14)) {
    const value = alphabet.indexOf(digit);
    if (value < 0) return undefined;
    ms = ms * 32 + value;
  }
  return ms;
}

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const countMax = 2 ** 20;

/** All texts of two characters: ten bits a look-up. */
const pairs: readonly string[] = Array.from({ length: 1024 }, (_, i) => alphabet[i >> 5]! + alphabet[i & 31]!);

function tripleOf(bits30: number): string {
  return pairs[bits30 >>> 20]! + pairs[(bits30 >>> 10) & 1023]! + pairs[bits30 & 1023]!;
}

function base32(value: number, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = alphabet[rest % 32]! + text;
  return text;
}
