/** A small bundle, made by the real writer from an executable that is none, and a prefix with an older release in it. */
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildNote } from "../../../daemon/bundle/carrier.ts";
import { createBundle } from "../../../daemon/bundle/create.ts";
import { generateKeys, readPublicKey, readSecretKey } from "../../../daemon/bundle/minisign.ts";
import type { Progress } from "../../../daemon/progress.ts";

export const keys = generateKeys();
export const publicKey = readPublicKey(keys.public);

const carried = new Map([
  ["bundle/index.json", '["config.example.yaml","docs/index.html"]'],
  ["bundle/config.example.yaml", "server: {}\n"],
  ["bundle/docs/index.html", "<p>words</p>\n"],
]);
(globalThis as Record<symbol, unknown>)[Symbol.for("bifrost.binary")] = {
  native: () => {
    throw new Error("none");
  },
  asset: (name: string) => Buffer.from(carried.get(name) ?? ""),
};
/** The database driver of these tests is the installed one. */
export function withoutCarrier(): void {
  delete (globalThis as Record<symbol, unknown>)[Symbol.for("bifrost.binary")];
}

export type Lab = { readonly folder: string; readonly file: string; readonly prefix: string; readonly home: string };

export async function bundleLab(
  version = "1.2.3",
  committedAt = 1_764_000_000,
  secret = keys.secret,
  progress: Progress = () => undefined,
): Promise<Lab> {
  const folder = mkdtempSync(join(tmpdir(), "bf-bundle-"));
  const executable = join(folder, "executable");
  writeFileSync(executable, fakeExecutable(version, committedAt));
  const file = join(folder, "a.bundle");
  await createBundle({
    ...{ out: file, executable, unit: "[Unit]\n", progress },
    key: readSecretKey(secret, () => undefined),
  });
  const [prefix, home] = [join(folder, "prefix"), join(folder, "home")];
  for (const each of [prefix, home]) mkdirSync(each);
  return { folder, file, prefix, home };
}

function fakeExecutable(version: string, committedAt: number): Buffer {
  const head = Buffer.alloc(64);
  head.writeUInt32BE(0x7f454c46);
  head.writeUInt16LE(process.arch === "arm64" ? 0xb7 : 0x3e, 18);
  const note = buildNote({ version, commit: "a".repeat(40), committedAt, catalogDate: "2026-01-01" });
  return Buffer.concat([head, Buffer.from(note), createHash("sha512").update(version).digest()]);
}

/** Every file and link below, with its content: equal means that nothing has changed. */
export function treeOf(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    entries
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        if (entry.isSymbolicLink()) return [path, `link ${readlinkSync(path)}`];
        if (entry.isDirectory()) return [path, "folder"];
        return [path, `${statSync(path).mode} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`];
      })
      .toSorted(([a], [b]) => (a! < b! ? -1 : 1)) as [string, string][],
  );
}

export function remove({ folder }: Lab): void {
  rmSync(folder, { recursive: true, force: true });
}
