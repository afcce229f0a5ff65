import assert from "node:assert/strict";
import { isBuiltin } from "node:module";
import { before, test } from "node:test";
import { emit } from "../../tools/emit.ts";

let files: ReadonlyMap<string, string>;
before(async () => {
  const emitted = await emit({ version: "1.0.0", commit: "a", versionLine: "1.0.0", form: "files" });
  // Lines end where they are long, in the middle of a word if need be.
  files = new Map([...emitted.files].map(([name, text]) => [name, text.replaceAll("\\\n", "")]));
});

/** A file and all that is loaded with it. */
function loadedWith(entry: string): string[] {
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    for (const [, target] of files.get(name)!.matchAll(/(?:from|^import|;import)\s*"(\.[^"]+)"/gm))
      visit(new URL(target!, `file:///${name}`).pathname.slice(1));
  };
  visit(entry);
  return [...found];
}

test("emit() imports no builtin and no driver as a module, which load more than they are", () => {
  const wrong = [...files].flatMap(([name, text]) =>
    [...text.matchAll(/(?:\bfrom|\bimport)\s*"([^".]+)"/g)]
      .filter(([, from]) => isBuiltin(from!) || from === "better-sqlite3")
      .map(([whole]) => `${name}: ${whole}`),
  );
  assert.deepEqual(wrong, []);
  assert.ok([...files.values()].some((text) => text.includes('getBuiltinModule("node:http")')));
});

test("emit() makes no require() where none is called", () => {
  const making = [...files].filter(([, text]) => text.includes("createRequire(import.meta.url)"));
  const idle = making.filter(([, text]) => !/(?<![\w.$])require2?(?![\w$:=])/.test(text)).map(([name]) => name);
  assert.deepEqual(idle, []);
  assert.ok(making.length > 0 && making.length < files.size / 4, `${making.length} of ${files.size}`);
});

/** For signatures over several regions, which nothing here asks for; its absence is expected there. */
const optional: ReadonlySet<string> = new Set(["@aws-sdk/signature-v4-crt"]);

test("emit() leaves no package to be found at run time but the driver", () => {
  const asked = [...files].flatMap(([name, text]) =>
    [...text.matchAll(/\brequire2?\("([^".][^"]*)"\)|__require\("([^".][^"]*)"\)/g)]
      .map(([, plain, made]) => (plain ?? made)!)
      .filter((from) => !isBuiltin(from) && !optional.has(from))
      .map((from) => `${name}: ${from}`),
  );
  assert.deepEqual(asked, []);
});

test("emit() makes one file of all that a thread loads at its start", () => {
  const names = ["data-plane", "state-writer", "traffic-writer", "reader", "translator-thread"];
  for (const entry of names.map((name) => `daemon/runtime/${name}.js`)) assert.deepEqual(loadedWith(entry), [entry]);
  const lazy = [...files.get("daemon/runtime/data-plane.js")!.matchAll(/\bimport\("([^"]+)"\)/g)];
  assert.ok(lazy.length > 3, "and leaves out what it may load later");
  const daemon = [...files.keys()].filter((name) => /\/daemon-[A-Z0-9]+\.js$/.test(name));
  assert.equal(daemon.length, 1);
  assert.deepEqual(loadedWith(daemon[0]!), [daemon[0], "daemon/main.js"], "which asked for it");
});

test("emit() gives the data plane no code of a proxy's clients at its start", () => {
  const loaded = loadedWith("daemon/runtime/data-plane.js");
  // A long line may end in the middle of a text.
  const whole = (text: string) => text.replaceAll("\\\n", "");
  const text = whole(loaded.map((name) => files.get(name)!).join(""));
  // What undici's connector and its proxy agent say: their names are shortened.
  assert.match(text, /maxCachedSessions must be/, "what a direct upstream needs is there");
  const ofProxy = /Proxy uri is mandatory/;
  assert.doesNotMatch(text, ofProxy);
  assert.ok(
    [...files.values()].some((each) => ofProxy.test(whole(each))),
    "it is somewhere",
  );
});

test("emit() takes no more of zod than what is used", () => {
  const all = [...files.values()].join("");
  assert.match(all, /ZodDiscriminatedUnion/, "what is used is there");
  assert.doesNotMatch(all, /Ung\\xFCltige|fromJSONSchema/);
});

test("a worker loads what serves WebSockets with the first of them", () => {
  const holds = (name: string) => files.get(name)!.includes("permessage-deflate");
  assert.deepEqual(loadedWith("daemon/runtime/data-plane.js").filter(holds), []);
  assert.ok([...files.keys()].some(holds), "it is there to be loaded");
});
