/** Going back before a migration: what only adds is undone from its own text, written into the file. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Migration, openMigrated } from "../../../daemon/store/migrate.ts";
import { stateMigrations } from "../../../daemon/store/migrations/list.ts";
import { takeBackNewer } from "../../../daemon/store/take-back.ts";
import { deriveUndo, statementsOf } from "../../../daemon/store/undo.ts";

const first: Migration = { name: "20260101-0000-first", sql: "CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT" };
const second: Migration = {
  name: "20260102-0000-second",
  sql: `-- more; of everything
ALTER TABLE a ADD COLUMN owner TEXT;
UPDATE a SET owner = 'nobody; really';
CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER) STRICT;
CREATE INDEX b_a ON b (a);
INSERT INTO b VALUES (1, 2);`,
};
const rebuilt: Migration = { name: "20260103-0000-rebuilt", sql: "UPDATE a SET id = id + 1" };

function home(): string {
  return mkdtempSync(join(tmpdir(), "bf-undo-"));
}

test("deriveUndo() reads the way back from what only adds, last first", () => {
  assert.equal(
    deriveUndo(second.sql),
    'DROP INDEX IF EXISTS "b_a";\nDROP TABLE IF EXISTS "b";\nALTER TABLE "a" DROP COLUMN "owner";',
  );
});

for (const sql of [
  "DROP TABLE a",
  "UPDATE a SET x = 1",
  "ALTER TABLE a RENAME TO b",
  "DELETE FROM a",
  "INSERT INTO a VALUES (1)",
]) {
  test(`deriveUndo() knows no way back from ${sql}`, () => assert.equal(deriveUndo(sql), undefined));
}

test("statementsOf() leaves a trigger whole", () => {
  const trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = CASE WHEN 1 THEN 2 END; SELECT 1; END";
  assert.deepEqual(statementsOf(`${trigger};\nSELECT 'a;b' /* ; */;`), [trigger, "SELECT 'a;b'"]);
});

test("G3 every migration of state.db can be taken back", () => {
  const stuck = stateMigrations.slice(1).filter(({ sql, undo }) => (undo ?? deriveUndo(sql)) === undefined);
  assert.deepEqual(
    stuck.map(({ name }) => name),
    [],
  );
});

test("takeBackNewer() makes a file that the older program opens, with its rows, and keeps a copy", (t) => {
  const folder = home();
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "state.db");
  openMigrated(file, [first]).database.exec("INSERT INTO a VALUES (7)").close();
  openMigrated(file, [first, second]).database.exec("INSERT INTO a VALUES (8, 'me')").close();
  assert.throws(() => openMigrated(file, [first]), /written by a newer bifrost/);
  const done = takeBackNewer(folder, { state: [first.name], traffic: [] });
  assert.deepEqual(done.state, [second.name]);
  assert.ok(existsSync(done.copy!));
  const { database, applied } = openMigrated(file, [first]);
  assert.deepEqual(database.prepare("SELECT * FROM a").all(), [{ id: 7 }, { id: 8 }]);
  assert.deepEqual(applied, []);
  database.close();
});

test("takeBackNewer() changes nothing where one of the migrations has no way back", (t) => {
  const folder = home();
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "state.db");
  openMigrated(file, [first, second, rebuilt]).database.close();
  assert.throws(() => takeBackNewer(folder, { state: [first.name], traffic: [] }), /rebuilt, which cannot be undone/);
  assert.deepEqual(readdirSync(join(folder, "backups")), []);
  openMigrated(file, [first, second, rebuilt]).database.close();
});

test("takeBackNewer() sets a request log aside that has no way back", (t) => {
  const folder = home();
  t.after(() => rmSync(folder, { recursive: true }));
  openMigrated(join(folder, "state.db"), [first]).database.close();
  openMigrated(join(folder, "traffic.db"), [first, rebuilt]).database.close();
  const { aside } = takeBackNewer(folder, { state: [first.name], traffic: [first.name] });
  assert.ok(existsSync(aside!));
  assert.ok(!existsSync(join(folder, "traffic.db")));
});
