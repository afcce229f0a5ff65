/** What npm installs: one file, without a network, without a script, and it serves. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Packed, pack } from "../../tools/pack.ts";
import { origins } from "../support/binary.ts";
import { ask } from "../support/client.ts";
import { until } from "../support/until.ts";

const folder = mkdtempSync(join(tmpdir(), "bf-npm-"));
const env = {
  PATH: process.env["PATH"],
  HOME: folder,
  NO_COLOR: "1",
  npm_config_offline: "true",
  npm_config_audit: "false",
  npm_config_registry: "http://127.0.0.1:9/",
};
let packed: Packed;

before(async () => {
  packed = await pack(folder, origins.first, "git+https://git.example/bifrost.git");
});
after(() => rmSync(folder, { recursive: true, force: true }));

test("A65 the npm package names its source, asks for provenance, and has nothing that runs at install", () => {
  const { manifest } = packed;
  assert.deepEqual(manifest["repository"], { type: "git", url: "git+https://git.example/bifrost.git" });
  assert.equal(manifest["gitHead"], origins.first.commit);
  assert.deepEqual(manifest["publishConfig"], { access: "public", provenance: true });
  assert.ok(!("scripts" in manifest) && !("private" in manifest) && !("devDependencies" in manifest));
  const listed = spawnSync("tar", ["tzf", packed.file], { encoding: "utf8" }).stdout.split("\n");
  for (const name of ["dist/cli/main.js", "sbom.cdx.json", "sbom.spdx.json", "licences.txt", "LICENSE", "README.md"])
    assert.ok(listed.includes(`package/${name}`), name);
  // npm compiles whatever has a binding.gyp.
  assert.deepEqual(
    listed.filter((name) => /\.ts$|^package\/test|binding\.gyp$/.test(name)),
    [],
  );
  for (const name of listed.filter((each) => each.endsWith("package.json"))) {
    const text = spawnSync("tar", ["xzOf", packed.file, name], { encoding: "utf8" }).stdout;
    assert.ok(!("scripts" in (JSON.parse(text) as object)), name);
  }
});

test("npm i -g installs the package without a network, and the command serves", async () => {
  const installed = spawnSync("npm", ["install", "--global", "--prefix", folder, packed.file], {
    env,
    cwd: folder,
    encoding: "utf8",
    timeout: 180_000,
  });
  assert.equal(installed.status, 0, installed.stderr);
  const bifrost = join(folder, "bin", "bifrost");
  assert.match(spawnSync(bifrost, ["--version"], { env, encoding: "utf8" }).stdout, /^0\.1\.0 commit 1{12} /);
  const child = spawn(bifrost, ["serve", "--home", join(folder, "h"), "--port", "0"], { env, cwd: folder });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part: string) => {
      said += part;
    });
  try {
    const url = await until(
      "the ready line",
      () => {
        if (child.exitCode !== null) throw new Error(said);
        return /listening on (http\S+)/.exec(said)?.[1];
      },
      60_000,
    );
    const key = /sk-bf-\w+/.exec(said)?.[0];
    const answer = await ask(url, { dialect: "chat", model: "echo", key, prompt: "from npm" });
    assert.equal(answer.status, 200, answer.text);
  } finally {
    child.kill("SIGTERM");
    await until("its end", () => child.exitCode !== null || child.signalCode !== null, 60_000);
  }
  assert.equal(child.exitCode, 0, said);
});

test("npx runs the package's command", () => {
  const said = spawnSync("npx", ["--yes", "--package", packed.file, "bifrost", "--version"], {
    env,
    cwd: folder,
    encoding: "utf8",
    timeout: 180_000,
  });
  assert.match(said.stdout, /^0\.1\.0 /, said.stderr);
});
