/** Documents of strangers: whatever stands in the place of what was meant, it is a clear error or a config that loads. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { stringify } from "yaml";
import { loadConfig } from "../../../daemon/config/load.ts";
import { accepted } from "../../../daemon/import/accept.ts";
import { importBifrost } from "../../../daemon/import/bifrost.ts";
import type { Imported } from "../../../daemon/import/foreign.ts";
import { importLitellm } from "../../../daemon/import/litellm.ts";
import { importPortkey } from "../../../daemon/import/portkey.ts";
import { documents } from "./documents.ts";

const importers: Readonly<Record<keyof typeof documents, (text: string) => Imported>> = {
  bifrost: (text) => importBifrost(text),
  litellm: (text) => importLitellm(text, {}),
  portkey: (text) => importPortkey(text),
};
const kinds = Object.keys(documents) as (keyof typeof documents)[];

/** What people and machines write in the place of something else. */
const wrong: readonly unknown[] = [
  ...["5", "", 5, 0, -1, 1.5, 1e300, null, true, false, [], {}, [null], [[[]]], { a: { b: null } }],
  ...["x".repeat(300), "a b/ü\u0007:\n- c", "__proto__", "*", "env.", "2h", [5, "x"], [{}], { "": "" }],
];

function pathsIn(value: unknown, path: readonly (string | number)[] = []): readonly (readonly (string | number)[])[] {
  if (typeof value !== "object" || value === null) return [path];
  const inner = Array.isArray(value)
    ? value.flatMap((each, index) => pathsIn(each, [...path, index]))
    : Object.entries(value).flatMap(([key, each]) => pathsIn(each, [...path, key]));
  return [path, ...inner];
}

function put(value: unknown, [step, ...rest]: readonly (string | number)[], wanted: unknown): unknown {
  if (step === undefined) return wanted;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, unknown>;
  copy[step] = put(copy[step], rest, wanted);
  return copy;
}

/** One line that says what is wrong; anything but an Error of ours is a fault of ours. */
function read(run: (text: string) => Imported, text: string, at: string): Imported | undefined {
  try {
    return run(text);
  } catch (error) {
    assert.equal((error as Error).constructor, Error, `${at}: ${(error as Error).stack}`);
    assert.match((error as Error).message, /^[^\n]{10,300}$/, at);
    return undefined;
  }
}

async function problemsOf({ config: text, variables }: Imported): Promise<readonly string[]> {
  const environment = Object.fromEntries(variables.map(({ name }) => [name, `secret-of-the-test-${name}`]));
  const loaded = await loadConfig({ text, path: "/etc/config.yaml", environment, number: 1 });
  return loaded.ok ? [] : loaded.problems.map(({ message, line }) => `${line}: ${message}`);
}

for (const kind of kinds) {
  test(`import ${kind}: anything in the place of anything is a clear error or a config that loads`, async () => {
    const run = importers[kind];
    const found = new Map<string, string>();
    const seen = new Set<string>();
    let turn = 0;
    for (const document of documents[kind])
      for (const path of pathsIn(document)) {
        // At each place a third of it, at the next the next.
        turn += 1;
        for (const value of wrong.filter((_, index) => (index + turn) % 3 === 0)) {
          const at = `${path.join(".")} = ${JSON.stringify(value)}`;
          const imported = read(run, JSON.stringify(put(document, path, value)), at);
          if (imported === undefined || seen.has(imported.config)) continue;
          seen.add(imported.config);
          for (const problem of await problemsOf(await accepted(imported)))
            found.set(problem.replace(/^\d+: /, ""), at);
        }
      }
    assert.deepEqual(Object.fromEntries(found), {});
  });

  test(`import ${kind}: a byte order mark, CRLF and YAML are read as the same`, () => {
    for (const document of documents[kind]) {
      const plain = JSON.stringify(document, null, 2);
      const { config } = importers[kind](plain);
      assert.equal(importers[kind](`\uFEFF${plain}`).config, config);
      assert.equal(importers[kind](plain.replaceAll("\n", "\r\n")).config, config);
      assert.equal(importers[kind](stringify(document)).config, config);
    }
  });

  test(`import ${kind}: what is no document says where and why`, () => {
    const [top] = Object.keys(documents[kind][0]!);
    const bomb = [`a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]`]
      .concat([..."bcdefgh"].map((name, at) => `${name}: &${name} [${`*${"abcdefg"[at]}, `.repeat(9)}1]`))
      .concat(`${top}: *h`)
      .join("\n");
    for (const [text, says] of [
      ["", /line 1.*empty/],
      ["[]", /this is not/],
      ["5", /this is not/],
      ['"text"', /this is not/],
      ["{", /line 1/],
      [`{"${top}": {}, "${top}": {}}`, /line 1, column \d+: .*(unique|twice|repeat)/i],
      [`${top}: ${"[".repeat(5_000)}`, /line 1/],
      [`${top}: ${"[".repeat(200)}${"]".repeat(200)}`, /nested/],
      [`${top}: "${"x".repeat(1_100_000)}"`, /larger than/],
      [bomb, /anchors|aliases/i],
      [`${top}: *nowhere`, /line 1/],
      [`${top}: &self [*self]`, /line 1/],
      [`${top}: "a\0b"`, /zero byte/],
    ] as const) {
      assert.throws(
        () => importers[kind](text),
        (error: Error) => {
          assert.equal(error.constructor, Error, `${text.slice(0, 60)}: ${error.stack}`);
          assert.match(error.message, says, text.slice(0, 60));
          return true;
        },
      );
    }
  });
}
