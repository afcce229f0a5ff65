/**
 * `npm run sbom`: the parts of the program as CycloneDX. `-- --spdx`: as SPDX. `-- --against <ref>`: what was added,
 * removed or changed since that commit, in words for a reviewer.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { currentOrigin, emit, root } from "./emit.ts";
import { partsOf, renderCycloneDx, renderSpdx } from "./sbom.ts";

type Locked = {
  /** Of an alias: what the package is really called. */
  readonly name?: string;
  readonly version?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
};
export type Lock = { readonly packages: Readonly<Record<string, Locked>> };

/** One line a difference, sorted; those that run a script at install say so. */
export function compareLocks(before: Lock, after: Lock): readonly string[] {
  const lines: string[] = [];
  const names = new Set([...Object.keys(before.packages), ...Object.keys(after.packages)]);
  for (const name of [...names].filter((each) => each !== "").toSorted()) {
    const [was, is] = [before.packages[name], after.packages[name]];
    const kind = (is ?? was)?.dev ? " (development)" : "";
    const script = is?.hasInstallScript && !was?.hasInstallScript ? " RUNS A SCRIPT AT INSTALL" : "";
    const short = name.replace(/^node_modules\//, "");
    if (was === undefined) lines.push(`+ ${short} ${is!.version}${kind}${script}`);
    else if (is === undefined) lines.push(`- ${short} ${was.version}${kind}`);
    else if (was.version !== is.version) lines.push(`~ ${short} ${was.version} → ${is.version}${kind}${script}`);
    else if (was.integrity !== is.integrity)
      lines.push(`! ${short} ${is.version}: the same version, other content${kind}`);
  }
  return lines;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { against: { type: "string" }, spdx: { type: "boolean" } } });
  if (values.against !== undefined) {
    const text = execFileSync("git", ["show", `${values.against}:package-lock.json`], {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 1e8,
    });
    const lines = compareLocks(
      JSON.parse(text) as Lock,
      JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock,
    );
    console.log(lines.length === 0 ? "no differences" : lines.join("\n"));
  } else {
    const origin = currentOrigin();
    const { metafile } = await emit({
      version: origin.version,
      commit: origin.commit,
      versionLine: "",
      form: "binary",
    });
    const parts = partsOf(metafile, process.arch);
    process.stdout.write((values.spdx ? renderSpdx : renderCycloneDx)(parts, origin));
  }
}
