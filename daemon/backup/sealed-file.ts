/**
 * One file out of several, sealed with a passphrase or not. Hides the format: a head in plain text, then frames that are
 * each authenticated and numbered, so that nothing can be changed, moved or cut off without being noticed.
 *
 *   "bifrost-backup 1\n" JSON "\n" frame*        frame: length (4 bytes), content, tag (16 bytes)
 *
 * Sealed: scrypt makes the key from the passphrase, AES-256-GCM seals each frame under its number; the head is part of
 * what is authenticated. Not sealed: the tag is the first half of a SHA-256, against damage and not against people.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes, scryptSync, timingSafeEqual } from "node:crypto";
import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";

export class BackupProblem extends Error {
  override readonly name = "BackupProblem";
}

export type Head = {
  readonly sealed: boolean;
  readonly salt?: string;
  /** Names in their order, and how many bytes each has. */
  readonly parts: readonly { readonly name: string; readonly bytes: number }[];
  readonly about: Readonly<Record<string, unknown>>;
};

const magic = "bifrost-backup 1\n";
const headBytesMax = 100_000;
const frameBytes = 1 << 20;
const tagBytes = 16;
/** 128 MB and about half a second: what a guess costs. */
const cost = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 } as const;

export function writeSealed(
  file: string,
  parts: readonly { readonly name: string; readonly file: string }[],
  about: Head["about"],
  passphrase: string | undefined,
  told: (part: number) => void = () => undefined,
): void {
  const sources = parts.map(({ name, file: source }) => ({ name, descriptor: openSync(source, "r") }));
  const salt = randomBytes(16);
  const head: Head = {
    sealed: passphrase !== undefined,
    ...(passphrase === undefined ? {} : { salt: salt.toString("hex") }),
    parts: sources.map(({ name, descriptor }) => ({ name, bytes: fstatSync(descriptor).size })),
    about,
  };
  const text = Buffer.from(`${magic}${JSON.stringify(head)}\n`);
  const seal = sealer(passphrase, salt, text);
  const out = openSync(file, "wx", 0o600);
  try {
    writeAll(out, text);
    let [number, done] = [0, 0];
    const all = bytesOf(head);
    for (const { descriptor } of sources)
      for (const chunk of chunksOf(descriptor, fstatSync(descriptor).size)) {
        writeAll(out, seal(chunk, number++));
        done += chunk.length;
        told(done / all);
      }
    writeAll(out, seal(Buffer.alloc(0), number)); // an end that cannot be forged
    fsyncSync(out);
  } finally {
    for (const { descriptor } of sources) closeSync(descriptor);
    closeSync(out);
  }
}

function bytesOf({ parts }: Head): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

export function readHead(file: string): Head {
  const descriptor = openSync(file, "r");
  try {
    return headOf(descriptor, file).head;
  } finally {
    closeSync(descriptor);
  }
}

/** Gives each piece to `take`; throws `BackupProblem` at the first byte that is not as it was written. */
export function readSealed(
  file: string,
  passphrase: string | undefined,
  take: (name: string, piece: Buffer) => void,
  told: (part: number) => void = () => undefined,
): Head {
  const descriptor = openSync(file, "r");
  try {
    const { head, text } = headOf(descriptor, file);
    if (head.sealed && passphrase === undefined)
      throw new BackupProblem("the backup is sealed; give its passphrase in BIFROST_BACKUP_PASSPHRASE or --key-file");
    const open = opener(head.sealed ? passphrase : undefined, Buffer.from(head.salt ?? "", "hex"), text);
    let [at, number] = [text.length, 0];
    const frame = (): Buffer => {
      const bytes = readAt(descriptor, at, 4).readUInt32LE(0);
      if (bytes > frameBytes) throw new BackupProblem("the backup is damaged");
      const content = open(readAt(descriptor, at + 4, bytes + tagBytes), number++);
      at += 4 + bytes + tagBytes;
      return content;
    };
    const all = bytesOf(head);
    let done = 0;
    for (const { name, bytes } of head.parts) {
      let left = bytes;
      while (left > 0) {
        const piece = frame();
        left -= piece.length;
        if (left < 0 || piece.length === 0) throw new BackupProblem("the backup is damaged");
        take(name, piece);
        done += piece.length;
        told(done / all);
      }
    }
    if (frame().length !== 0 || at !== fstatSync(descriptor).size) throw new BackupProblem("the backup is damaged");
    return head;
  } finally {
    closeSync(descriptor);
  }
}

function headOf(descriptor: number, file: string): { readonly head: Head; readonly text: Buffer } {
  const start = Buffer.alloc(headBytesMax);
  const got = readSync(descriptor, start, 0, headBytesMax, 0);
  const end = start.indexOf("\n", magic.length);
  if (got < magic.length || start.toString("latin1", 0, magic.length) !== magic || end < 0 || end >= got)
    throw new BackupProblem(`${file} is no backup of bifrost`);
  const text = Buffer.from(start.subarray(0, end + 1));
  try {
    const head = JSON.parse(text.toString("utf8", magic.length)) as Head;
    if (!Array.isArray(head.parts) || head.parts.some(({ bytes }) => !Number.isSafeInteger(bytes) || bytes < 0))
      throw new Error("parts");
    return { head, text };
  } catch {
    throw new BackupProblem("the backup is damaged");
  }
}

type Frame = (content: Buffer, number: number) => Buffer;

function sealer(passphrase: string | undefined, salt: Buffer, head: Buffer): Frame {
  const length = (content: Buffer): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(content.length);
    return bytes;
  };
  if (passphrase === undefined)
    return (content, number) => Buffer.concat([length(content), content, sumOf(content, number, head)]);
  const key = scryptSync(passphrase, salt, 32, cost);
  return (content, number) => {
    const cipher = createCipheriv("aes-256-gcm", key, nonceOf(number)).setAAD(head);
    return Buffer.concat([length(content), cipher.update(content), cipher.final(), cipher.getAuthTag()]);
  };
}

function opener(passphrase: string | undefined, salt: Buffer, head: Buffer): Frame {
  const key = passphrase === undefined ? undefined : scryptSync(passphrase, salt, 32, cost);
  return (bytes, number) => {
    const [content, tag] = [bytes.subarray(0, -tagBytes), bytes.subarray(-tagBytes)];
    if (key === undefined) {
      if (!timingSafeEqual(sumOf(content, number, head), tag)) throw new BackupProblem("the backup is damaged");
      return content;
    }
    const cipher = createDecipheriv("aes-256-gcm", key, nonceOf(number)).setAAD(head).setAuthTag(tag);
    try {
      return Buffer.concat([cipher.update(content), cipher.final()]);
    } catch {
      throw new BackupProblem(
        number === 0 ? "the passphrase is wrong, or the backup is damaged" : "the backup is damaged",
      );
    }
  };
}

function sumOf(content: Buffer, number: number, head: Buffer): Buffer {
  return createHash("sha256").update(head).update(nonceOf(number)).update(content).digest().subarray(0, tagBytes);
}

/** The key is used for one file only, so the frame's number is enough. */
function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32LE(number);
  return nonce;
}

function* chunksOf(descriptor: number, size: number): Generator<Buffer> {
  for (let at = 0; at < size; at += frameBytes) yield readAt(descriptor, at, Math.min(frameBytes, size - at));
}

function readAt(descriptor: number, at: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let got = 0; got < bytes; ) {
    const read = readSync(descriptor, buffer, got, bytes - got, at + got);
    if (read === 0) throw new BackupProblem("the backup is cut short");
    got += read;
  }
  return buffer;
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at, bytes.length - at);
}
