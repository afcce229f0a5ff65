import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { type Chunks, joinLoaded, loadedWith } from "../../tools/emit-joined.ts";

/** `entry` and `chunks/lazy` share `chunks/shared`, whose `names` is one array for both. */
const chunks = chunksOf({
  "run/entry.js": [
    'import{names,add}from"../chunks/shared.js";import{other}from"../chunks/other.js";add("entry");',
    'export{names,other};export const later=()=>import("../chunks/lazy.js"),again=()=>import("../chunks/other.js");',
  ],
  "chunks/shared.js": ["var names=[];function add(name){names.push(name)}export{names,add};"],
  "chunks/other.js": ['import{add as more}from"./shared.js";var names="mine";more("other");export{names as other};'],
  "chunks/lazy.js": ['import{names as all,add}from"./shared.js";import"./other.js";add("lazy");export{all as seen};'],
});

test("joinLoaded() leaves one of everything, shared by who is loaded later", async (t) => {
  const joined = await joinLoaded(chunks, "run/entry.js", new Set(), { format: "esm" });
  assert.deepEqual([...joined.keys()].toSorted(), ["chunks/lazy.js", "chunks/other.js", "run/entry.js"]);
  assert.deepEqual([...loadedWith(joined, "run/entry.js")], ["run/entry.js"]);
  const entry = await run(t, joined, "run/entry.js");
  assert.deepEqual(entry["names"], ["other", "entry"]);
  const lazy = await (entry["later"] as () => Promise<Record<string, unknown>>)();
  assert.equal(lazy["seen"], entry["names"]);
  assert.deepEqual(lazy["seen"], ["other", "entry", "lazy"]);
  assert.deepEqual({ ...(await (entry["again"] as () => Promise<object>)()) }, { other: "mine" });
});

test("joinLoaded() takes in nothing that is loaded before", async (t) => {
  const joined = await joinLoaded(chunks, "run/entry.js", new Set(["chunks/shared.js"]), { format: "esm" });
  assert.deepEqual([...loadedWith(joined, "run/entry.js")].toSorted(), ["chunks/shared.js", "run/entry.js"]);
  const entry = await run(t, joined, "run/entry.js");
  const lazy = await (entry["later"] as () => Promise<Record<string, unknown>>)();
  assert.equal(lazy["seen"], entry["names"]);
});

function chunksOf(texts: Readonly<Record<string, readonly string[]>>): Chunks {
  return new Map(
    Object.entries(texts).map(([name, lines]) => {
      const text = lines.join("\n");
      const imports = [...text.matchAll(/(import\()?(?<=from|import\(?)"([^"]+)"/g)].map(([, isLazy, from]) => ({
        path: join(dirname(name), from!),
        isLazy: isLazy !== undefined,
      }));
      const exports = [...text.matchAll(/export\{([^}]*)\}/g)].flatMap(([, names]) =>
        names!.split(",").map((each) => each.split(" as ").at(-1)!),
      );
      return [name, { text, exports, imports }];
    }),
  );
}

async function run(t: TestContext, files: Chunks, name: string): Promise<Record<string, unknown>> {
  const folder = mkdtempSync(join(tmpdir(), "bifrost-joined-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  for (const [each, { text }] of files) {
    mkdirSync(dirname(join(folder, each)), { recursive: true });
    writeFileSync(join(folder, each), text);
  }
  return import(pathToFileURL(join(folder, name)).href);
}
