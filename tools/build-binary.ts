/**
 * `npm run build:binary`: `dist/bifrost`, one executable. `--arch arm64` makes that of another architecture; `--fetch`
 * only gets that architecture's Node, for builds without a network.
 */
import { mkdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Arch, makeBinary, strippedNode } from "./binary/make.ts";
import { root } from "./emit.ts";

const { values: options } = parseArgs({
  options: { out: { type: "string" }, arch: { type: "string" }, fetch: { type: "boolean" } },
});
const arch = (options.arch ?? process.arch) as Arch;
if (arch !== "x64" && arch !== "arm64") throw new Error(`--arch ${arch}: x64 or arm64`);
if (options.fetch) {
  console.log(strippedNode(arch));
  process.exit(0);
}
const usual = join(root, "dist", arch === process.arch ? "bifrost" : `bifrost-linux-${arch}`);
const out = resolve(options.out ?? usual);

const startedAt = performance.now();
mkdirSync(dirname(out), { recursive: true });
const { bytes, sha256 } = await makeBinary({ arch, out });
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
console.log(`${relative(process.cwd(), out)}: ${(bytes / 1e6).toFixed(1)} MB, ${seconds} s\nsha256 ${sha256}`);
