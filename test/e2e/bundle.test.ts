/** A bundle's life on a host: installed, upgraded, interrupted, gone back from. The data is the same throughout. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { AdminAddress } from "../../daemon/admin/contract/calling.ts";
import type { KeyListAnswer } from "../../daemon/admin/contract/keys.ts";
import { binaryOf, type Release } from "../support/binary.ts";
import { ask } from "../support/client.ts";
import { until } from "../support/until.ts";

const folder = mkdtempSync(join(tmpdir(), "bf-b-"));
const [prefix, home] = [join(folder, "p"), join(folder, "h")];
const env = { HOME: folder, PATH: "/nonexistent", NO_COLOR: "1" };
const bundles: Partial<Record<Release, string>> = {};
let publicKey = "";
let secret = "";
let url = "";

type Said = { readonly code: number | null; readonly out: string; readonly err: string };

async function run(binary: string, ...args: string[]): Promise<Said> {
  const child = spawn(binary, [...args, "--home", home], { env, cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  return ended(child);
}

function ended(child: ChildProcess): Promise<Said> {
  let [out, err] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (part: string) => {
    out += part;
  });
  child.stderr?.setEncoding("utf8").on("data", (part: string) => {
    err += part;
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, out, err })));
}

/** The program as its user calls it: through the link. */
const installed = (...args: string[]) => run(join(prefix, "bin", "bifrost"), ...args);
const current = () => readlinkSync(join(prefix, "current"));
const running = () => JSON.parse(readFileSync(join(home, "admin.json"), "utf8")) as AdminAddress;

async function spend(): Promise<void> {
  const answer = await ask(url, { dialect: "chat", model: "echo-paid", key: secret, prompt: "hello", maxTokens: 20 });
  assert.equal(answer.status, 200, answer.text);
}

/** What must be the same before and after: the key, what was spent, the chain. */
async function state(): Promise<{ readonly keys: unknown; readonly spent: unknown; readonly chain: boolean }> {
  const keys = JSON.parse((await installed("keys", "list", "--json")).out) as KeyListAnswer["keys"];
  const key = keys.find(({ name }) => name === "life");
  const check = await installed("ledger", "check", "--json");
  assert.equal(check.code, 0, check.err);
  const chain = await installed("audit", "verify", "--json");
  return {
    keys: keys.map(({ id, name }) => [id, name]),
    spent: key?.budgets.map(({ limit_nano, spent_nano }) => [limit_nano, spent_nano]),
    chain: chain.code === 0,
  };
}

before(async () => {
  const first = await binaryOf("first");
  publicKey = (await run(first, "bundle", "keygen", "--out", join(folder, "k.key"))).out.trim();
  for (const release of ["first", "next", "broken"] as const) {
    const file = join(folder, `${release}.bundle`);
    const made = await run(await binaryOf(release), "bundle", "create", "--key", join(folder, "k.key"), "--out", file);
    assert.equal(made.code, 0, made.err);
    bundles[release] = file;
  }
});

after(async () => {
  if (existsSync(join(prefix, "bin"))) await installed("stop", "--drain", "1s");
  rmSync(folder, { recursive: true, force: true });
});

test("bundle create writes one file of at most 60 MB with everything a host needs", () => {
  const listed = spawnSync("tar", ["tvf", bundles.first!], { encoding: "utf8" }).stdout;
  for (const name of [
    "bifrost.gz",
    "prices.json",
    "config.example.yaml",
    "bifrost.service",
    "bifrost.1",
    "docs/index.html",
    "licences.txt",
    "sbom.cdx.json",
    "sbom.spdx.json",
    "SHA256SUMS.minisig",
    "README.txt",
  ])
    assert.ok(listed.includes(`bifrost-0.1.0-${process.platform}-${process.arch}/${name}`), name);
  assert.ok(readFileSync(bundles.first!).length <= 60e6);
});

test("bundle install puts a release in place, and doing it again changes nothing", async () => {
  const unsigned = await run(await binaryOf("first"), "bundle", "install", bundles.first!, "--prefix", prefix);
  assert.equal(unsigned.code, 6);
  assert.match(unsigned.err, /not trusted here/);
  assert.ok(!existsSync(prefix), "nothing is written for a bundle that is refused");
  const started = performance.now();
  const done = await run(
    await binaryOf("first"),
    "bundle",
    "install",
    bundles.first!,
    "--prefix",
    prefix,
    "--pubkey",
    publicKey,
  );
  assert.equal(done.code, 0, done.err);
  assert.ok(performance.now() - started < 60_000);
  const again = await installed("bundle", "install", bundles.first!);
  assert.equal(again.code, 0, again.err);
  assert.match(again.err, /Installed already/);
  assert.match((await installed("bundle", "list")).out, /^\* +0\.1\.0/m);
  const outside = readdirSync(folder).toSorted();
  assert.deepEqual(
    outside.filter((name) => !/bundle$|^k\.|^[ph]$|^\.cache$/.test(name)),
    [],
  );
});

test("the installed release serves, and spends", async () => {
  const served = await installed("serve", "--detach", "--port", "0");
  assert.equal(served.code, 0, served.err);
  url = /listening on (\S+)/.exec(served.out)![1]!;
  secret = (await installed("keys", "create", "--name", "life", "--budget", "5/1d")).out.trim();
  await spend();
  await until(
    "the ledger",
    async () => JSON.parse((await installed("ledger", "check", "--json")).out).holds_open === 0,
    20_000,
  );
});

const steps = [
  "checking the signature",
  "checking every part",
  "unpacking",
  "copying the data",
  "trying the new version",
];

for (const step of steps) {
  test(`G3 an installation killed at “${step}” leaves the old version running`, async () => {
    const [pid, link] = [running().pid, current()];
    const child = spawn(join(prefix, "bin", "bifrost"), ["bundle", "install", bundles.next!, "--home", home], {
      env,
      cwd: folder,
    });
    child.stderr.setEncoding("utf8").on("data", (part: string) => {
      if (part.includes(step)) child.kill("SIGKILL");
    });
    await ended(child);
    assert.equal(child.signalCode, "SIGKILL");
    assert.deepEqual([running().pid, running().version, current()], [pid, "0.1.0", link]);
    await spend();
  });
}

test("G3 an installation killed after the switch is completed by the next one; keys, spend and audit are kept", async () => {
  const child = spawn(join(prefix, "bin", "bifrost"), ["bundle", "install", bundles.next!, "--home", home], {
    env,
    cwd: folder,
  });
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    if (part.includes("switching")) child.kill("SIGKILL");
  });
  await ended(child);
  await spend();
  const kept = await state();
  const done = await installed("bundle", "install", bundles.next!);
  assert.equal(done.code, 0, done.err);
  assert.equal(running().version, "0.2.0");
  assert.match(current(), /0\.2\.0/);
  assert.deepEqual(await state(), kept);
  await spend();
});

test("G2 bundle install refuses an older release, and nothing has changed", async () => {
  const [link, pid, versions] = [current(), running().pid, readdirSync(join(prefix, "versions"))];
  const refused = await installed("bundle", "install", bundles.first!);
  assert.equal(refused.code, 6);
  assert.match(refused.err, /older than the installed 0\.2\.0/);
  assert.deepEqual([current(), running().pid, readdirSync(join(prefix, "versions"))], [link, pid, versions]);
});

test("G3 a release that does not take over is not kept: the version before serves, over files as they were", async () => {
  const [link, kept] = [current(), await state()];
  const refused = await installed("bundle", "install", bundles.broken!);
  assert.notEqual(refused.code, 0);
  assert.match(refused.err, /did not take over/);
  assert.equal(current(), link);
  await until("the old version", () => existsSync(join(home, "admin.json")) && running().version === "0.2.0", 30_000);
  assert.deepEqual(await state(), kept);
  await spend();
});

test("G3 bundle rollback goes back to the version before, with keys, spend and audit", async () => {
  const kept = await state();
  const done = await installed("bundle", "rollback", "--yes");
  assert.equal(done.code, 0, done.err);
  assert.equal(running().version, "0.1.0");
  assert.match(current(), /0\.1\.0/);
  assert.deepEqual(await state(), kept);
  assert.equal(
    readdirSync(join(home, "backups")).filter((name) => name.startsWith("state-before-rollback")).length > 0,
    true,
  );
  await spend();
});

test("G3 bundle rollback works where no daemon runs", async () => {
  assert.equal((await installed("bundle", "install", bundles.next!)).code, 0);
  assert.equal(running().version, "0.2.0");
  await spend();
  const kept = await state();
  assert.equal((await installed("stop")).code, 0);
  const done = await installed("bundle", "rollback", "--yes");
  assert.equal(done.code, 0, done.err);
  assert.deepEqual(await state(), kept);
  writeFileSync(join(folder, "done"), "");
  rmSync(join(folder, "done"));
});
