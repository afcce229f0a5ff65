/** Newer prices without a newer program: signed, dated, and in force where requests are priced. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ModelsAnswer } from "../../daemon/admin/contract/models.ts";
import { generateKeys, readPublicKey, readSecretKey, signBytes } from "../../daemon/bundle/minisign.ts";
import { importSignedPrices } from "../../daemon/bundle/prices.ts";
import { root } from "../../tools/emit.ts";
import { runCommand, startDaemon, temporaryHome } from "../support/daemon.ts";

const keys = generateKeys();
const trusted = [readPublicKey(keys.public)];
const builtIn = readFileSync(join(root, "providers/catalog/data.json"), "utf8");

/** The built-in table as of another day, in which one model costs $7 and $9. */
function table(date: string, change: (text: string) => string = (text) => text): Buffer {
  const value = JSON.parse(builtIn) as {
    date: string;
    dateMs: number;
    providers: Record<string, { models: string[] }>;
  };
  value.date = date;
  value.dateMs = Date.parse(`${date}T00:00:00Z`);
  value.providers["openai"]!.models.unshift(
    JSON.stringify(["gpt-of-tomorrow", ["=gpt-of-tomorrow"], 1_000, { input: 7_000_000, output: 9_000_000 }]),
  );
  return Buffer.from(
    change(
      `${JSON.stringify({ source: "test", date: value.date, dateMs: value.dateMs, providers: value.providers })}\n`,
    ),
  );
}

function signed(home: string, content: Buffer, secret = keys.secret): string {
  const file = join(home, "new.json");
  writeFileSync(file, content);
  const words = signBytes(
    content,
    readSecretKey(secret, () => undefined),
    "prices",
  );
  writeFileSync(`${file}.minisig`, words.replace(/^untrusted comment: .*/, "untrusted comment: by another tool"));
  return file;
}

for (const [what, make, words] of [
  ["of the same day", (home: string) => signed(home, table("2026-09-23")), /must be newer/],
  ["of an earlier day", (home: string) => signed(home, table("2020-01-01")), /must be newer/],
  [
    "that another key has signed",
    (home: string) => signed(home, table("2030-01-01"), generateKeys().secret),
    /not trusted here/,
  ],
  [
    "that was changed after it was signed",
    (home: string) => {
      const file = signed(home, table("2030-01-01"));
      writeFileSync(file, table("2031-01-01"));
      return file;
    },
    /does not hold/,
  ],
  [
    "without a signature",
    (home: string) => {
      const file = join(home, "a.json");
      writeFileSync(file, table("2030-01-01"));
      return file;
    },
    /is not signed/,
  ],
  [
    "that is no table",
    (home: string) =>
      signed(
        home,
        table("2030-01-01", (text) => text.replace('"others":[]', '"others":7')),
      ),
    /others: names no provider/,
  ],
  ["that is no JSON", (home: string) => signed(home, Buffer.from("prices")), /not JSON/],
] as const) {
  test(`importSignedPrices() refuses a table ${what}, and keeps what is in use`, () => {
    const home = temporaryHome();
    const file = make(home);
    assert.throws(() => importSignedPrices(file, home, trusted), words);
    assert.ok(!existsSync(join(home, "prices.json")));
  });
}

test("catalog import puts newer prices in force at the next start, and refuses to go back", async () => {
  const home = temporaryHome();
  const file = signed(home, table("2030-01-01"));
  const imported = await runCommand([
    "catalog",
    "import",
    file,
    "--pubkey",
    keys.public.trim().split("\n").at(-1)!,
    "--home",
    home,
  ]);
  assert.equal(imported.code, 0, imported.stderr);
  assert.match((await runCommand(["catalog", "show", "--home", home])).stdout, /^2030-01-01 \(imported/);
  const daemon = await startDaemon({ home, config: { providers: { openai: { api_key: "sk-x" } } } });
  const { models } = await daemon.admin<ModelsAnswer>("GET", "/api/models?provider=openai");
  const model = models.find(({ id }) => id === "openai/gpt-of-tomorrow");
  assert.deepEqual([model?.input_nano_per_million, model?.output_nano_per_million], [7_000_000_000, 9_000_000_000]);
  await daemon.stop();
  const older = signed(home, table("2029-12-31"));
  const refused = await runCommand([
    "catalog",
    "import",
    older,
    "--pubkey",
    keys.public.trim().split("\n").at(-1)!,
    "--home",
    home,
  ]);
  assert.equal(refused.code, 6, refused.stderr);
  assert.match(refused.stderr, /2030-01-01 is in use/);
});
