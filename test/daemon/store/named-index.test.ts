/** The index of owners by name, which serves only a question that says in its own words what it holds. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openStateWriter } from "../../../daemon/store/boot.ts";
import { isNamed } from "../../../daemon/store/definitions.ts";

test("isNamed lets a look-up by name use its index: with 100,000 keys a scan is what each first request would wait for", () => {
  const home = mkdtempSync(join(tmpdir(), "bf-ix-"));
  const writer = openStateWriter(home);
  try {
    for (const what of ["kind = ? AND name = ?", "kind = ?"]) {
      const rows = writer.database
        .prepare(`EXPLAIN QUERY PLAN SELECT id FROM scopes WHERE ${what} AND ${isNamed}`)
        .all(...what.match(/\?/g)!.map(() => "tag")) as { detail: string }[];
      assert.match(rows[0]!.detail, /SEARCH scopes USING .*INDEX scopes_name/, what);
    }
  } finally {
    writer.close();
    rmSync(home, { recursive: true, force: true });
  }
});
