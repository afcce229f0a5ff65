/**
 * Makes a folder, with those above it. Hides that Node's own recursive way never returns where a folder may be named but
 * not made, as below /proc.
 */
import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

const onlyOurs = 0o700;

/** Throws the system's error, which names the folder that could not be made. */
export function makeFolder(path: string, mode: number = onlyOurs): void {
  const folder = resolve(path);
  try {
    mkdirSync(folder, mode);
  } catch (error) {
    if (isFolder(folder)) return;
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || dirname(folder) === folder) throw error;
    makeFolder(dirname(folder), mode);
    makeLast(folder, mode);
  }
}

/** The folder above is there: what fails now fails for good, unless another process was quicker. */
function makeLast(folder: string, mode: number): void {
  try {
    mkdirSync(folder, mode);
  } catch (error) {
    if (!isFolder(folder)) throw error;
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
