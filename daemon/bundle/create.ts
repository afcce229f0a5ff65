/**
 * Writes a bundle: everything a host without the internet needs, in one signed file. Hides the order of its parts: first
 * what a reader checks, then what that vouches for.
 */
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { constants, createGzip } from "node:zlib";
import type { Progress } from "../progress.ts";
import { stateMigrations, trafficMigrations } from "../store/migrations/list.ts";
import { writeArchive } from "./archive.ts";
import { carriedFiles, platformOf, readBuildNote } from "./carrier.ts";
import { type Manifest, releaseId } from "./manifest.ts";
import { publicKeyOf, type SecretKey, signBytes } from "./minisign.ts";
import { renderReadme } from "./readme.ts";

export type CreateOptions = {
  readonly out: string;
  /** The executable that goes in; it may be another platform's. */
  readonly executable: string;
  readonly key: SecretKey;
  /** The config of this home, besides the example. */
  readonly config?: Buffer | undefined;
  readonly unit: string;
  readonly progress: Progress;
};

export type Created = { readonly manifest: Manifest; readonly bytes: number; readonly publicKey: string };

/** Told once for each. */
const pieceBytes = 1_000_000;

/** What is wrong with a bundle, or with what was asked of it, in words for whoever asked. */
export class BundleProblem extends Error {
  override readonly name = "BundleProblem";
}

export async function createBundle(options: CreateOptions): Promise<Created> {
  const { progress, key } = options;
  const carried = carriedFiles();
  if (carried === undefined)
    throw new BundleProblem(
      "only the single binary can make a bundle: npm run build:binary, then dist/bifrost bundle create",
    );
  progress("reading the executable");
  const executable = readFileSync(options.executable);
  const build = readBuildNote(executable);
  const platform = platformOf(executable);
  if (build === undefined || platform === undefined)
    throw new BundleProblem(`${options.executable} is not a bifrost executable`);
  const manifest: Manifest = {
    format: 1,
    ...build,
    platform,
    binary: { bytes: executable.length, sha256: sha256(executable) },
    migrations: {
      state: stateMigrations.map(({ name }) => name),
      traffic: trafficMigrations.map(({ name }) => name),
    },
  };
  progress("compressing");
  const packed = await compress(executable, (part) => progress("compressing", part));
  const folder = `bifrost-${build.version}-${platform}`;
  const contents = new Map<string, Buffer>([
    ["manifest.json", Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)],
    ["bifrost.gz", packed],
    ["bifrost.service", Buffer.from(options.unit)],
    ...carried,
    ...(options.config === undefined ? [] : ([["config.yaml", options.config]] as const)),
  ]);
  // For whoever has no bifrost yet; vouched for as the rest is.
  contents.set("README.txt", Buffer.from(renderReadme({ folder, manifest, publicKey: publicKeyOf(key) })));
  progress("signing");
  const sums = Buffer.from([...contents].map(([name, bytes]) => `${sha256(bytes)}  ${name}\n`).join(""));
  const note = `bifrost ${build.version} ${platform} ${releaseId(manifest)}`;
  const entries: readonly (readonly [string, Buffer])[] = [
    ["SHA256SUMS", sums],
    ["SHA256SUMS.minisig", Buffer.from(signBytes(sums, key, note))],
    ...contents,
  ];
  progress("writing");
  const part = `${options.out}.part`;
  const descriptor = openSync(part, "w", 0o644);
  try {
    const bytes = writeArchive(
      descriptor,
      entries.map(([name, content]) => ({ name: `${folder}/${name}`, bytes: content.length, mode: 0o644, content })),
    );
    fsyncSync(descriptor);
    renameSync(part, options.out);
    return { manifest, bytes, publicKey: publicKeyOf(key) };
  } finally {
    closeSync(descriptor);
    rmSync(part, { force: true });
  }
}

async function compress(bytes: Buffer, tell: (part: number) => void): Promise<Buffer> {
  const gzip = createGzip({ level: constants.Z_BEST_SPEED + 3, memLevel: 9 });
  async function* pieces(): AsyncIterable<Buffer> {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      yield bytes.subarray(at, at + pieceBytes);
      tell(Math.min(1, (at + pieceBytes) / bytes.length));
    }
  }
  const packed: Buffer[] = [];
  await pipeline(pieces, gzip, async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) packed.push(chunk);
  });
  return Buffer.concat(packed);
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
