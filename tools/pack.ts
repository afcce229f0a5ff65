/**
 * `npm run package`: the npm package, as a file. Hides that what is published is not this folder: emitted JavaScript with
 * every dependency in it, and the database driver beside it without the script that it would run at install. So
 * installing runs nothing, and fetches nothing but this one file.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { currentOrigin, emit, type Origin, root, versionLineOf } from "./emit.ts";
import { partsOf, renderCycloneDx, renderLicences, renderSpdx } from "./sbom.ts";

export type Packed = { readonly file: string; readonly manifest: Readonly<Record<string, unknown>> };

const driver = "better-sqlite3";

export async function pack(folder: string, origin: Origin = currentOrigin(), repository?: string): Promise<Packed> {
  const stage = mkdtempSync(join(tmpdir(), "bf-pack-"));
  try {
    const { version, commit } = origin;
    const node = process.versions.node;
    const { files, metafile } = await emit({
      version,
      commit,
      versionLine: versionLineOf(origin, node),
      form: "files",
    });
    for (const [name, text] of files) write(join(stage, "dist", name), text, name === "cli/main.js" ? 0o755 : 0o644);
    const parts = partsOf(metafile, "x64").filter(({ name }) => !name.startsWith("node-linux-"));
    write(join(stage, "licences.txt"), renderLicences(parts));
    write(join(stage, "sbom.cdx.json"), renderCycloneDx(parts, origin));
    write(join(stage, "sbom.spdx.json"), renderSpdx(parts, origin));
    for (const name of ["LICENSE", "README.md", "CHANGELOG.md", "config.example.yaml"])
      cpSync(join(root, name), join(stage, name));
    copyDriver(stage);
    const manifest = manifestOf(origin, repository);
    write(join(stage, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    execFileSync("npm", ["pack", "--silent", "--ignore-scripts"], { cwd: stage, stdio: "ignore" });
    const name = `bifrost-${version}.tgz`;
    mkdirSync(folder, { recursive: true });
    cpSync(join(stage, name), join(folder, `${name}.part`));
    renameSync(join(folder, `${name}.part`), join(folder, name));
    return { file: join(folder, name), manifest };
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

function manifestOf(origin: Origin, repository: string | undefined): Record<string, unknown> {
  const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly name: string;
    readonly description: string;
    readonly license: string;
    readonly dependencies: Readonly<Record<string, string>>;
    readonly repository?: unknown;
  };
  const from = repository === undefined ? own.repository : { type: "git", url: repository };
  return {
    name: own.name,
    version: origin.version,
    description: own.description,
    license: own.license,
    ...(from === undefined ? {} : { repository: from }),
    type: "module",
    bin: { bifrost: "dist/cli/main.js" },
    files: ["dist", "licences.txt", "sbom.cdx.json", "sbom.spdx.json", "config.example.yaml", "CHANGELOG.md"],
    engines: { node: ">=24" },
    dependencies: { [driver]: own.dependencies[driver] },
    bundleDependencies: [driver],
    publishConfig: { access: "public", provenance: true },
    gitHead: origin.commit,
  };
}

/** Its code and its addons for every platform; without the sources that its install script would compile. */
function copyDriver(stage: string): void {
  const from = join(root, "node_modules", driver);
  const to = join(stage, "node_modules", driver);
  for (const part of ["lib", "prebuilds", "LICENSE"]) cpSync(join(from, part), join(to, part), { recursive: true });
  const { name, version, license, main } = JSON.parse(readFileSync(join(from, "package.json"), "utf8")) as Record<
    string,
    string
  >;
  write(join(to, "package.json"), `${JSON.stringify({ name, version, license, main }, null, 2)}\n`);
}

function write(file: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { mode });
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: "string" }, repository: { type: "string" } } });
  const { file } = await pack(resolve(values.out ?? join(root, "dist-package")), currentOrigin(), values.repository);
  console.log(relative(process.cwd(), file));
}
