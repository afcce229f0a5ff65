/**
 * Puts the program and Node into one executable. Hides the executable's layout: a launcher as its main, everything else
 * as assets, nothing in it that depends on the machine or the hour, so that the same sources give the same bytes.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as esbuild from "esbuild";
import { buildNote } from "../../daemon/bundle/carrier.ts";
import { currentOrigin, emit, type Origin, root, versionLineOf } from "../emit.ts";
import { bundledFiles } from "./documents.ts";
import { stripElf } from "./strip-elf.ts";

export type Arch = "x64" | "arm64";

export type MakeOptions = {
  readonly arch: Arch;
  readonly out: string;
  readonly origin?: Origin | undefined;
  /** Sources that stand in for those of the same path. */
  readonly overlay?: Readonly<Record<string, string>> | undefined;
};

export type Made = { readonly file: string; readonly bytes: number; readonly sha256: string };

const requireHere = createRequire(import.meta.url);
const cache = join(root, ".cache", "binary");
/** Node looks for this word to know whether it carries a program. */
const fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

export async function makeBinary({ arch, out, origin = currentOrigin(), overlay }: MakeOptions): Promise<Made> {
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "work-"));
  try {
    const node = nodeVersion(arch);
    const versionLine = versionLineOf(origin, node);
    const assets = await programAssets(arch, origin, versionLine, overlay);
    const [loader, launcher] = [await runtimeText("loader", versionLine), await runtimeText("launcher", versionLine)];
    assets.set("loader.js", loader);
    const id = createHash("sha256");
    for (const [name, content] of assets) id.update(`${name} ${content.length}\n`).update(content);
    assets.set("build.id", id.digest("hex").slice(0, 24));
    const blob = makeBlob(work, launcher, assets);
    const executable = join(work, "bifrost");
    writeFileSync(executable, readFileSync(strippedNode(arch)), { mode: 0o755 });
    await inject(executable, blob);
    const made = readFileSync(executable);
    renameSync(executable, out);
    return { file: out, bytes: made.length, sha256: createHash("sha256").update(made).digest("hex") };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Modules as CommonJS text, and the native part of the database driver, in a fixed order. */
async function programAssets(
  arch: Arch,
  origin: Origin,
  versionLine: string,
  overlay: MakeOptions["overlay"],
): Promise<Map<string, string | Buffer>> {
  const { version, commit } = origin;
  const { files, metafile } = await emit({ version, commit, versionLine, form: "binary", overlay });
  const assets = new Map<string, string | Buffer>();
  for (const [name, text] of files) assets.set(name, await asCommonJs(name, text, files));
  const driver = requireHere.resolve("better-sqlite3").replace(/lib[\\/]index\.js$/, `prebuilds/linux-${arch}.node`);
  assets.set("better_sqlite3.node", readFileSync(driver));
  assets.set("build.note", buildNote(origin));
  const bundled = bundledFiles(metafile, origin, arch);
  assets.set("bundle/index.json", JSON.stringify([...bundled.keys()]));
  for (const [name, text] of bundled) assets.set(`bundle/${name}`, text);
  return assets;
}

async function asCommonJs(name: string, text: string, files: ReadonlyMap<string, string>): Promise<string> {
  const { code } = await esbuild.transform(text.replace(/^#!.*/, ""), {
    format: "cjs",
    platform: "node",
    target: "node24",
    minifyWhitespace: true,
    lineLimit: 160,
    define: { "import.meta.url": "__moduleUrl", "import.meta.dirname": '""' },
    sourcefile: name,
  });
  return code.replace(/\bimport\("(\.{1,2}\/[^"]+\.js)"\)/g, (whole, target: string) => {
    const wanted = join(name, "..", target);
    return files.has(wanted) ? `__import("${target}")` : whole;
  });
}

async function runtimeText(name: "loader" | "launcher", versionLine: string): Promise<string> {
  const result = await esbuild.build({
    absWorkingDir: root,
    entryPoints: [`cli/binary/${name}.ts`],
    bundle: true,
    format: "iife",
    platform: "node",
    target: "node24",
    minify: true,
    write: false,
    define: { __BIFROST_VERSION_LINE__: JSON.stringify(versionLine) },
    ...(name === "loader" ? { globalName: "__bifrostLoader" } : {}),
  });
  return result.outputFiles[0]!.text;
}

function makeBlob(work: string, launcher: string, assets: ReadonlyMap<string, string | Buffer>): Buffer {
  const files: Record<string, string> = {};
  let number = 0;
  for (const [name, content] of assets) {
    files[name] = join(work, `asset-${number++}`);
    writeFileSync(files[name]!, content);
  }
  // Node keeps the name of the main in the blob, so it must be the same in every folder.
  writeFileSync(join(work, "launcher.js"), launcher);
  writeFileSync(
    join(work, "sea.json"),
    JSON.stringify({
      main: "launcher.js",
      output: "blob",
      disableExperimentalSEAWarning: true,
      useCodeCache: false, // differs from build to build; the loader keeps its own
      execArgvExtension: "none", // NODE_OPTIONS of whoever starts it must not reach in
      assets: files,
    }),
  );
  const said = spawnSync(process.execPath, ["--experimental-sea-config", "sea.json"], { cwd: work, encoding: "utf8" });
  if (said.status !== 0) throw new Error(`node made no blob: ${said.stderr}`);
  return readFileSync(join(work, "blob"));
}

async function inject(executable: string, blob: Buffer): Promise<void> {
  const pkg = createRequire(requireHere.resolve("@yao-pkg/pkg/package.json"));
  const { warn } = console;
  console.warn = () => undefined; // it misses a name among the sections that were stripped, which nobody reads
  try {
    const { inject: put } = pkg("postject") as {
      inject(file: string, name: string, data: Buffer, options: object): Promise<void>;
    };
    await put(executable, "NODE_SEA_BLOB", blob, { sentinelFuse: fuse });
  } finally {
    console.warn = warn;
  }
}

function nodeVersion(arch: Arch): string {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    optionalDependencies: Record<string, string>;
  };
  return manifest.optionalDependencies[`node-linux-${arch}`]!;
}

/** Without symbols, once for each version of Node. */
export function strippedNode(arch: Arch): string {
  const kept = join(cache, `node-${nodeVersion(arch)}-${arch}`);
  if (!existsSync(kept)) {
    const part = `${kept}.${process.pid}`;
    writeFileSync(part, stripElf(readFileSync(wholeNode(arch))), { mode: 0o755 });
    renameSync(part, kept);
  }
  return kept;
}

/** From node_modules; that of another architecture comes from the registry, held to the lockfile's hash. */
function wholeNode(arch: Arch): string {
  const name = `node-linux-${arch}`;
  const installed = join(root, "node_modules", name, "bin", "node");
  if (existsSync(installed)) return installed;
  const folder = join(cache, `${name}-${nodeVersion(arch)}`);
  const unpacked = join(folder, "package", "bin", "node");
  if (existsSync(unpacked)) return unpacked;
  mkdirSync(folder, { recursive: true });
  execFileSync("npm", ["pack", "--silent", `${name}@${nodeVersion(arch)}`, "--pack-destination", folder], {
    stdio: "ignore",
  });
  const archive = join(folder, `${name}-${nodeVersion(arch)}.tgz`);
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { integrity?: string }>;
  };
  const wanted = lock.packages[`node_modules/${name}`]?.integrity;
  const found = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (found !== wanted) throw new Error(`${name}: the registry gave ${found}, the lockfile has ${wanted}`);
  execFileSync("tar", ["-xzf", archive, "-C", folder, "package/bin/node"]);
  rmSync(archive);
  return unpacked;
}
