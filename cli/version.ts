/** The version, apart from everything else: `--version` loads this file and no other. A test holds it to package.json. */
export const version = "0.1.0";

declare const __BIFROST_VERSION_LINE__: string | undefined;

/** A build adds what it was made from: commit, Node, day of the price table. */
export const versionLine: string = typeof __BIFROST_VERSION_LINE__ === "string" ? __BIFROST_VERSION_LINE__ : version;
