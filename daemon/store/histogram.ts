/**
 * Durations as a histogram that is right to within a tenth: each bucket is a fifth wider than the one before, from
 * 0.1 ms to an hour. Hides the bounds, and how counts are packed into a few bytes.
 */

export const bucketCount = 100;
const growth = Math.log(1.2);
/** Upper bound of the first bucket. */
const firstMs = 0.1;

/** Which bucket a duration falls into. */
export function bucketOf(ms: number): number {
  if (!(ms > firstMs)) return 0;
  const bucket = Math.ceil(Math.log(ms / firstMs) / growth);
  return bucket < bucketCount ? bucket : bucketCount - 1;
}

/** Upper bound of a bucket. */
export function boundOf(bucket: number): number {
  return firstMs * Math.exp(bucket * growth);
}

/** The value below which this share of the counts lies; undefined when there are none. */
export function quantileOf(counts: ArrayLike<number>, share: number): number | undefined {
  let total = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) total += counts[bucket]!;
  if (total === 0) return undefined;
  let rest = Math.max(1, Math.ceil(total * share));
  for (let bucket = 0; bucket < counts.length; bucket++) {
    rest -= counts[bucket]!;
    if (rest <= 0) return bucket === 0 ? firstMs / 2 : Math.sqrt(boundOf(bucket - 1) * boundOf(bucket));
  }
  return boundOf(counts.length - 1);
}

/** Pairs of (distance to the bucket before, count), each seven bits a byte, lowest first. */
export function packCounts(counts: ArrayLike<number>): Buffer {
  const bytes: number[] = [];
  let before = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    if (counts[bucket] === 0) continue;
    putNumber(bytes, bucket - before);
    putNumber(bytes, counts[bucket]!);
    before = bucket;
  }
  return Buffer.from(bytes);
}

/** Adds packed counts to `into`. Bytes that are no such list add what can be read. */
export function addPacked(into: { [bucket: number]: number }, packed: Uint8Array): void {
  let at = 0;
  let bucket = 0;
  const number = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = packed[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  };
  while (at < packed.length) {
    bucket += number();
    const count = number();
    if (bucket < bucketCount) into[bucket]! += count;
  }
}

function putNumber(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}
