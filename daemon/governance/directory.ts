/**
 * What every worker must know of owners and limits besides their numbers: which owner forbids what, which limit counts
 * which calls. One text in shared memory, replaced as a whole. Hides that it stands there twice, so that a reader never
 * sees half of one.
 */
import type { LimitMatch, ScopeAttributes, ScopeDefinition } from "./definitions.ts";
import { controlWord, directoryBytesMax, type Tables } from "./tables.ts";

/** What an owner forbids to all that is below it. */
export type OwnerRules = Pick<ScopeAttributes, "models" | "blocked" | "disabled"> & { readonly label: string };

export type LimitRule = LimitMatch & {
  readonly scope: number;
  /** The owner whose calls it counts; 0: everybody's. */
  readonly owner: number;
};

/** How requests name whom they are for; absent: nothing is counted for such names. */
export type NamesOfRequests = {
  readonly end_user?: { readonly header: string; readonly required: boolean };
  readonly tag?: { readonly header: string; readonly required: boolean };
};

export type Directory = {
  readonly names?: NamesOfRequests;
  readonly owners: Readonly<Record<string, OwnerRules>>;
  readonly limits: readonly LimitRule[];
};

export type DirectoryWriter = {
  /** From now on these scopes have these rules, or none; others keep theirs. Visible to every thread when it returns. */
  put(scopes: readonly ScopeDefinition[], removed?: readonly number[]): void;
  /** How the config has them named; a kind that scopes exist of is looked for in its usual place without. */
  name(names: NamesOfRequests): void;
};

export type DirectoryReader = {
  /** Differs after each change. */
  version(): number;
  read(): Directory;
};

const usual = {
  end_user: { header: "x-bifrost-end-user", required: false },
  tag: { header: "x-bifrost-tags", required: false },
} as const;
const nothing: Directory = { owners: {}, limits: [] };

/** Main thread only. */
export function createDirectoryWriter({ control, directory }: Tables): DirectoryWriter {
  const owners = new Map<number, OwnerRules>();
  const limits = new Map<number, LimitRule>();
  let said: NamesOfRequests = {};
  const met = { end_user: false, tag: false };

  /** A start says it right after it has put what there is: ten thousand owners need not be written twice. */
  function name(names: NamesOfRequests): void {
    if (JSON.stringify(names) === JSON.stringify(said)) return;
    said = names;
    publish();
  }

  function put(scopes: readonly ScopeDefinition[], removed: readonly number[] = []): void {
    for (const id of removed) forget(id);
    for (const scope of scopes) take(scope);
    publish();
  }

  function forget(id: number): void {
    owners.delete(id);
    limits.delete(id);
  }

  function take(scope: ScopeDefinition): void {
    forget(scope.id);
    if (scope.kind === "key" || scope.kind === "provider_config") return;
    if (scope.kind === "end_user" || scope.kind === "tag") met[scope.kind] = true;
    const { models, blocked, disabled, match } = scope.attributes ?? {};
    if (match !== undefined) limits.set(scope.id, { scope: scope.id, owner: scope.parentId ?? 0, ...match });
    if (models === undefined && blocked === undefined && !disabled) return;
    const label = `${scope.kind.replace("_", " ")} "${scope.name}"`;
    owners.set(scope.id, { models, blocked, disabled, label });
  }

  /** Also without rules: a worker that remembers what does not exist looks again. */
  function publish(): void {
    const names: NamesOfRequests = {
      ...(met.end_user ? { end_user: usual.end_user } : {}),
      ...(met.tag ? { tag: usual.tag } : {}),
      ...said,
    };
    const value: Directory = {
      ...(Object.keys(names).length === 0 ? {} : { names }),
      owners: Object.fromEntries(owners),
      limits: [...limits.values()],
    };
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    if (bytes.length > directoryBytesMax) throw new RangeError("no room for more limits and owners with rules");
    const version = (Atomics.load(control, controlWord.directoryVersion) + 1) | 0;
    directory.set(bytes, (version & 1) * directoryBytesMax);
    Atomics.store(control, controlWord.directoryBytes + (version & 1), bytes.length);
    Atomics.store(control, controlWord.directoryVersion, version);
  }

  return { put, name };
}

export function createDirectoryReader({ control, directory }: Tables): DirectoryReader {
  let seen = 0;
  let value = nothing;

  function read(): Directory {
    for (;;) {
      const version = Atomics.load(control, controlWord.directoryVersion);
      if (version === seen) return value;
      const start = (version & 1) * directoryBytesMax;
      const length = Atomics.load(control, controlWord.directoryBytes + (version & 1));
      const bytes = directory.slice(start, start + length);
      // A copy is written over only after the next has been published.
      if (Atomics.add(control, controlWord.directoryVersion, 0) !== version) continue;
      value = JSON.parse(new TextDecoder().decode(bytes)) as Directory;
      seen = version;
    }
  }

  return { version: () => Atomics.load(control, controlWord.directoryVersion), read };
}
