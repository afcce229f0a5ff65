/**
 * The bundle's outer form: a tar archive that is written in one way only. Hides the format, and that a reader which
 * takes nothing but that one way leaves no byte of the file unchecked and no name that could lead elsewhere.
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";

export type Member = { readonly name: string; readonly bytes: number; readonly mode: 0o644 | 0o755 };
/** Where a member's content lies in the file. */
export type Placed = Member & { readonly offset: number };

/** The file is no bundle, or not whole. */
export class ArchiveProblem extends Error {
  override readonly name = "ArchiveProblem";
}

const blockBytes = 512;
const membersMax = 2_000;
export const memberBytesMax = 400_000_000;
const chunkBytes = 1 << 20;
/** At most two folders deep, no part that begins with a dot. */
const plainName = /^[A-Za-z0-9][A-Za-z0-9@+._-]*(?:\/[A-Za-z0-9][A-Za-z0-9@+._-]*){0,3}$/;
const nameBytesMax = 100;

export type Content = Buffer | { readonly file: string };

/** Contents in their order. Returns the number of bytes written. */
export function writeArchive(descriptor: number, entries: readonly (Member & { readonly content: Content })[]): number {
  let written = 0;
  const put = (bytes: Buffer): void => {
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at, bytes.length - at);
    written += bytes.length;
  };
  for (const entry of entries) {
    put(headerOf(entry));
    if (Buffer.isBuffer(entry.content)) put(entry.content);
    else for (const chunk of readWhole(entry.content.file)) put(chunk);
    put(Buffer.alloc(paddingOf(entry.bytes)));
  }
  put(Buffer.alloc(2 * blockBytes));
  return written;
}

/** Every member with its place. Throws `ArchiveProblem` at the first byte outside of contents that is not as written. */
export function readArchive(descriptor: number): readonly Placed[] {
  const size = fstatSync(descriptor).size;
  const members: Placed[] = [];
  let at = 0;
  for (;;) {
    const block = readExactly(descriptor, at, blockBytes);
    if (block.every((byte) => byte === 0)) break;
    if (members.length === membersMax) throw new ArchiveProblem(`it has more than ${membersMax} members`);
    const member = memberOf(block);
    if (members.some(({ name }) => name === member.name)) throw new ArchiveProblem(`it has ${member.name} twice`);
    const offset = at + blockBytes;
    const padding = paddingOf(member.bytes);
    at = offset + member.bytes + padding;
    if (at + 2 * blockBytes > size) throw new ArchiveProblem("it is cut short");
    if (padding > 0 && readExactly(descriptor, at - padding, padding).some((byte) => byte !== 0))
      throw new ArchiveProblem(`it is damaged after ${member.name}`);
    members.push({ ...member, offset });
  }
  if (size !== at + 2 * blockBytes) throw new ArchiveProblem("something stands after its end");
  if (readExactly(descriptor, at + blockBytes, blockBytes).some((byte) => byte !== 0))
    throw new ArchiveProblem("it is damaged at its end");
  return members;
}

export function readMember(descriptor: number, { offset, bytes }: Placed, bytesMax: number): Buffer {
  if (bytes > bytesMax) throw new ArchiveProblem("a part of it is too large");
  return readExactly(descriptor, offset, bytes);
}

export function* chunksOf(descriptor: number, { offset, bytes }: Placed): Generator<Buffer> {
  for (let at = 0; at < bytes; at += chunkBytes)
    yield readExactly(descriptor, offset + at, Math.min(chunkBytes, bytes - at));
}

function memberOf(block: Buffer): Member {
  const end = block.indexOf(0);
  const name = block.toString("latin1", 0, end < 0 || end > nameBytesMax ? nameBytesMax : end);
  const bytes = Number.parseInt(block.toString("latin1", 124, 135), 8);
  const mode = block.toString("latin1", 100, 107) === "0000755" ? 0o755 : 0o644;
  if (!plainName.test(name)) throw new ArchiveProblem("it has a name that is not plain");
  if (!(bytes >= 0 && bytes <= memberBytesMax)) throw new ArchiveProblem(`${name} has no usable size`);
  const member: Member = { name, bytes, mode };
  // Links, devices, owners, times: whatever else a header can say is not what we write.
  if (!block.equals(headerOf(member))) throw new ArchiveProblem(`the head of ${name} is damaged`);
  return member;
}

function headerOf({ name, bytes, mode }: Member): Buffer {
  if (!plainName.test(name) || name.length > nameBytesMax) throw new ArchiveProblem(`${name} is not a plain name`);
  const block = Buffer.alloc(blockBytes);
  block.write(name, 0, "latin1");
  block.write(`${mode.toString(8).padStart(7, "0")}\0`, 100, "latin1");
  block.write("0000000\0", 108, "latin1"); // owner and group
  block.write("0000000\0", 116, "latin1");
  block.write(`${bytes.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  block.write("00000000000\0", 136, "latin1"); // time
  block.write("        ", 148, "latin1"); // counts as blanks in its own sum
  block.write("0", 156, "latin1"); // a file
  block.write("ustar\x0000", 257, "latin1");
  block.write("root", 265, "latin1");
  block.write("root", 297, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function paddingOf(bytes: number): number {
  return (blockBytes - (bytes % blockBytes)) % blockBytes;
}

export function* readWhole(file: string): Generator<Buffer> {
  const descriptor = openSync(file, "r");
  try {
    const size = fstatSync(descriptor).size;
    for (let at = 0; at < size; at += chunkBytes) yield readExactly(descriptor, at, Math.min(chunkBytes, size - at));
  } finally {
    closeSync(descriptor);
  }
}

function readExactly(descriptor: number, at: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  let got = 0;
  while (got < bytes) {
    const read = readSync(descriptor, buffer, got, bytes - got, at + got);
    if (read === 0) throw new ArchiveProblem("it is cut short");
    got += read;
  }
  return buffer;
}
