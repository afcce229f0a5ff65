/**
 * Makes one file of those that are always loaded together. A bundler that splits gives a file to every set of modules
 * that some lazy import shares with the entry, though the entry has loaded them all by then; a thread would look for
 * forty. Hides how the lazy ones find in the joined file what they shared.
 */
import { posix } from "node:path";
import * as esbuild from "esbuild";

/** An output of esbuild: its text, and what its metafile says of it. */
export type Chunk = {
  readonly text: string;
  readonly exports: readonly string[];
  readonly imports: readonly { readonly path: string; readonly isLazy: boolean }[];
};
export type Chunks = ReadonlyMap<string, Chunk>;

/** A name as esbuild writes it in its imports and exports: `a`, `a as b`. */
const importFrom = /(?<=^|[;}\n])import\s*(?:\{([^{}"]*)\}\s*from\s*)?"(\.[^"]+)"/g;

/** All files that are loaded with this one. */
export function loadedWith(chunks: Chunks, name: string, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found;
  found.add(name);
  for (const { path, isLazy } of chunks.get(name)?.imports ?? []) if (!isLazy) loadedWith(chunks, path, found);
  return found;
}

/** `before`: what is loaded already whenever `leader` is. `options`: how the text is to be written. */
export async function joinLoaded(
  chunks: Chunks,
  leader: string,
  before: ReadonlySet<string>,
  options: esbuild.BuildOptions,
): Promise<Chunks> {
  const members = [...loadedWith(chunks, leader)].filter((name) => !before.has(name));
  if (members.length < 2) return chunks;
  const outlet = createOutlet(members, leader);
  const others = new Map<string, Chunk>();
  for (const [name, chunk] of chunks) if (!outlet.has(name)) others.set(name, pointed(name, chunk, leader, outlet));
  const lazy = new Set(
    [...chunks.values()].flatMap(({ imports }) => imports.filter(({ isLazy }) => isLazy).map(({ path }) => path)),
  );
  // One that is also imported lazily is still found under its name.
  for (const member of members) {
    if (member === leader || !lazy.has(member)) continue;
    const { exports } = chunks.get(member)!;
    const names = exports.map((each) => `${outlet.nameOf(member, each)} as ${each}`);
    const text = `export{${names.join(",")}}from"${wayTo(member, leader)}";\n`;
    others.set(member, { text, exports, imports: [{ path: leader, isLazy: false }] });
  }
  return new Map([...others, [leader, await joined(chunks, leader, outlet, options)]]);
}

/** What the joined file exports of its members, each under a name that no other has. */
type Outlet = {
  has(member: string): boolean;
  nameOf(member: string, exported: string): string;
  lines(): readonly string[];
};

function createOutlet(members: readonly string[], leader: string): Outlet {
  const wanted = new Map(members.map((member) => [member, new Map<string, string>()]));
  return {
    has: (member) => wanted.has(member),
    nameOf(member, exported) {
      if (member === leader) return exported;
      const name = `m${members.indexOf(member)}_${exported}`;
      wanted.get(member)!.set(exported, name);
      return name;
    },
    lines: () =>
      [...wanted].map(([member, names]) => {
        const pairs = [...names].map(([exported, name]) => `${exported} as ${name}`);
        return member === leader
          ? `import "./${leader}"; export * from "./${leader}";`
          : `export { ${pairs.join(", ")} } from "./${member}";`;
      }),
  };
}

/** Imports of members become imports of the joined file. */
function pointed(name: string, chunk: Chunk, leader: string, outlet: Outlet): Chunk {
  const way = wayTo(name, leader);
  const text = chunk.text.replace(importFrom, (whole, names: string | undefined, from: string) => {
    const member = resolved(name, from);
    if (!outlet.has(member)) return whole;
    if (names === undefined) return `import"${way}"`;
    const pairs = names.split(",").map((each) => {
      const [theirs, ours] = each.trim().split(/\s+as\s+/) as [string, string?];
      return `${outlet.nameOf(member, theirs)} as ${ours ?? theirs}`;
    });
    return `import{${pairs.join(",")}}from"${way}"`;
  });
  const imports = chunk.imports.map((each) =>
    outlet.has(each.path) && !each.isLazy ? { ...each, path: leader } : each,
  );
  return { ...chunk, text, imports };
}

async function joined(chunks: Chunks, leader: string, outlet: Outlet, options: esbuild.BuildOptions): Promise<Chunk> {
  const result = await esbuild.build({
    ...options,
    stdin: { contents: outlet.lines().join("\n"), resolveDir: "/", sourcefile: "joined.js" },
    outfile: posix.basename(leader),
    bundle: true,
    treeShaking: false,
    write: false,
    metafile: true,
    plugins: [
      {
        name: "chunks",
        setup(builder) {
          builder.onResolve({ filter: /.*/ }, ({ path, importer, namespace }) => {
            if (!path.startsWith(".")) return { path, external: true };
            const name = resolved(namespace === "chunk" ? importer : "joined.js", path);
            return outlet.has(name)
              ? { path: name, namespace: "chunk" }
              : { path: wayTo(leader, name), external: true };
          });
          builder.onLoad({ filter: /.*/, namespace: "chunk" }, ({ path }) => ({
            contents: chunks.get(path)!.text,
            loader: "js",
          }));
        },
      },
    ],
  });
  const { exports } = Object.values(result.metafile!.outputs)[0]!;
  const imports = [...chunks].flatMap(([name, chunk]) =>
    outlet.has(name) ? chunk.imports.filter(({ path, isLazy }) => isLazy || !outlet.has(path)) : [],
  );
  const first = /^#!.*\n/.exec(chunks.get(leader)!.text)?.[0] ?? "";
  return { text: first + result.outputFiles![0]!.text, exports, imports };
}

function resolved(from: string, path: string): string {
  return posix.join(posix.dirname(from), path);
}

function wayTo(from: string, to: string): string {
  const way = posix.relative(posix.dirname(from), to);
  return way.startsWith(".") ? way : `./${way}`;
}
