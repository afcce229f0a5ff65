/** Where the admin socket lies. Hides that the kernel takes 107 bytes of path and that a home's path may be longer. */
import { createHash } from "node:crypto";
import { lstatSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { makeFolder } from "../store/make-folder.ts";

/** `sun_path` holds 108 bytes with its closing zero. */
export const socketPathBytesMax = 107;

/** The path, and, when it is not in the home itself, a directory of the user's own made for it. */
export function prepareSocketPath(home: string, environment: NodeJS.ProcessEnv): string {
  const plain = join(resolve(home), "admin.sock");
  if (Buffer.byteLength(plain) <= socketPathBytesMax) return plain;
  const runtime = environment["XDG_RUNTIME_DIR"];
  const directory = runtime ? join(runtime, "bifrost") : join(tmpdir(), `bifrost-${process.getuid?.() ?? 0}`);
  makeFolder(directory);
  const found = lstatSync(directory);
  // In a shared /tmp somebody else may have been there first.
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0)
    throw new Error(`${directory} must be a directory of your own with mode 0700`);
  const short = join(directory, `${createHash("sha256").update(plain).digest("hex").slice(0, 32)}.sock`);
  if (Buffer.byteLength(short) > socketPathBytesMax)
    throw new Error(`${short} is longer than the ${socketPathBytesMax} bytes a socket path may have`);
  return short;
}
