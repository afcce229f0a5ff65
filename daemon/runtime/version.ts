/** What this build is called. A bundle defines it; from source it is read once. */
import { readFileSync } from "node:fs";

declare const __BIFROST_VERSION__: string | undefined;

/** Emitted JavaScript or the binary; not the sources. */
export const isBuilt = typeof __BIFROST_VERSION__ === "string";

export const version: string = typeof __BIFROST_VERSION__ === "string" ? __BIFROST_VERSION__ : fromPackage();

function fromPackage(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}
