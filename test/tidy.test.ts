/** What a linter cannot say: which way imports point, how long files are, and that the documents tell the truth. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { test } from "node:test";
import { errorTable } from "../providers/gateway-error.ts";
import { hosts } from "../providers/hosts.ts";
import { listedIds } from "../tools/acceptance-ids.ts";

const root = dirname(import.meta.dirname);
const read = (file: string) => readFileSync(join(root, file), "utf8");
const sources = globSync("{providers,daemon,cli}/**/*.ts", { cwd: root }).sort();
const everything = [...sources, ...globSync("{test,bench,tools}/**/*.{ts,cjs}", { cwd: root })].sort();

/** Tests hold tables of cases, which lose more by being torn apart than by fifty lines. */
const linesMax = { source: 400, test: 450 };

test("every file has at most 400 lines, a test 450", () => {
  const tooLong = everything
    .map((file) => ({ file, lines: read(file).split("\n").length - 1 }))
    .filter(({ file, lines }) => lines > linesMax[file.startsWith("test/") ? "test" : "source"]);
  assert.deepEqual(tooLong, []);
});

test("imports point from cli to daemon to providers, and only where they may", () => {
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .filter((found) => !isAllowed(file, found))
      .map((found) => ({ file, ...found })),
  );
  assert.deepEqual(wrong, []);
});

test("cli and daemon start processes with the same heaps, since neither may import the other", async () => {
  const [one, other] = await Promise.all(
    ["cli/heap-settings.ts", "daemon/runtime/heap-settings.ts"].map(
      (file) => import(`../${file}`) as Promise<{ heapSettings: object }>,
    ),
  );
  assert.deepEqual(one!.heapSettings, other!.heapSettings);
});

test("providers/ has no clock, random, environment or output", () => {
  const impure =
    /\b(Date\.now|new Date\(\)|performance\.|Math\.random|crypto\.|randomUUID|process\.|console\.|fetch\(|setTimeout|setInterval|setImmediate|queueMicrotask|globalThis|Buffer\.)/;
  const found = sources
    .filter((file) => file.startsWith("providers/"))
    .flatMap((file) =>
      codeLines(file)
        .filter(({ text }) => impure.test(text))
        .map(({ line, text }) => `${file}:${line} ${text.trim()}`),
    );
  assert.deepEqual(found, []);
});

test("no provider's name decides anything in daemon/", () => {
  const names = Object.keys(hosts)
    .filter((name) => !name.startsWith("echo") && name !== "custom")
    .join("|");
  const decides = new RegExp(`[=!]==? "(${names})"|"(${names})" [=!]==?|case "(${names})"`);
  const found = sources
    .filter((file) => file.startsWith("daemon/"))
    .flatMap((file) =>
      codeLines(file)
        // Some languages are called like the vendor that made them.
        .filter(({ text }) => decides.test(text) && !/dialect(\.id)? [=!]==/.test(text))
        .map(({ line, text }) => `${file}:${line} ${text.trim()}`),
    );
  assert.deepEqual(found, []);
});

test("nothing that a request makes is a literal with a getter, since V8 keeps what it closes over with its shape", () => {
  const oncePerThread = ["http/leaving", "routing/places", "runtime/health", "runtime/config-control"];
  const found = sources
    .filter((file) => /^(providers|daemon\/(pipeline|http|routing|governance|runtime))\//.test(file))
    .filter((file) => !oncePerThread.some((part) => file === `daemon/${part}.ts`))
    .flatMap((file) =>
      codeLines(file)
        // A class's getter says what it returns; one in a literal cannot be told from it otherwise.
        .filter(({ text }) => /^\s+get \w+\(\) \{/.test(text))
        .map(({ line, text }) => `${file}:${line} ${text.trim()}`),
    );
  assert.deepEqual(found, []);
});

test("every file of the source says first what it hides or does", () => {
  const silent = sources.filter(
    (file) => !/^(#!.*\n)?(\/\*\*|\/\/) ?\S/.test(read(file)) && !/^(#!.*\n)?\/\*\*\n \* \S/.test(read(file)),
  );
  assert.deepEqual(silent, []);
});

test("docs/errors.md has one paragraph for each error code, and none for others", () => {
  const documented = [...read("docs/errors.md").matchAll(/^### `(\w+)`\n(\d{3}|400 or)/gm)];
  assert.deepEqual(documented.map(([, code]) => code!).toSorted(), Object.keys(errorTable).toSorted());
  for (const [, code, status] of documented) {
    const row = errorTable[code as keyof typeof errorTable];
    assert.equal(Number.parseInt(status!, 10), row.status, code);
    const paragraph = read("docs/errors.md").split(`### \`${code}\`\n`)[1]!.split("\n#")[0]!;
    assert.match(paragraph, row.retry ? /, retry\. / : /, no retry\. /, code);
  }
});

test("docs/dependencies.md has a line for each dependency, with its version, and none for others", () => {
  const manifest = JSON.parse(read("package.json")) as Record<
    "dependencies" | "optionalDependencies" | "devDependencies",
    Record<string, string>
  >;
  const wanted = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.devDependencies };
  const rows = [
    ...read("docs/dependencies.md").matchAll(/^\| (\S+) \| (\S*\d\S*) \| ([^|]+) \| ([\d.]+ MB) \| (.{10,}) \|$/gm),
  ];
  const listed = Object.fromEntries(rows.map(([, name, version]) => [name, version]));
  assert.deepEqual(listed, wanted);
  for (const [name, version] of Object.entries(wanted))
    assert.match(version, /^(npm:.+@)?\d+\.\d+\.\d+$/, `${name} has an exact version`);
});

test("docs/acceptance.md names, for each behaviour, tests that claim it", () => {
  const markdown = read("docs/acceptance.md");
  assert.equal(new Set(listedIds(markdown)).size, listedIds(markdown).length, "no id twice");
  for (const [, id, , files] of markdown.matchAll(/^\| ([A-Z]\d+) \| (.+) \| (.+) \|$/gm)) {
    for (const [, file] of files!.matchAll(/`([^`]+)`/g)) {
      assert.ok(existsSync(join(root, "test", file!)), `${id}: test/${file}`);
      assert.match(
        read(`test/${file}`) + read("test/e2e/fault-cases.ts"),
        new RegExp(`\\b${id}\\b`),
        `${id}: test/${file}`,
      );
    }
  }
});

test("docs/acceptance.md names every file in which a test claims a behaviour", () => {
  const markdown = read("docs/acceptance.md");
  const missing = globSync("test/**/*.test.ts", { cwd: root }).flatMap((file) => {
    const claimed = new Set([...read(file).matchAll(/\b(?:test|it)\(\s*["'`]([A-Z]\d+)\b/g)].map(([, id]) => id!));
    return [...claimed]
      .filter(
        (id) => !markdown.includes(`\n| ${id} |`) || !rowOf(markdown, id).includes(`\`${file.slice("test/".length)}\``),
      )
      .map((id) => `${id} ${file}`);
  });
  assert.deepEqual(missing, []);
});

test("documents link to files that exist", () => {
  const broken = globSync("{README,CHANGELOG,docs/**/*}.md", { cwd: root }).flatMap((file) => {
    const links = [...read(file).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link]) =>
      posix.join(posix.dirname(file), link!),
    );
    return links.filter((link) => !existsSync(join(root, link))).map((link) => `${file}: ${link}`);
  });
  assert.deepEqual(broken, []);
});

type Import = { readonly target: string; readonly how: "type" | "value" | "lazy" };

/** Relative targets from the root; packages and builtins as they are written. */
function importsOf(file: string): Import[] {
  const text = codeLines(file)
    .map((line) => line.text)
    .join("\n");
  const found: Import[] = [];
  const statement = /^(?:import|export)(\s+type)?\s+(?:[\w*{}\s,$]+?\sfrom\s+)?["']([^"'\n]+)["']/gm;
  for (const [, type, target] of text.matchAll(statement)) {
    found.push({ target: resolved(file, target!), how: type === undefined ? "value" : "type" });
  }
  for (const [, type, target] of text.matchAll(/(\btypeof )?\bimport\(\s*["']([^"']+)["']/g)) {
    found.push({ target: resolved(file, target!), how: type === undefined ? "lazy" : "type" });
  }
  return found;
}

function resolved(file: string, target: string): string {
  return target.startsWith(".") ? posix.join(posix.dirname(file), target) : target;
}

function isAllowed(file: string, { target, how }: Import): boolean {
  const [from] = file.split("/");
  const [to] = target.split("/");
  if (from === to) return true;
  if (from === "providers") return false; // pure: neither builtins nor packages nor the others
  if (to === "providers") return from === "daemon";
  if (to === "daemon") {
    if (target.startsWith("daemon/admin/contract/")) return how === "type";
    return target === "daemon/main.ts" && how !== "value";
  }
  return to !== "cli" && to !== "test" && to !== "bench" && to !== "tools";
}

/** Without comments: what is said is not done. */
function codeLines(file: string): { line: number; text: string }[] {
  const text = read(file).replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ""));
  return text.split("\n").map((each, index) => ({ line: index + 1, text: each.replace(/(^|\s)\/\/.*$/, "") }));
}

function rowOf(markdown: string, id: string): string {
  return markdown.split("\n").find((line) => line.startsWith(`| ${id} |`)) ?? "";
}
