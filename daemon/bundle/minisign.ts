/**
 * Signatures in minisign's format, so that a second tool can check what we sign and the other way round. Hides the
 * text form, key derivation, and that the file's BLAKE2b hash is what is signed.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  scryptSync,
  sign,
  timingSafeEqual,
  verify,
} from "node:crypto";

export type PublicKey = { readonly id: string; readonly key: KeyObject; readonly text: string };
export type SecretKey = { readonly id: Buffer; readonly key: KeyObject };

/** Why a signature or a key is not accepted, in words for whoever holds it. */
export class SignatureProblem extends Error {
  override readonly name = "SignatureProblem";
}

/** The line above a signature is not signed, so it may say only this. */
const comment = "untrusted comment: signature from bifrost";
const trusted = "trusted comment: ";
const [pure, hashed, scrypt, none, blake] = ["Ed", "ED", "Sc", "\0\0", "B2"] as const;
/** DER around the 32 bytes of an Ed25519 key. */
const publicPrefix = Buffer.from("302a300506032b6570032100", "hex");
const secretPrefix = Buffer.from("302e020100300506032b657004220420", "hex");
const textBytesMax = 4_096;
/** minisign itself asks for 1 GB when it locks a key with a password. */
const scryptBytesMax = 2 ** 31;

export function generateKeys(): { readonly secret: string; readonly public: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const id = randomBytes(8);
  const point = publicKey.export({ format: "der", type: "spki" }).subarray(publicPrefix.length);
  const seed = privateKey.export({ format: "der", type: "pkcs8" }).subarray(secretPrefix.length);
  // Where minisign keeps a checksum there are zeros: the public half within says whether the key is whole.
  const bytes = [Buffer.from(pure + none + blake), Buffer.alloc(48), id, seed, point, Buffer.alloc(32)];
  return {
    secret: `untrusted comment: bifrost secret key, not encrypted\n${Buffer.concat(bytes).toString("base64")}\n`,
    public: publicText(id, point),
  };
}

export function readPublicKey(text: string): PublicKey {
  const line = lastLine(text);
  const bytes = exactBase64(line);
  if (bytes?.length !== 42 || bytes.toString("latin1", 0, 2) !== pure)
    throw new SignatureProblem("this is no minisign public key (RW…, 56 characters)");
  const key = createPublicKey({ key: Buffer.concat([publicPrefix, bytes.subarray(10)]), format: "der", type: "spki" });
  return { id: idText(bytes.subarray(2, 10)), key, text: line };
}

/** `password` is asked for only when the key is locked with one. */
export function readSecretKey(text: string, password: () => string | undefined): SecretKey {
  const bytes = exactBase64(lastLine(text));
  if (bytes?.length !== 158 || bytes.toString("latin1", 0, 2) !== pure)
    throw new SignatureProblem("this is no minisign secret key");
  const kind = bytes.toString("latin1", 2, 4);
  let body = bytes.subarray(54);
  if (kind === scrypt) {
    const given = password();
    if (given === undefined)
      throw new SignatureProblem("the secret key is locked; give its password in BIFROST_BUNDLE_PASSWORD");
    body = unlock(body, given, bytes.subarray(6, 38), bytes.readBigUInt64LE(38), bytes.readBigUInt64LE(46));
  } else if (kind !== none) throw new SignatureProblem("the secret key is locked in a way that is not known here");
  const [id, seed, point] = [body.subarray(0, 8), body.subarray(8, 40), body.subarray(40, 72)];
  const key = createPrivateKey({ key: Buffer.concat([secretPrefix, seed]), format: "der", type: "pkcs8" });
  const own = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(publicPrefix.length);
  if (!timingSafeEqual(own, point)) throw new SignatureProblem("the secret key does not open: wrong password?");
  return { id: Buffer.from(id), key };
}

export function publicKeyOf({ id, key }: SecretKey): string {
  return publicText(id, createPublicKey(key).export({ format: "der", type: "spki" }).subarray(publicPrefix.length));
}

/** `note` is signed too. */
export function signBytes(content: Buffer, { id, key }: SecretKey, note: string): string {
  const signature = sign(null, fileHash(content), key);
  const global = sign(null, Buffer.concat([signature, Buffer.from(note)]), key);
  const first = Buffer.concat([Buffer.from(hashed), id, signature]).toString("base64");
  return `${comment}\n${first}\n${trusted}${note}\n${global.toString("base64")}\n`;
}

/** The signed note. Throws `SignatureProblem` unless one of the keys has signed exactly this content. */
export function verifyBytes(
  content: Buffer,
  signature: string,
  keys: readonly PublicKey[],
  by: "us" | "anyone" = "us",
): { note: string; key: PublicKey } {
  const [above, first, note, global, end, ...more] = signature.slice(0, textBytesMax).split("\n");
  const bytes = exactBase64(first ?? "");
  const globalBytes = exactBase64(global ?? "");
  // Another tool says something else in the line that is not signed.
  const isComment = by === "us" ? above === comment : above?.startsWith("untrusted comment: ") === true;
  const isWhole = end === "" && more.length === 0 && signature.length <= textBytesMax;
  if (!isWhole || !isComment || bytes?.length !== 74 || globalBytes?.length !== 64 || !note?.startsWith(trusted))
    throw new SignatureProblem("the signature is damaged");
  if (bytes.toString("latin1", 0, 2) !== hashed) throw new SignatureProblem("the signature is of another kind");
  const id = idText(bytes.subarray(2, 10));
  const key = keys.find((each) => each.id === id);
  if (key === undefined) throw new SignatureProblem(`it is signed with the key ${id}, which is not trusted here`);
  const said = note.slice(trusted.length);
  const own = bytes.subarray(10);
  const holds =
    verify(null, fileHash(content), key.key, own) &&
    verify(null, Buffer.concat([own, Buffer.from(said)]), key.key, globalBytes);
  if (!holds) throw new SignatureProblem(`the signature of the key ${id} does not hold`);
  return { note: said, key };
}

function fileHash(content: Buffer): Buffer {
  return createHash("blake2b512").update(content).digest();
}

function publicText(id: Buffer, point: Buffer): string {
  const line = Buffer.concat([Buffer.from(pure!), id, point]).toString("base64");
  return `untrusted comment: minisign public key ${idText(id)}\n${line}\n`;
}

/** As minisign prints it: the bytes as one little-endian number. */
function idText(id: Buffer): string {
  return Buffer.from(id).reverse().toString("hex").toUpperCase();
}

function lastLine(text: string): string {
  return text.slice(0, textBytesMax).trim().split("\n").at(-1)!.trim();
}

/** Undefined unless the text is the one way to write these bytes. */
function exactBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

/** libsodium's way from two limits to scrypt's three parameters. */
function unlock(body: Buffer, password: string, salt: Buffer, operations: bigint, memory: bigint): Buffer {
  const limit = operations < 32_768n ? 32_768n : operations;
  const blocks = 8;
  let [cost, parallel] = [1, 1];
  if (limit < memory / 32n) cost = powerBelow(limit / BigInt(blocks * 4));
  else {
    cost = powerBelow(memory / BigInt(blocks * 128));
    parallel = Number(limit / 4n / BigInt(2 ** cost)) / blocks;
    parallel = Math.max(1, Math.floor(parallel));
  }
  if (memory > BigInt(scryptBytesMax)) throw new SignatureProblem("the secret key asks for too much memory");
  const stream = scryptSync(password, salt, body.length, {
    N: 2 ** cost,
    r: blocks,
    p: parallel,
    maxmem: scryptBytesMax,
  });
  return body.map((byte, index) => byte ^ stream[index]!) as Buffer;
}

function powerBelow(limit: bigint): number {
  let power = 1;
  while (power < 63 && 2n ** BigInt(power) <= limit / 2n) power += 1;
  return power;
}
