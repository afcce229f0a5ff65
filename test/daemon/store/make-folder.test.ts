/** Folders that are not there yet, and those that cannot be. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeFolder } from "../../../daemon/store/make-folder.ts";

function within(body: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "bifrost-folder-"));
  try {
    body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("makeFolder() makes what is missing on the way, for this user alone, and minds no folder that is there", () =>
  within((folder) => {
    makeFolder(join(folder, "a/b/c"));
    makeFolder(join(folder, "a/b/c"));
    const modes = ["a", "a/b", "a/b/c"].map((name) => statSync(join(folder, name)).mode & 0o777);
    assert.deepEqual(modes, [0o700, 0o700, 0o700]);
    symlinkSync(join(folder, "a"), join(folder, "link"));
    makeFolder(join(folder, "link/b/d"));
    assert.ok(statSync(join(folder, "a/b/d")).isDirectory());
  }));

test("makeFolder() refuses where a file stands in the way", () =>
  within((folder) => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    assert.throws(() => makeFolder(file), { code: "EEXIST", path: file });
    assert.throws(() => makeFolder(join(file, "below")), { code: "ENOTDIR" });
  }));

test("makeFolder() ends where nothing can be made", { skip: process.platform !== "linux" }, () => {
  // In a process of its own: what never returns cannot be waited for here.
  const module = new URL("../../../daemon/store/make-folder.ts", import.meta.url).href;
  const source = `import { makeFolder } from ${JSON.stringify(module)};
    try { makeFolder("/proc/nope/deeper"); } catch (error) { console.log(error.code, error.path); }`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", source], {
    encoding: "utf8",
    timeout: 20_000,
    killSignal: "SIGKILL",
  });
  assert.equal(stdout, "ENOENT /proc/nope\n");
});
