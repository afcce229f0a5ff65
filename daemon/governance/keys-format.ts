/** What a virtual key looks like: `sk-bf-`, 256 random bits and a checksum in base 62. Hides the encoding. */
import { hash, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

export type MintedKey = {
  /** Shown once, never stored. */
  readonly secret: string;
  readonly hash: Uint8Array;
  /** For recognition: `sk-bf-Ab3…`. */
  readonly prefix: string;
};

export const keyStart = "sk-bf-";
const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const secretBytes = 32;
/** Digits that 256 bits, and 32 bits, need in base 62. */
const secretDigits = 43;
const checksumDigits = 6;
const prefixDigits = 3;
const keyPattern = /^sk-bf-[0-9A-Za-z]{49}$/;

/** `random` gives that many bytes; a test passes its own. */
export function mintKey(random: (bytes: number) => Uint8Array = randomBytes): MintedKey {
  const body = base62(BigInt(`0x${Buffer.from(random(secretBytes)).toString("hex")}`), secretDigits);
  const secret = `${keyStart}${body}${checksum(body)}`;
  return { secret, hash: hashKey(secret), prefix: keyPrefix(secret) };
}

/** Whether this can be a key of ours: a typing error or a truncated paste is told from an unknown key. */
export function isWellFormed(secret: string): boolean {
  if (!keyPattern.test(secret)) return false;
  const body = secret.slice(keyStart.length, keyStart.length + secretDigits);
  return secret.endsWith(checksum(body));
}

/** Enough to recognise a key by, too little to guess it. */
export function keyPrefix(secret: string): string {
  return `${secret.slice(0, keyStart.length + prefixDigits)}…`;
}

/** SHA-256: of a secret with 256 random bits, so no salt and no slow hash are needed. */
export function hashKey(secret: string): Buffer {
  return hash("sha256", secret, "buffer");
}

function checksum(body: string): string {
  return base62(BigInt(crc32(body)), checksumDigits);
}

function base62(value: bigint, length: number): string {
  let text = "";
  for (let left = value; left > 0n; left /= 62n) text = digits[Number(left % 62n)] + text;
  return text.padStart(length, "0");
}
