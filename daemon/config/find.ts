/** Which file is the config. Hides the places it may lie in. */
import { statSync } from "node:fs";
import { join, resolve } from "node:path";

export type FindOptions = {
  /** A path the person gave: taken as it is, there or not. */
  readonly explicit?: string | undefined;
  readonly directory: string;
  /** `$BIFROST_HOME`. */
  readonly home: string;
  /** The system's place; another one only in tests. */
  readonly system?: string;
};

/** The absolute path of the first config that is there; undefined when there is none, and the defaults apply. */
export function findConfig({ explicit, directory, home, system = "/etc/bifrost" }: FindOptions): string | undefined {
  if (explicit !== undefined) return resolve(directory, explicit);
  const places = [directory, home, system].map((folder) => join(resolve(folder), "config.yaml"));
  return places.find(isThere);
}

/** A file that may not be read is there as well: passing over it in silence would start with other settings. */
function isThere(path: string): boolean {
  try {
    return !statSync(path).isDirectory();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code !== "ENOENT" && code !== "ENOTDIR";
  }
}
