/**
 * Opens a bundle that was checked to its last byte. Hides the order: whose signature, then the sums it vouches for, then
 * everything else; nothing of a file is used before its sum was seen.
 */
import { createHash } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { createGunzip } from "node:zlib";
import type { Progress } from "../progress.ts";
import { ArchiveProblem, chunksOf, type Placed, readArchive, readMember } from "./archive.ts";
import { BundleProblem } from "./create.ts";
import { type Manifest, parseManifest } from "./manifest.ts";
import { type PublicKey, SignatureProblem, verifyBytes } from "./minisign.ts";

export type Bundle = {
  readonly manifest: Manifest;
  readonly signer: PublicKey;
  /** Without the executable. */
  readonly names: readonly string[];
  read(name: string): Buffer;
  /** The executable in pieces, checked against the manifest; throws at the end when it is another. */
  executable(): AsyncIterable<Buffer>;
  close(): void;
};

const sumsBytesMax = 1_000_000;
const partBytesMax = 50_000_000;

/** Throws `BundleProblem` in words that tell what to do about it. */
export function openBundle(file: string, trusted: readonly PublicKey[], progress: Progress): Bundle {
  const descriptor = openFile(file);
  try {
    return check(descriptor, trusted, progress);
  } catch (error) {
    closeSync(descriptor);
    if (error instanceof ArchiveProblem) throw new BundleProblem(`${file} is no whole bundle: ${error.message}`);
    if (error instanceof SignatureProblem) throw new BundleProblem(`${file}: ${error.message}`);
    throw error;
  }
}

function check(descriptor: number, trusted: readonly PublicKey[], progress: Progress): Bundle {
  progress("checking the signature");
  const members = readArchive(descriptor);
  const folder = members[0]?.name.split("/")[0] ?? "";
  const byName = new Map(members.map((member) => [member.name.slice(folder.length + 1), member]));
  if (members.some(({ name }) => !name.startsWith(`${folder}/`))) throw new ArchiveProblem("it has several roots");
  const part = (name: string, bytesMax: number): Buffer => {
    const member = byName.get(name);
    if (member === undefined) throw new ArchiveProblem(`${name} is missing`);
    return readMember(descriptor, member, bytesMax);
  };
  const sums = part("SHA256SUMS", sumsBytesMax);
  const { key: signer } = verifyBytes(sums, part("SHA256SUMS.minisig", sumsBytesMax).toString("latin1"), trusted);
  const step = "checking every part";
  progress(step);
  const wanted = readSums(sums.toString("utf8"));
  const listed = new Set([...wanted.keys(), "SHA256SUMS", "SHA256SUMS.minisig"]);
  for (const name of byName.keys()) if (!listed.has(name)) throw new ArchiveProblem(`${name} does not belong to it`);
  for (const [name, sum] of wanted) {
    const member = byName.get(name);
    if (member === undefined) throw new ArchiveProblem(`${name} is missing`);
    const told = (done: number): void => progress(step, done / member.bytes);
    if (hashOf(descriptor, member, told) !== sum) throw new ArchiveProblem(`${name} was changed`);
  }
  const manifest = readManifest(part("manifest.json", sumsBytesMax));
  if (folder !== `bifrost-${manifest.version}-${manifest.platform}`)
    throw new ArchiveProblem("its root has another name");
  const read = (name: string): Buffer => {
    const bytes = part(name, partBytesMax);
    // The file may have been changed since: what is given out is what was vouched for.
    if (createHash("sha256").update(bytes).digest("hex") !== wanted.get(name))
      throw new ArchiveProblem(`${name} was changed`);
    return bytes;
  };
  return {
    manifest,
    signer,
    names: [...wanted.keys()].filter((name) => name !== "bifrost.gz"),
    read,
    executable: () => unpack(descriptor, byName.get("bifrost.gz")!, manifest),
    close: () => closeSync(descriptor),
  };
}

async function* unpack(descriptor: number, member: Placed, manifest: Manifest): AsyncIterable<Buffer> {
  const gunzip = createGunzip();
  const hash = createHash("sha256");
  let bytes = 0;
  const feed = (async () => {
    for (const chunk of chunksOf(descriptor, member))
      if (!gunzip.write(chunk)) await new Promise<void>((resolve) => gunzip.once("drain", resolve));
    gunzip.end();
  })();
  feed.catch((error: unknown) => gunzip.destroy(error as Error));
  for await (const piece of gunzip as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > manifest.binary.bytes) {
      gunzip.destroy();
      throw new BundleProblem("the executable is larger than the manifest says");
    }
    hash.update(piece);
    yield piece;
  }
  if (bytes !== manifest.binary.bytes || hash.digest("hex") !== manifest.binary.sha256)
    throw new BundleProblem("the executable is not the one of the manifest");
}

function readSums(text: string): ReadonlyMap<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split("\n").slice(0, -1)) {
    const [, sum, name] = /^([0-9a-f]{64}) {2}(\S+)$/.exec(line) ?? [];
    if (sum === undefined || name === undefined || sums.has(name)) throw new ArchiveProblem("its sums are damaged");
    sums.set(name, sum);
  }
  for (const name of ["manifest.json", "bifrost.gz"])
    if (!sums.has(name)) throw new ArchiveProblem(`${name} is missing`);
  return sums;
}

function readManifest(bytes: Buffer): Manifest {
  try {
    return parseManifest(bytes.toString("utf8"));
  } catch (error) {
    throw new ArchiveProblem(error instanceof Error ? error.message : String(error));
  }
}

function hashOf(descriptor: number, member: Placed, told: (bytes: number) => void): string {
  const hash = createHash("sha256");
  let bytes = 0;
  for (const chunk of chunksOf(descriptor, member)) {
    hash.update(chunk);
    bytes += chunk.length;
    told(bytes);
  }
  return hash.digest("hex");
}

function openFile(file: string): number {
  try {
    return openSync(file, "r");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new BundleProblem(code === "ENOENT" ? `there is no file ${file}` : `${file} cannot be read (${code})`);
  }
}
