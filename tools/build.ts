/**
 * `npm run build`: the sources as JavaScript in `dist/`, dependencies included, save for better-sqlite3 with its addon.
 * Hides where the code of threads comes to lie: `new URL("./x.ts", import.meta.url)` is found in the sources, made an
 * entry point, and made to point to it from whichever chunk it ends up in.
 */
import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import * as esbuild from "esbuild";

const root = resolve(import.meta.dirname, "..");
const { values: options } = parseArgs({ options: { out: { type: "string", default: join(root, "dist") } } });
const out = resolve(options.out);

/** A place in the text of an output file, replaced by the way from that file to `dist/`. */
const outMark = "__way_to_dist__";
const threadUrl = /new URL\("(\.{1,2}\/[^"]+)\.ts", import\.meta\.url\)/g;

await build();

async function build(): Promise<void> {
  const startedAt = performance.now();
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const commit = currentCommit();
  const result = await esbuild.build({
    absWorkingDir: root,
    entryPoints: ["cli/main.ts", "daemon/main.ts", ...threadEntries()],
    outdir: out,
    outbase: root,
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    external: ["better-sqlite3"],
    // Light: whitespace and dead branches go, names stay, so that a stack trace can be read.
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 160, // an uncaught error prints the line it was thrown on
    legalComments: "none",
    define: { __BIFROST_VERSION__: JSON.stringify(version), __BIFROST_COMMIT__: JSON.stringify(commit) },
    // CommonJS dependencies ask for builtins at run time.
    banner: { js: 'const require=process.getBuiltinModule("module").createRequire(import.meta.url);' },
    plugins: [{ name: "thread-urls", setup: setupThreadUrls }],
    write: false,
    metafile: true,
    logLevel: "warning",
  });
  rmSync(out, { recursive: true, force: true });
  let bytes = 0;
  for (const file of result.outputFiles) {
    const way = relative(dirname(file.path), out).replaceAll("\\", "/") || ".";
    const text = file.text.replaceAll(outMark, way);
    mkdirSync(dirname(file.path), { recursive: true });
    writeFileSync(file.path, text, { mode: file.path.endsWith(join("cli", "main.js")) ? 0o755 : 0o644 });
    bytes += text.length;
  }
  writeFileSync(
    join(out, "build.json"),
    `${JSON.stringify({ version, commit, node: process.versions.node }, null, 2)}\n`,
  );
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(
    `${relative(process.cwd(), out) || "."}: ${result.outputFiles.length} files, ${Math.round(bytes / 1024)} KB, ${seconds} s`,
  );
}

/** Every file that a thread is started from. */
function threadEntries(): string[] {
  const entries = new Set<string>();
  for (const file of globSync("{cli,daemon}/**/*.ts", { cwd: root })) {
    for (const [, target] of readFileSync(join(root, file), "utf8").matchAll(threadUrl)) {
      entries.add(`${posix.join(posix.dirname(file), target!)}.ts`);
    }
  }
  return [...entries].sort();
}

function setupThreadUrls(builder: esbuild.PluginBuild): void {
  builder.onLoad({ filter: /[\\/](cli|daemon)[\\/].*\.ts$/ }, ({ path }) => {
    const text = readFileSync(path, "utf8");
    if (!text.includes("import.meta.url")) return undefined;
    const folder = relative(root, dirname(path)).replaceAll("\\", "/");
    const contents = text.replace(threadUrl, (_, target: string) => {
      return `new URL("${outMark}/${posix.join(folder, target)}.js", import.meta.url)`;
    });
    if (/import\.meta\.url(?!\))/.test(contents)) throw new Error(`${path}: import.meta.url moves when bundled`);
    return { contents, loader: "ts" };
  });
}

function currentCommit(): string {
  try {
    return execFileSync("git", ["rev-parse", "HEAD"], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "unknown"; // a source archive
  }
}
