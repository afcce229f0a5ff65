/** `npm run build`: the sources as JavaScript in `dist/`, dependencies included, save for better-sqlite3's addon. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { currentOrigin, emit, root, versionLineOf } from "./emit.ts";

const { values: options } = parseArgs({ options: { out: { type: "string", default: join(root, "dist") } } });
const out = resolve(options.out);

const startedAt = performance.now();
const origin = currentOrigin();
const { version, commit } = origin;
const node = process.versions.node;
const { files } = await emit({ version, commit, versionLine: versionLineOf(origin, node), form: "files" });
rmSync(out, { recursive: true, force: true });
let bytes = 0;
for (const [name, text] of files) {
  const file = join(out, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { mode: name === "cli/main.js" ? 0o755 : 0o644 });
  bytes += text.length;
}
writeFileSync(join(out, "build.json"), `${JSON.stringify({ ...origin, node }, null, 2)}\n`);
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
console.log(
  `${relative(process.cwd(), out) || "."}: ${files.size} files, ${Math.round(bytes / 1024)} KB, ${seconds} s`,
);
