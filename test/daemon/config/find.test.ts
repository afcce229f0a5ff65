import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findConfig } from "../../../daemon/config/find.ts";

test("findConfig() takes the folder's file before the home's before the system's", async (context) => {
  const root = await mkdtemp(join(tmpdir(), "bifrost-find-"));
  context.after(() => rm(root, { recursive: true, force: true }));
  const places = { directory: join(root, "here"), home: join(root, "home"), system: join(root, "etc") };
  assert.equal(findConfig(places), undefined);
  for (const folder of [places.system, places.home, places.directory]) {
    await mkdir(folder);
    assert.notEqual(findConfig(places), join(folder, "config.yaml"));
    await writeFile(join(folder, "config.yaml"), "{}");
    assert.equal(findConfig(places), join(folder, "config.yaml"));
  }
  await chmod(join(places.directory, "config.yaml"), 0);
  assert.equal(
    findConfig(places),
    join(places.directory, "config.yaml"),
    "a file that may not be read is not passed over",
  );
  assert.equal(findConfig({ ...places, explicit: "other.yaml" }), join(places.directory, "other.yaml"));
});

test("findConfig() passes over a folder of that name", async (context) => {
  const root = await mkdtemp(join(tmpdir(), "bifrost-find-"));
  context.after(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, "config.yaml"));
  assert.equal(findConfig({ directory: root, home: join(root, "none"), system: join(root, "none") }), undefined);
});
