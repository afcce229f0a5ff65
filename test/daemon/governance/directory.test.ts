import assert from "node:assert/strict";
import { test } from "node:test";
import { createDirectoryReader, createDirectoryWriter } from "../../../daemon/governance/directory.ts";
import { createTables, openTables } from "../../../daemon/governance/tables.ts";

const header = { header: "x-user", required: false };

test("name() publishes what is new, and what was said already not again", () => {
  const tables = openTables(createTables({ workersMax: 1 }), 0);
  const [writer, reader] = [createDirectoryWriter(tables), createDirectoryReader(tables)];
  writer.put([{ id: 7, kind: "team", name: "t", budgets: [], limits: [], attributes: { blocked: ["o1"] } }]);
  const version = reader.version();
  writer.name({});
  assert.equal(reader.version(), version, "ten thousand owners would be written again at each start");
  writer.name({ end_user: header });
  assert.notEqual(reader.version(), version);
  assert.deepEqual(reader.read().names, { end_user: header });
  writer.name({});
  assert.equal(reader.read().names, undefined);
  assert.deepEqual(reader.read().owners[7]?.blocked, ["o1"]);
});
