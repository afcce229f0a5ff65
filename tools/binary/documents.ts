/** What a bundle adds to the executable, made when the executable is. Hides where each comes from. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Metafile } from "esbuild";
import { type Origin, root } from "../emit.ts";
import { partsOf, renderCycloneDx, renderLicences, renderSpdx } from "../sbom.ts";
import { renderDocument } from "./html.ts";

/** By their names in a bundle. */
export function bundledFiles(metafile: Metafile, origin: Origin, arch: string): ReadonlyMap<string, string> {
  const parts = partsOf(metafile, arch);
  const read = (file: string): string => readFileSync(join(root, file), "utf8");
  const pages = ["README.md", "CHANGELOG.md", ...globSync("docs/**/*.md", { cwd: root })].toSorted().map((file) => {
    const text = read(file);
    const name = file
      .replace(/^docs\//, "")
      .replaceAll("/", "-")
      .replace(/\.md$/, ".html")
      .replace(/^README/, "index");
    return [`docs/${name}`, renderDocument(text, /^# (.*)/m.exec(text)?.[1] ?? name)] as const;
  });
  return new Map([
    ["config.example.yaml", read("config.example.yaml")],
    ["prices.json", read("providers/catalog/data.json")],
    ["bifrost.1", read("docs/bifrost.1")],
    ["LICENSE", read("LICENSE")],
    ["licences.txt", renderLicences(parts)],
    ["sbom.cdx.json", renderCycloneDx(parts, origin)],
    ["sbom.spdx.json", renderSpdx(parts, origin)],
    ...pages,
  ]);
}
