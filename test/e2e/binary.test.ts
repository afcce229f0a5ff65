/** The single binary: the same bytes from the same sources, and a life where there is nothing else. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { makeBinary } from "../../tools/binary/make.ts";
import { root } from "../../tools/emit.ts";
import { binaryOf, hostArch, origins } from "../support/binary.ts";
import { until } from "../support/until.ts";

const folder = mkdtempSync(join(tmpdir(), "bf-bin-"));
let binary = "";
before(async () => {
  binary = await binaryOf("first");
});
after(() => rmSync(folder, { recursive: true, force: true }));

const sha256 = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");

test("makeBinary() gives the same bytes for the same sources", { timeout: 240_000 }, async () => {
  const out = join(folder, "again");
  const made = await makeBinary({ arch: hostArch(), out, origin: origins.first });
  assert.equal(made.sha256, sha256(binary));
  rmSync(out);
  assert.ok(made.bytes <= 130e6, `${made.bytes} bytes`);
});

test("bifrost --version names version, commit, Node and the day of the price table", () => {
  const said = spawnSync(binary, ["--version"], { env: {}, encoding: "utf8" });
  const node = process.versions.node;
  assert.equal(said.stdout, `0.1.0 commit 111111111111 node ${node} catalog 2026-09-23\n`);
  assert.equal(said.stderr, "");
});

test("the binary ignores NODE_OPTIONS of whoever starts it", () => {
  const env = { NODE_OPTIONS: "--require /nonexistent/x.cjs" };
  assert.equal(spawnSync(binary, ["--version"], { env, encoding: "utf8" }).status, 0);
});

const chroot = process.getuid?.() === 0 ? ["chroot"] : ["unshare", "-r", "chroot"];
const canChroot = spawnSync(chroot[0]!, [...chroot.slice(1), "/", "/bin/true"]).status === 0;

test("the binary serves in a root that has the C library and nothing else: no Node, no PATH, no HOME, no /proc", {
  skip: canChroot ? false : "needs chroot, as root or in a user namespace",
}, async () => {
  const jail = join(folder, "jail");
  mkdirSync(join(jail, "tmp"), { recursive: true });
  const libraries = [...execFileSync("ldd", [binary], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g)].map(
    ([, file]) => file!,
  );
  for (const file of libraries) {
    mkdirSync(join(jail, dirname(file)), { recursive: true });
    copyFileSync(file, join(jail, file));
  }
  copyFileSync(binary, join(jail, "bifrost"));
  const child: ChildProcess = spawn(
    chroot[0]!,
    [...chroot.slice(1), jail, "/bifrost", "serve", "--home", "/home", "--port", "0"],
    {
      env: { PATH: process.env["PATH"] },
    },
  );
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (part: string) => {
      said += part;
    });
  try {
    const url = await until(
      "the ready line",
      () => {
        if (child.exitCode !== null) throw new Error(`it ended: ${said}`);
        return /listening on (http:\/\/\S+:\d+)/.exec(said)?.[1];
      },
      30_000,
    );
    const key = /sk-bf-\w+/.exec(said)?.[0] ?? "";
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "echo/echo", messages: [{ role: "user", content: "alone" }] }),
    });
    assert.equal(answer.status, 200, said);
    assert.match(await answer.text(), /alone/);
    const [kept] = readdirSync(join(jail, "tmp"));
    assert.equal(statSync(join(jail, "tmp", kept!)).mode & 0o077, 0, "what is unpacked is nobody else's to change");
  } finally {
    child.kill("SIGTERM");
  }
  await until("its end", () => child.exitCode !== null, 30_000);
  assert.equal(child.exitCode, 0, said);
});

test("the binary's threads find what was unpacked where BIFROST_CACHE says, and unpack nothing again", {
  skip: process.platform !== "linux",
}, async () => {
  const cache = join(folder, "unpacked");
  const child = spawn(binary, ["serve", "--home", join(folder, "cached"), "--port", "0"], {
    env: { BIFROST_CACHE: cache },
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    said += part;
  });
  try {
    await until("the ready line", () => said.includes("listening on") || child.exitCode !== null, 30_000);
    const maps = readFileSync(`/proc/${child.pid}/maps`, "utf8");
    const addons = new Set([...maps.matchAll(/\S*\/better_sqlite3\.node$/gm)].map(([file]) => file));
    assert.deepEqual(
      [...addons].map((file) => dirname(dirname(file))),
      [cache],
    );
  } finally {
    child.kill("SIGTERM");
  }
  await until("its end", () => child.exitCode !== null, 30_000);
});

const hasTmux = spawnSync("tmux", ["-V"]).status === 0;

test("the binary draws its screen and its dialogs in a terminal", {
  skip: hasTmux ? false : "needs tmux",
}, async () => {
  const home = join(folder, "screen");
  const env = { HOME: folder, TERM: "xterm-256color", PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8" };
  assert.equal(spawnSync(binary, ["serve", "--detach", "--port", "0", "--home", home], { env }).status, 0);
  const server = `bf-${process.pid}`;
  const tmux = (...args: string[]) =>
    spawnSync("tmux", ["-u", "-L", server, ...args], { env, encoding: "utf8" }).stdout;
  try {
    tmux("new-session", "-d", "-x", "120", "-y", "40", `'${binary}' tui --home '${home}'`);
    await until("the first frame", () => tmux("capture-pane", "-p").includes("serving"), 30_000);
    // Dialogs are laid out by Ink and its layout engine, which is WebAssembly.
    await until(
      "a dialog",
      () => {
        tmux("send-keys", "?");
        return tmux("capture-pane", "-p").includes("╭");
      },
      30_000,
    );
  } finally {
    tmux("kill-server");
    spawnSync(binary, ["stop", "--home", home, "--drain", "1s"], { env });
  }
});

const arm = "/usr/aarch64-linux-gnu";
const canRunArm = existsSync(join(arm, "lib")) && spawnSync("qemu-aarch64-static", ["--version"]).status === 0;
const hasArmNode = existsSync(join(root, ".cache/binary", `node-${process.versions.node}-arm64`));

test("makeBinary() makes the one for arm64 on x64, with its own native part", {
  skip:
    canRunArm && hasArmNode
      ? false
      : "needs qemu-user-static, libc6-arm64-cross, libstdc++6-arm64-cross, and Node for arm64 (npm run fetch:arm64)",
}, async () => {
  const out = join(folder, "arm64");
  await makeBinary({ arch: "arm64", out, origin: origins.first });
  const run = (...args: string[]) =>
    spawnSync("qemu-aarch64-static", ["-L", arm, out, ...args], { env: { HOME: folder }, encoding: "utf8" });
  assert.match(run("--version").stdout, /^0\.1\.0 commit 1{12} node 24/);
  const models = run("models", "--json", "--home", join(folder, "arm-home"));
  assert.match(models.stdout, /echo-paid/, models.stderr);
});
