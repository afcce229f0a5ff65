/** The parts of the program, in both usual forms. Hides the lockfile, and that a part is what esbuild took, not what npm installed. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Metafile } from "esbuild";
import { type Origin, root } from "./emit.ts";

export type Part = {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** `sha512-…` of the lockfile. */
  readonly integrity: string | undefined;
  readonly folder: string;
};

type LockPackage = { readonly version?: string; readonly integrity?: string; readonly license?: string };

/** Packages of which some code is in the program, Node, and the database driver; by name. */
export function partsOf(metafile: Metafile, arch: string): readonly Part[] {
  const folders = new Set<string>();
  for (const output of Object.values(metafile.outputs))
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
      if (found !== undefined && bytesInOutput > 0) folders.add(found);
    }
  folders.add("node_modules/better-sqlite3");
  folders.add(`node_modules/node-linux-${arch}`);
  const lock = readLock();
  // npm puts the same version in several folders where the tree asks for it.
  const byName = new Map(
    [...folders]
      .toSorted()
      .map((folder) => partAt(folder, lock))
      .map((part) => [nameOf(part), part]),
  );
  return [...byName.values()].toSorted((a, b) => order(nameOf(a), nameOf(b)));
}

function nameOf({ name, version }: Part): string {
  return `${name}@${version}`;
}

function partAt(folder: string, lock: Readonly<Record<string, LockPackage>>): Part {
  const locked = lock[folder] ?? {};
  const file = join(root, folder, "package.json");
  const manifest = existsSync(file)
    ? (JSON.parse(readFileSync(file, "utf8")) as { version?: string; license?: string | { type: string } })
    : {};
  const said = manifest.license ?? locked.license;
  const isNode = /node-linux-\w+$/.test(folder);
  return {
    name: folder.split("node_modules/").at(-1)!,
    version: locked.version ?? manifest.version ?? "unknown",
    licence: typeof said === "object" ? said.type : (said ?? (isNode ? "MIT" : "NOASSERTION")),
    integrity: locked.integrity,
    folder,
  };
}

function readLock(): Readonly<Record<string, LockPackage>> {
  return (
    JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as { packages: Record<string, LockPackage> }
  ).packages;
}

export function renderCycloneDx(parts: readonly Part[], origin: Origin): string {
  const own = `pkg:npm/bifrost@${origin.version}`;
  return text({
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(`${origin.commit}${JSON.stringify(parts)}`)}`,
    version: 1,
    metadata: {
      timestamp: dateOf(origin),
      component: {
        type: "application",
        "bom-ref": own,
        name: "bifrost",
        version: origin.version,
        purl: own,
        licenses: [{ license: { id: "Apache-2.0" } }],
      },
    },
    components: parts.map((part) => ({
      type: "library",
      "bom-ref": purl(part),
      name: part.name,
      version: part.version,
      purl: purl(part),
      licenses: [/[ ()]/.test(part.licence) ? { expression: part.licence } : { license: { id: part.licence } }],
      ...(part.integrity === undefined ? {} : { hashes: [{ alg: "SHA-512", content: hexOf(part.integrity) }] }),
    })),
    dependencies: [{ ref: own, dependsOn: parts.map(purl) }],
  });
}

export function renderSpdx(parts: readonly Part[], origin: Origin): string {
  const packages = [
    { name: "bifrost", version: origin.version, licence: "Apache-2.0", integrity: undefined, folder: "" },
    ...parts,
  ].map((part) => ({
    SPDXID: idOf(part),
    name: part.name,
    versionInfo: part.version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseConcluded: "NOASSERTION",
    licenseDeclared: part.licence,
    copyrightText: "NOASSERTION",
    externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl(part) }],
    ...(part.integrity === undefined
      ? {}
      : { checksums: [{ algorithm: "SHA512", checksumValue: hexOf(part.integrity) }] }),
  }));
  const own = packages[0]!.SPDXID;
  return text({
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `bifrost-${origin.version}`,
    documentNamespace: `https://bifrost.invalid/spdx/${origin.version}/${uuidOf(origin.commit + JSON.stringify(parts))}`,
    creationInfo: { created: dateOf(origin), creators: ["Tool: bifrost-build"] },
    packages,
    relationships: [
      { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: own },
      ...packages
        .slice(1)
        .map(({ SPDXID }) => ({ spdxElementId: own, relationshipType: "CONTAINS", relatedSpdxElement: SPDXID })),
    ],
  });
}

/** Every part with the text of its licence. */
export function renderLicences(parts: readonly Part[]): string {
  const texts = parts.map(({ name, version, licence, folder }) => {
    const place = join(root, folder);
    const files = existsSync(place)
      ? readdirSync(place)
          .filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
          .toSorted()
      : [];
    const words = files.map((file) => readFileSync(join(place, file), "utf8").trim()).join("\n\n");
    return `${"=".repeat(80)}\n${name} ${version}: ${licence}\n\n${words || "The package brings no text of its own."}\n`;
  });
  return `Bifrost is under the Apache License 2.0, see LICENSE. It contains:\n\n${texts.join("\n")}`;
}

function purl({ name, version }: Pick<Part, "name" | "version">): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

function idOf({ name, version }: Pick<Part, "name" | "version">): string {
  return `SPDXRef-Package-${`${name}-${version}`.replace(/[^A-Za-z0-9.-]/g, "-")}`;
}

function hexOf(integrity: string): string {
  return Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
}

function dateOf({ committedAt }: Origin): string {
  return new Date(committedAt * 1_000).toISOString().replace(/\.\d+Z$/, "Z");
}

/** The same for the same content: a build is to be repeatable. */
function uuidOf(content: string): string {
  const hex = createHash("sha256").update(content).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function text(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}
