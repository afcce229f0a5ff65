/**
 * The sources as JavaScript, dependencies included, as files in memory. Hides where the code of threads comes to lie:
 * `new URL("./x.ts", import.meta.url)` is found in the sources, made a program of its own, and made to point to it from
 * whichever chunk it ends up in.
 */
import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, posix, relative, resolve } from "node:path";
import * as esbuild from "esbuild";
import { type Chunks, joinLoaded } from "./emit-joined.ts";

export type Emitted = { readonly files: ReadonlyMap<string, string>; readonly metafile: esbuild.Metafile };

export type EmitOptions = {
  readonly version: string;
  readonly commit: string;
  /** What `--version` prints. */
  readonly versionLine: string;
  /** `files`: modules with the native driver beside them. `binary`: threads are started from the executable's own code. */
  readonly form: "files" | "binary";
  /** Sources that stand in for those of the same path. */
  readonly overlay?: Readonly<Record<string, string>> | undefined;
};

export const root = resolve(import.meta.dirname, "..");

const written = {
  format: "esm",
  platform: "node",
  target: "node24",
  // Light: whitespace and dead branches go, names stay, so that a stack trace can be read.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "none",
} as const;
/** An uncaught error prints the line it was thrown on. Only at the end: such lines end in the middle of a word if need be. */
const lineLimit = 160;

/** A place in the text of an output file, replaced by the way from that file to the root of the output. */
const outMark = "__way_to_dist__";
/** A default, all or some names: as esbuild writes it, at the start of a statement. */
const builtinImport =
  /(?<=^|[;}\n])import(?:\s+([\w$]+),?)?(?:\s*\*\s*as\s+([\w$]+))?(?:\s*\{([^{}"]*)\})?\s*from\s*"([^".]+)"/g;
/** CommonJS dependencies ask for builtins at run time: most by esbuild's own function, which is in one file. */
const requireLine = 'const require=globalThis.process.getBuiltinModule("module").createRequire(import.meta.url);';
/** Of a name that stands for all of the library esbuild keeps all: its messages in fifty languages. Of the library itself only what is used. */
const zodImport = /^import (type )?\{ z \} from "zod"/m;
const threadUrl = /new URL\("(\.{1,2}\/[^"]+)\.ts", import\.meta\.url\)/g;

/**
 * Large packages that more than one program may load later: each lies in a file of its own, which all of them load.
 * What is asked of a package is said here, because a CommonJS one does not tell its names.
 */
const libraries: Readonly<Record<string, string>> = {
  re2js: 'export { RE2JS } from "re2js";',
  "@marcbachmann/cel-js/evaluator": 'export { Duration, Environment } from "@marcbachmann/cel-js/evaluator";',
  ws: 'export { WebSocket, WebSocketServer } from "ws";',
  yaml: 'export { isAlias, isMap, isScalar, isSeq, LineCounter, parse, parseDocument, stringify, visit } from "yaml";',
  "@smithy/signature-v4": 'export { SignatureV4 } from "@smithy/signature-v4";',
};

/**
 * What is built by itself: each thread, and of the main thread what the command line is, and what it reaches of the
 * daemon. They share no objects, so each gets of a module what it uses. `first` is loaded before all else that the
 * entry loads lazily.
 */
const programs: readonly { readonly entry: string; readonly first?: string }[] = [
  { entry: "cli/main.ts", first: "cli/program.ts" },
  { entry: "daemon/main.ts", first: "daemon/runtime/daemon.ts" },
  ...threadEntries().map((entry) => ({ entry })),
  ...Object.keys(libraries).map((name) => ({ entry: `library:${name}` })),
];

/** Names are relative to the output's root: `cli/main.js`. */
export async function emit(options: EmitOptions): Promise<Emitted> {
  const built = await Promise.all(programs.map((program) => build(program, options)));
  const files = built
    .flatMap(({ chunks }) => [...chunks])
    .map(([name, { text }]) => {
      const way = relative(dirname(name), ".").replaceAll("\\", "/") || ".";
      return [name, text.replaceAll(outMark, way)] as const;
    });
  const metafile = {
    inputs: Object.assign({}, ...built.map(({ metafile }) => metafile.inputs)),
    outputs: Object.assign({}, ...built.map(({ metafile }) => metafile.outputs)),
  };
  const sorted = files.toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (options.form === "binary") return { files: new Map(sorted), metafile };
  const lines = await Promise.all(
    sorted.map(async ([name, text]) => {
      const { code } = await esbuild.transform(withRequire(withBuiltinsByHand(text)), { ...written, lineLimit });
      return [name, code] as const;
    }),
  );
  return { files: new Map(lines), metafile };
}

async function build(
  { entry, first }: (typeof programs)[number],
  options: EmitOptions,
): Promise<{ readonly chunks: Chunks; readonly metafile: esbuild.Metafile }> {
  const result = await esbuild.build({
    ...written,
    absWorkingDir: root,
    entryPoints: [{ in: entry, out: outputOf(entry).replace(/\.js$/, "") }],
    outdir: join(root, "dist"),
    outbase: root,
    // Nobody here reads a stack trace into a library.
    minifyIdentifiers: entry.startsWith("library:"),
    chunkNames: `chunks/${outputOf(entry).replace(/\.js$/, "").replaceAll("/", "-")}/[name]-[hash]`,
    bundle: true,
    splitting: true,
    // Ink's own development asks for its devtools, which nobody has installed.
    external: options.form === "files" ? ["react-devtools-core"] : [],
    define: {
      __BIFROST_VERSION__: JSON.stringify(options.version),
      __BIFROST_COMMIT__: JSON.stringify(options.commit),
      __BIFROST_VERSION_LINE__: JSON.stringify(options.versionLine),
      "process.env.NODE_ENV": '"production"',
      "process.env.DEV": '"false"',
    },
    plugins: [
      { name: "programs", setup: (builder) => setupPrograms(builder, entry) },
      { name: "libraries", setup: setupLibraries },
      { name: "client", setup: setupClient },
      { name: "grpc", setup: setupGrpc },
      { name: "sources", setup: (builder) => setupSources(builder, options) },
      ...(options.form === "binary"
        ? [{ name: "terminal", setup: setupTerminal }]
        : [{ name: "driver", setup: setupDriver }]),
    ],
    write: false,
    metafile: true,
    logLevel: "warning",
    logOverride: { "assign-to-define": "silent" }, // the terminal sets what the build has fixed
  });
  const nameOf = (path: string): string => posix.relative("dist", path);
  const outputs = new Map(Object.entries(result.metafile.outputs).map(([path, output]) => [nameOf(path), output]));
  const files = result.outputFiles.map(
    ({ path, text }) => [relative(join(root, "dist"), path).replaceAll("\\", "/"), text] as const,
  );
  const chunks: Chunks = new Map(
    withNames(files).map(([name, text]) => {
      const { exports, imports } = outputs.get(name)!;
      const inside = imports.filter(({ external }) => external !== true);
      return [
        name,
        {
          text,
          exports,
          imports: inside.map((each) => ({ path: nameOf(each.path), isLazy: each.kind === "dynamic-import" })),
        },
      ];
    }),
  );
  const main = outputOf(entry);
  const joined = await joinLoaded(chunks, main, new Set(), written);
  if (first === undefined) return { chunks: joined, metafile: result.metafile };
  const [leader] = [...outputs].find(([, { entryPoint }]) => entryPoint === first)!;
  return { chunks: await joinLoaded(joined, leader, new Set([main]), written), metafile: result.metafile };
}

function outputOf(entry: string): string {
  const [, library] = /^library:(.*)/.exec(entry) ?? [];
  return library === undefined ? entry.replace(/\.ts$/, ".js") : `libraries/${library.split("/").at(-1)}.js`;
}

/** Our own code asks for the file of a library; packages among themselves keep what they were made with. */
function setupLibraries(builder: esbuild.PluginBuild): void {
  builder.onResolve({ filter: /^library:/ }, ({ path }) => ({
    path: path.slice("library:".length),
    namespace: "library",
  }));
  builder.onLoad({ filter: /.*/, namespace: "library" }, ({ path }) => ({
    contents: libraries[path]!,
    resolveDir: root,
  }));
  builder.onResolve({ filter: /^[^.]/ }, ({ path, importer, namespace }) => {
    if (!(path in libraries) || namespace !== "file" || /[\\/]node_modules[\\/]/.test(importer)) return undefined;
    return { path: `${outMark}/${outputOf(`library:${path}`)}`, external: true };
  });
}

/** What another program is of is asked for under its name. */
function setupPrograms(builder: esbuild.PluginBuild, own: string): void {
  const others = new Set(programs.map(({ entry }) => entry).filter((entry) => entry !== own));
  builder.onResolve({ filter: /^\.{1,2}\/.*\.ts$/ }, ({ path, kind, resolveDir }) => {
    if (kind !== "dynamic-import") return undefined;
    const name = relative(root, resolve(resolveDir, path)).replaceAll("\\", "/");
    return others.has(name) ? { path: `${outMark}/${name.replace(/\.ts$/, ".js")}`, external: true } : undefined;
  });
}

/**
 * A CommonJS package that is imported lazily has its names when Node imports it; esbuild gives such a chunk a default
 * export and no more. So whoever imports it gets an object that has both.
 */
function withNames(files: readonly (readonly [name: string, text: string])[]): readonly (readonly [string, string])[] {
  const nameless = new Set(
    files.filter(([, text]) => /export default require_\w+\(\);\s*$/.test(text)).map(([name]) => name),
  );
  return files.map(([name, text]) => [
    name,
    text.replace(/\bimport\("(\.{1,2}\/[^"]+\.js)"\)/g, (whole, target: string) =>
      nameless.has(posix.join(posix.dirname(name), target))
        ? `${whole}.then(m=>Object.assign(Object.create(m.default),{default:m.default}))`
        : whole,
    ),
  ]);
}

function withRequire(text: string): string {
  if (!/(?<![\w.$])require(?![\w$:])/.test(text)) return text;
  return text.replace(/^(#!.*\n)?/, (first) => `${first}${requireLine}\n`);
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

function setupSources(builder: esbuild.PluginBuild, { form, overlay = {} }: EmitOptions): void {
  builder.onLoad({ filter: /[\\/](cli|daemon|providers)[\\/].*\.ts$/ }, ({ path }) => {
    const name = relative(root, path).replaceAll("\\", "/");
    if (name.startsWith("node_modules")) return undefined;
    const text = overlay[name] ?? readFileSync(path, "utf8");
    if (!text.includes("import.meta.url") && !zodImport.test(text) && !(name in overlay)) return undefined;
    const folder = posix.dirname(name);
    const contents = text.replace(zodImport, `import $1* as z from "zod"`).replace(threadUrl, (_, target: string) => {
      const entry = `${posix.join(folder, target)}.js`;
      return form === "binary" ? `__thread("${entry}")` : `new URL("${outMark}/${entry}", import.meta.url)`;
    });
    if (/import\.meta\.url(?!\))/.test(contents)) throw new Error(`${path}: import.meta.url moves when bundled`);
    return { contents, loader: "ts" };
  });
}

/**
 * The native driver's files are CommonJS: beside the bundle they are ten more to be looked for in each thread. All come
 * into it but the one that knows where the addon lies.
 */
function setupDriver(builder: esbuild.PluginBuild): void {
  builder.onLoad({ filter: /better-sqlite3[\\/]lib[\\/]binding\.js$/ }, () => ({
    contents: `const { dirname, join } = require("node:path");
    const file = () => join(dirname(require.resolve("better-sqlite3/package.json")), "lib/binding.js");
    exports.getBinding = (native) => require(file()).getBinding(native);`,
  }));
}

/**
 * The HTTP client is in more than one program and the largest part of each: its names are shortened as a library's are.
 * Its parsers for a WebAssembly without SIMD stay away, which no processor that Node runs on here has.
 */
function setupClient(builder: esbuild.PluginBuild): void {
  builder.onLoad({ filter: /undici[\\/]lib[\\/](llhttp[\\/]llhttp-wasm|milo[\\/]no-simd)\.js$/ }, () => ({
    contents: 'throw new Error("this processor has no SIMD for WebAssembly");',
  }));
  builder.onLoad({ filter: /node_modules[\\/]undici[\\/].*\.js$/ }, async ({ path }) => {
    const text = readFileSync(path, "utf8");
    const { code } = await esbuild.transform(text, { ...written, format: "cjs", minifyIdentifiers: true });
    return { contents: code };
  });
}

/** The exporter over gRPC makes a `require` of its own, through which no bundler sees: where no packages lie it found none. */
function setupGrpc(builder: esbuild.PluginBuild): void {
  builder.onLoad(
    { filter: /otlp-grpc-exporter-base[\\/]dist[\\/](grpc-exporter-transport|otlp-grpc-export-delegate)\.mjs$/ },
    ({ path }) => {
      const asked = '__require("@grpc/grpc-js")';
      const text = readFileSync(path, "utf8");
      if (!text.includes(asked)) throw new Error(`${path}: ${asked} is not there any more`);
      return { contents: `import * as grpcJs from "@grpc/grpc-js";\n${text.replaceAll(asked, "grpcJs")}` };
    },
  );
}

/**
 * An import of a builtin makes node read all of its properties, and some of them load what nobody asked for: a whole
 * HTTP client, web cryptography, `fs.promises`. Asked for by hand, a builtin is only what is used of it.
 */
function withBuiltinsByHand(text: string): string {
  return text.replace(builtinImport, (whole, self: string | undefined, space: string | undefined, names, from) => {
    if (!isBuiltin(from)) return whole;
    const module = `globalThis.process.getBuiltinModule("${from}")`;
    const parts = [
      ...(self === undefined ? [] : [`${self}=${module}`]),
      ...(space === undefined ? [] : [`${space}=${module}`]),
      ...(names === undefined ? [] : [`{${names.replaceAll(/\s+as\s+/g, ":")}}=${self ?? module}`]),
    ];
    return `const ${parts.join(",")}`;
  });
}

/**
 * The executable's modules are CommonJS, which knows no top-level await. The layout engine's is taken by the loader,
 * which asks for `__yogaReady` before it gives out what was imported lazily; its constants are there at once. Ink's two
 * are for its own development.
 */
function setupTerminal(builder: esbuild.PluginBuild): void {
  builder.onLoad({ filter: /yoga-layout[\\/]dist[\\/]src[\\/]index\.js$/ }, ({ path }) => ({
    loader: "js",
    contents: edit(path, [
      [
        "const Yoga = wrapAssembly(await loadYoga());",
        `import * as enums from "./generated/YGEnums.js"; let real = enums.default ?? enums;
        globalThis.__yogaReady = async () => { real = wrapAssembly(await loadYoga()); globalThis.__yogaReady = undefined; };
        const Yoga = new Proxy({}, { get: (_, name) => real[name] });`,
      ],
    ]),
  }));
  builder.onLoad({ filter: /ink[\\/]build[\\/]reconciler\.js$/ }, ({ path }) => ({
    loader: "js",
    contents: edit(path, [
      ["await import('./devtools.js');", ""],
      ["await loadPackageJson()", "{}"],
    ]),
  }));
}

function edit(path: string, changes: readonly (readonly [from: string, to: string])[]): string {
  return changes.reduce(
    (text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`${path}: ${JSON.stringify(from)} is not there any more`);
      return text.replace(from, to);
    },
    readFileSync(path, "utf8"),
  );
}

/** What a build is called, and from what it was made. */
export type Origin = {
  readonly version: string;
  readonly commit: string;
  /** Seconds since 1970. */
  readonly committedAt: number;
  /** Day of the built-in price table. */
  readonly catalogDate: string;
};

export function currentOrigin(): Origin {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const date = /"date": "([\d-]+)"/.exec(readFileSync(join(root, "providers/catalog/data.json"), "utf8"))?.[1];
  return {
    version,
    commit: git("rev-parse", "HEAD") ?? "unknown", // a source archive
    committedAt: Number(git("log", "-1", "--format=%ct") ?? 0),
    catalogDate: date ?? "unknown",
  };
}

export function versionLineOf({ version, commit, catalogDate }: Origin, node: string): string {
  return `${version} commit ${commit.slice(0, 12)} node ${node} catalog ${catalogDate}`;
}

function git(...args: readonly string[]): string | undefined {
  try {
    return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined;
  }
}
