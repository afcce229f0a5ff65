/** Changes that are on disk, on their way into the tables that all threads share. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createLock, recoverOwner } from "../../../daemon/governance/lock.ts";
import { openTables } from "../../../daemon/governance/tables.ts";
import { fillSharedMemory } from "../../../daemon/runtime/shared-memory.ts";
import { openStateWriter } from "../../../daemon/store/boot.ts";
import type { ScopeChange } from "../../../daemon/store/commands/command.ts";
import { until } from "../../support/until.ts";
import { createKey, temporaryHome } from "../store/fixtures.ts";

test("A11 apply() makes the changes behind one that cannot be made", (t) => {
  const home = temporaryHome(t, () => writer.close());
  const memory = fillSharedMemory(home, 2, Date.now());
  const writer = openStateWriter(home);
  const { key, hashes, scopes } = writer.execute(createKey(1), "cli");
  memory.put({ key: key!, hashes, scopes });
  const apply = (concurrencyMax: number) => memory.apply({ scopes: [{ ...scopes[0]!, concurrencyMax }] });
  const most = () => memory.peek(1, Date.now())?.concurrencyMax;
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const dead = openTables(memory.shared, 2);
  createLock(dead).acquire();
  for (const change of [5, -1, 7]) apply(change);
  recoverOwner(dead, 2);
  assert.throws(() => t.mock.timers.tick(10), RangeError);
  assert.equal(most(), 5);
  t.mock.timers.tick(10);
  assert.equal(most(), 7);
  apply(9);
  assert.equal(most(), 9);
});

test("A11 apply() puts what a locked ledger kept out in force as soon as it is free, in order", async (t) => {
  const home = temporaryHome(t, () => writer.close());
  const memory = fillSharedMemory(home, 2, Date.now());
  const writer = openStateWriter(home);
  const { key, hashes, scopes } = writer.execute(createKey(1), "cli");
  memory.put({ key: key!, hashes, scopes });
  const change = (concurrencyMax: number) => {
    const wanted: ScopeChange = { concurrencyMax };
    memory.apply({ scopes: writer.execute({ kind: "update_scope", scopeId: 1, ...wanted }, "cli").scopes });
  };
  const most = () => memory.peek(1, Date.now())?.concurrencyMax;
  change(3);
  assert.equal(most(), 3);
  const dead = openTables(memory.shared, 2);
  createLock(dead).acquire();
  change(5);
  change(7);
  recoverOwner(dead, 2);
  await until("the last of them", () => most() === 7);
});
