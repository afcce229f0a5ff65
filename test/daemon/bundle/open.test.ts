/** A bundle is taken whole or not at all: every byte of it is vouched for. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readArchive, writeArchive } from "../../../daemon/bundle/archive.ts";
import { installBundle } from "../../../daemon/bundle/install.ts";
import { generateKeys, readPublicKey, readSecretKey, signBytes, verifyBytes } from "../../../daemon/bundle/minisign.ts";
import { openBundle } from "../../../daemon/bundle/open.ts";
import { bundleLab, keys, publicKey, remove, treeOf } from "./lab.ts";

const silent = () => undefined;

async function install(
  lab: Awaited<ReturnType<typeof bundleLab>>,
  file: string,
  key = publicKey.text,
): Promise<unknown> {
  return installBundle({
    ...{ file, prefix: lab.prefix, home: lab.home, keys: [key], allowDowngrade: false },
    daemon: async () => undefined,
    environment: {},
    progress: silent,
  });
}

test("openBundle() takes what createBundle() wrote, and gives out every part", async (t) => {
  const lab = await bundleLab();
  t.after(() => remove(lab));
  const bundle = openBundle(lab.file, [publicKey], silent);
  assert.equal(bundle.manifest.version, "1.2.3");
  assert.ok(bundle.names.includes("docs/index.html"));
  assert.equal(bundle.read("config.example.yaml").toString(), "server: {}\n");
  let bytes = 0;
  for await (const piece of bundle.executable()) bytes += piece.length;
  assert.equal(bytes, bundle.manifest.binary.bytes);
  bundle.close();
});

test("G2 openBundle() refuses a bundle with any one byte flipped", async (t) => {
  const lab = await bundleLab();
  t.after(() => remove(lab));
  const whole = readFileSync(lab.file);
  const file = join(lab.folder, "flipped");
  writeFileSync(file, whole);
  const descriptor = openSync(file, "r+");
  t.after(() => closeSync(descriptor));
  const taken: number[] = [];
  for (let at = 0; at < whole.length; at++) {
    // All of the first half, where heads, sums and signature are; padding and the rest more thinly.
    if (at > 6_000 && at % 5 !== 0) continue;
    writeSync(descriptor, Buffer.from([whole[at]! ^ (1 << (at % 8))]), 0, 1, at);
    try {
      openBundle(file, [publicKey], silent).close();
      taken.push(at);
    } catch (error) {
      assert.equal((error as Error).name, "BundleProblem", `${at}: ${(error as Error).stack}`);
    }
    writeSync(descriptor, whole, at, 1, at);
  }
  assert.deepEqual(taken, []);
  openBundle(file, [publicKey], silent).close();
});

const others = generateKeys();
const faults: readonly (readonly [
  string,
  (whole: Buffer, lab: Awaited<ReturnType<typeof bundleLab>>) => Buffer,
  RegExp,
])[] = [
  ["cut short", (whole) => whole.subarray(0, whole.length - 700), /cut short|after its end/],
  ["with something after its end", (whole) => Buffer.concat([whole, Buffer.alloc(512)]), /after its end/],
  ["empty", () => Buffer.alloc(0), /no whole bundle/],
  ["of zeros", () => Buffer.alloc(4_096), /no whole bundle/],
  ["without one of its files", (whole, lab) => without(whole, lab, "docs/index.html"), /docs\/index.html is missing/],
  ["without its signature", (whole, lab) => without(whole, lab, "SHA256SUMS.minisig"), /SHA256SUMS.minisig is missing/],
  ["with a file more", (whole, lab) => withMore(whole, lab, "extra"), /extra does not belong to it/],
];

for (const [what, change, words] of faults) {
  test(`G2 installBundle() refuses a bundle ${what}, and nothing on disk has changed`, async (t) => {
    const lab = await bundleLab();
    t.after(() => remove(lab));
    const file = join(lab.folder, "changed");
    writeFileSync(file, change(readFileSync(lab.file), lab));
    const before = [treeOf(lab.prefix), treeOf(lab.home)];
    await assert.rejects(install(lab, file), words);
    assert.deepEqual([treeOf(lab.prefix), treeOf(lab.home)], before);
  });
}

test("G2 installBundle() refuses a bundle that another key has signed", async (t) => {
  const lab = await bundleLab("1.2.3", 1_764_000_000, others.secret);
  t.after(() => remove(lab));
  const before = treeOf(lab.prefix);
  await assert.rejects(install(lab, lab.file), /which is not trusted here/);
  await assert.rejects(install(lab, lab.file, "RWQ"), /no minisign public key/);
  assert.deepEqual(treeOf(lab.prefix), before);
});

test("openBundle() refuses one key's signature under another key's name", () => {
  const content = Buffer.from("content");
  const own = readSecretKey(keys.secret, silent);
  const forged = signBytes(content, { id: readSecretKey(others.secret, silent).id, key: own.key }, "note");
  assert.throws(() => verifyBytes(content, forged, [readPublicKey(others.public)]), /does not hold/);
});

for (const name of [
  "../outside",
  "/etc/passwd",
  "a/../../b",
  ".hidden",
  "a//b",
  "a/./b",
  "a\\..\\b",
  "a/b/c/d/e",
  "",
]) {
  test(`writeArchive() has no way to write ${JSON.stringify(name)}`, async (t) => {
    const lab = await bundleLab();
    t.after(() => remove(lab));
    const descriptor = openSync(join(lab.folder, "archive"), "w");
    t.after(() => closeSync(descriptor));
    const entry = { name, bytes: 1, mode: 0o644, content: Buffer.from("x") } as const;
    assert.throws(() => writeArchive(descriptor, [entry]), /not a plain name/);
  });
}

for (const [what, at, value] of [
  ["a link", 156, "2"],
  ["a folder", 156, "5"],
  ["a device", 156, "3"],
  ["a name that leads out", 0, "../"],
  ["a size without end", 124, "77777777777"],
] as const) {
  test(`readArchive() refuses ${what}, though its sum is right`, async (t) => {
    const lab = await bundleLab();
    t.after(() => remove(lab));
    const bytes = readFileSync(lab.file);
    bytes.write(value, at, "latin1");
    bytes.write("        ", 148, "latin1");
    const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    const file = join(lab.folder, "odd");
    writeFileSync(file, bytes);
    const descriptor = openSync(file, "r");
    t.after(() => closeSync(descriptor));
    assert.throws(() => readArchive(descriptor), { name: "ArchiveProblem" });
  });
}

const hasMinisign = spawnSync("minisign", ["-v"]).error === undefined;
const skip = hasMinisign ? false : "needs minisign";

test("signBytes() writes what minisign verifies", { skip }, async (t) => {
  const lab = await bundleLab();
  t.after(() => remove(lab));
  const content = Buffer.from("what is signed\n");
  const file = join(lab.folder, "content");
  writeFileSync(file, content);
  writeFileSync(`${file}.minisig`, signBytes(content, readSecretKey(keys.secret, silent), "a note"));
  const done = spawnSync("minisign", ["-V", "-P", publicKey.text, "-m", file], { encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /Trusted comment: a note/);
});

for (const password of [undefined, "correct horse"]) {
  test(`readSecretKey() reads minisign's own key${password === undefined ? "" : ", locked with a password"}`, {
    skip,
  }, async (t) => {
    const lab = await bundleLab();
    t.after(() => remove(lab));
    const [secretFile, publicFile] = [join(lab.folder, "m.key"), join(lab.folder, "m.pub")];
    const unlocked = password === undefined ? ["-W"] : [];
    const made = spawnSync("minisign", ["-G", "-f", ...unlocked, "-s", secretFile, "-p", publicFile], {
      input: password === undefined ? "" : `${password}\n${password}\n`,
      encoding: "utf8",
    });
    assert.equal(made.status, 0, made.stderr);
    const secret = readSecretKey(readFileSync(secretFile, "utf8"), () => password);
    const content = Buffer.from("x");
    const signed = signBytes(content, secret, "note");
    assert.equal(verifyBytes(content, signed, [readPublicKey(readFileSync(publicFile, "utf8"))]).note, "note");
    if (password !== undefined)
      assert.throws(() => readSecretKey(readFileSync(secretFile, "utf8"), () => undefined), /BIFROST_BUNDLE_PASSWORD/);
  });
}

function without(whole: Buffer, lab: Awaited<ReturnType<typeof bundleLab>>, name: string): Buffer {
  return rewritten(whole, lab, (entries) => entries.filter((entry) => !entry.name.endsWith(`/${name}`)));
}

function withMore(whole: Buffer, lab: Awaited<ReturnType<typeof bundleLab>>, name: string): Buffer {
  const content = Buffer.from("more");
  return rewritten(whole, lab, (entries) => [
    ...entries,
    { name: `${entries[0]!.name.split("/")[0]}/${name}`, bytes: content.length, mode: 0o644 as const, content },
  ]);
}

type Entry = Parameters<typeof writeArchive>[1][number];

function rewritten(
  whole: Buffer,
  lab: Awaited<ReturnType<typeof bundleLab>>,
  change: (entries: Entry[]) => Entry[],
): Buffer {
  const source = openSync(lab.file, "r");
  const entries = readArchive(source).map(({ offset, ...member }) => ({
    ...member,
    content: whole.subarray(offset, offset + member.bytes),
  }));
  closeSync(source);
  const file = join(lab.folder, "rewritten");
  const target = openSync(file, "w");
  writeArchive(target, change(entries));
  closeSync(target);
  return readFileSync(file);
}

test("createBundle() tells how far it is while it compresses, which takes the longest", async (t) => {
  const told: [string, number | undefined][] = [];
  const lab = await bundleLab("1.2.3", 1_764_000_000, keys.secret, (step, part) => void told.push([step, part]));
  t.after(() => remove(lab));
  assert.deepEqual(told, [
    ["reading the executable", undefined],
    ["compressing", undefined],
    ["compressing", 1],
    ["signing", undefined],
    ["writing", undefined],
  ]);
});
