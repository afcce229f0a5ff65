/** What a bundle says about itself, and which of two is the later. Hides the checks of a text that came from elsewhere. */

export type Manifest = {
  readonly format: 1;
  readonly version: string;
  readonly commit: string;
  /** Seconds since 1970. */
  readonly committedAt: number;
  readonly platform: string;
  readonly catalogDate: string;
  /** Of the executable, unpacked. */
  readonly binary: { readonly bytes: number; readonly sha256: string };
  /** Names of the migrations the executable knows, oldest first. */
  readonly migrations: { readonly state: readonly string[]; readonly traffic: readonly string[] };
};

export const binaryBytesMax = 400_000_000;

export function parseManifest(text: string): Manifest {
  const value = JSON.parse(text) as Manifest;
  const { version, commit, committedAt, platform, catalogDate, binary, migrations } = value;
  const isName = (each: unknown): boolean => typeof each === "string" && /^[\w-]{1,100}$/.test(each);
  const good =
    value.format === 1 &&
    /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/.test(version) &&
    /^[0-9a-f]{40}$|^unknown$/.test(commit) &&
    Number.isSafeInteger(committedAt) &&
    /^[a-z0-9]+-[a-z0-9]+$/.test(platform) &&
    /^\d{4}-\d\d-\d\d$/.test(catalogDate) &&
    /^[0-9a-f]{64}$/.test(binary.sha256) &&
    Number.isSafeInteger(binary.bytes) &&
    binary.bytes <= binaryBytesMax &&
    [migrations.state, migrations.traffic].every((names) => Array.isArray(names) && names.every(isName));
  if (!good) throw new Error("the manifest is of another format; a later bifrost may read it");
  return value;
}

/** The folder it is installed in: one for each build. */
export function releaseId({ version, commit, binary }: Manifest): string {
  return `${version}-${commit.slice(0, 8)}-${binary.sha256.slice(0, 8)}`;
}

/** Negative: `a` is older than `b`. By version, then by the commit's time. */
export function compareReleases(a: Manifest, b: Manifest): number {
  return compareVersions(a.version, b.version) || Math.sign(a.committedAt - b.committedAt);
}

/** As semantic versioning orders them: a pre-release comes before its release. */
export function compareVersions(a: string, b: string): number {
  const [[aCore = "", ...aPre], [bCore = "", ...bPre]] = [a.split("-"), b.split("-")];
  const byCore = compareParts(aCore.split("."), bCore.split("."));
  if (byCore !== 0) return byCore;
  const [aTail, bTail] = [aPre.join("-"), bPre.join("-")];
  if (aTail === "" || bTail === "") return aTail === bTail ? 0 : aTail === "" ? 1 : -1;
  return compareParts(aTail.split("."), bTail.split("."));
}

function compareParts(a: readonly string[], b: readonly string[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const [mine, other] = [a[index], b[index]];
    if (mine === undefined || other === undefined) return mine === undefined ? -1 : 1;
    if (mine === other) continue;
    const [isNumber, otherIsNumber] = [/^\d+$/.test(mine), /^\d+$/.test(other)];
    if (isNumber && otherIsNumber) return Math.sign(Number(mine) - Number(other));
    if (isNumber !== otherIsNumber) return isNumber ? -1 : 1;
    return mine < other ? -1 : 1;
  }
  return 0;
}
