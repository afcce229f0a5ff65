import assert from "node:assert/strict";
import { chmodSync, existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { databaseFault, openDatabase } from "../../../daemon/store/database.ts";
import { GatewayError } from "../../../providers/gateway-error.ts";
import { temporaryHome } from "./fixtures.ts";

test("openDatabase() makes the file and what lies beside it readable by its owner only", (t) => {
  const file = join(temporaryHome(t), "state.db");
  const database = openDatabase(file);
  database.exec("CREATE TABLE one (value)");
  const modes = [file, `${file}-wal`, `${file}-shm`].map((name) => statSync(name).mode & 0o777);
  database.close();
  assert.deepEqual(modes, [0o600, 0o600, 0o600]);
});

test("openDatabase() takes rights away from an existing file that has too many", (t) => {
  const file = join(temporaryHome(t), "state.db");
  openDatabase(file).close();
  chmodSync(file, 0o644);
  openDatabase(file).close();
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test("A55 openDatabase() calls a file that is no database unavailable, not a bug", (t) => {
  const file = join(temporaryHome(t), "state.db");
  writeFileSync(file, "this is a text of more than sixteen bytes, not a database".repeat(100));
  assert.throws(
    () => openDatabase(file),
    (error) => {
      assert.ok(error instanceof GatewayError);
      assert.deepEqual([error.code, error.status, databaseFault(error)], ["database_unavailable", 503, "corrupt"]);
      assert.match(error.message, /state\.db is damaged/);
      return true;
    },
  );
});

test("A55 databaseFault() tells a lock from every other fault", (t) => {
  const file = join(temporaryHome(t), "state.db");
  const first = openDatabase(file);
  const second = openDatabase(file, { busyMs: 0 });
  first.exec("CREATE TABLE one (value); BEGIN IMMEDIATE");
  assert.throws(
    () => second.exec("BEGIN IMMEDIATE"),
    (error) => databaseFault(error) === "locked",
  );
  first.close();
  second.close();
});

test("openDatabase() read-only does not make a file", (t) => {
  const file = join(temporaryHome(t), "none.db");
  assert.throws(() => openDatabase(file, { readonly: true }), { code: "database_unavailable" });
  assert.equal(existsSync(file), false);
});
