/** The version, apart from everything else: `--version` loads this file and no other. A test holds it to package.json. */
export const version = "0.1.0";
