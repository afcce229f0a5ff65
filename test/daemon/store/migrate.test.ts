import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openDatabase } from "../../../daemon/store/database.ts";
import { openMigrated } from "../../../daemon/store/migrate.ts";
import { stateMigrations, trafficMigrations } from "../../../daemon/store/migrations/list.ts";
import { temporaryHome } from "./fixtures.ts";

const first = {
  name: "20260101-0000-first",
  sql: "CREATE TABLE things (name TEXT); INSERT INTO things VALUES ('kept')",
};
const second = { name: "20260201-0000-second", sql: "ALTER TABLE things ADD COLUMN size INTEGER" };
const broken = { name: "20260301-0000-broken", sql: "ALTER TABLE things ADD COLUMN weight INTEGER; DROP TABLE absent" };

test("openMigrated() applies what is missing, once, and keeps a copy of a file that had data", (t) => {
  const file = join(temporaryHome(t), "a.db");
  const made = openMigrated(file, [first]);
  made.database.close();
  assert.deepEqual([made.applied, made.backup], [[first.name], undefined]);
  const changed = openMigrated(file, [first, second]);
  assert.deepEqual(changed.database.prepare("SELECT * FROM things").all(), [{ name: "kept", size: null }]);
  changed.database.close();
  const backup = openDatabase(changed.backup as string, { readonly: true });
  assert.deepEqual(backup.prepare("SELECT * FROM things").all(), [{ name: "kept" }]);
  backup.close();
  const again = openMigrated(file, [first, second]);
  again.database.close();
  assert.deepEqual(again.applied, []);
});

test("A56 openMigrated() leaves the old file usable when a migration fails", (t) => {
  const home = temporaryHome(t);
  const file = join(home, "a.db");
  openMigrated(file, [first]).database.close();
  assert.throws(() => openMigrated(file, [first, second, broken]), {
    code: "database_unavailable",
    message: /migration 20260301-0000-broken of a\.db failed: no such table: absent; the file is unchanged/,
  });
  const old = openMigrated(file, [first]);
  assert.deepEqual(old.database.prepare("SELECT * FROM things").all(), [{ name: "kept" }]);
  old.database.close();
  assert.deepEqual(readdirSync(home), ["a.db"]);
});

test("A56 openMigrated() refuses a file of a newer build and changes no byte of it", (t) => {
  const file = join(temporaryHome(t), "a.db");
  openMigrated(file, [first, second]).database.close();
  const before = readFileSync(file);
  assert.throws(() => openMigrated(file, [first]), {
    code: "database_unavailable",
    message: /newer bifrost.*20260201-0000-second/,
  });
  assert.deepEqual(readFileSync(file), before);
});

test("migrations are named by date and time, and in order", () => {
  for (const list of [stateMigrations, trafficMigrations]) {
    const names = list.map((migration) => migration.name);
    assert.deepEqual(names, [...names].sort());
    for (const name of names) assert.match(name, /^\d{8}-\d{4}-[a-z-]+$/);
  }
});
