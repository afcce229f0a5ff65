/** Keys that are to go once they have expired, over a real state.db. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemoryChange } from "../../../daemon/admin/services/governance.ts";
import { sweepExpired } from "../../../daemon/runtime/expired-keys.ts";
import type { SharedMemory } from "../../../daemon/runtime/shared-memory.ts";
import type { StoreThreads } from "../../../daemon/runtime/store-threads.ts";
import type { Command } from "../../../daemon/store/commands/command.ts";
import { openLab } from "../admin/admin-lab.ts";

test("sweepExpired() takes away expired keys that asked for it, and no others", async () => {
  const lab = openLab();
  const applied: MemoryChange[] = [];
  const commands = { execute: async (command: Command, actor: string) => lab.writer.execute(command, actor) };
  const sweep = () =>
    sweepExpired(
      lab.writer.database,
      { commands } as unknown as StoreThreads,
      { apply: (change: MemoryChange) => void applied.push(change) } as unknown as SharedMemory,
      lab.clock,
    );
  const listed = async () => {
    const answer = await lab.ask({ method: "GET", path: "/api/keys?all=true" });
    return "body" in answer ? (answer.body as { keys: { name: string }[] }).keys.map(({ name }) => name) : [];
  };
  const make = (name: string, body: object) => lab.ask({ method: "POST", path: "/api/keys", body: { name, ...body } });
  try {
    await make("goes", { expires_in_ms: 1_000, delete_expired: true });
    await make("stays expired", { expires_in_ms: 1_000 });
    await make("has time", { expires_in_ms: 2_000, delete_expired: true });
    await make("never", { delete_expired: true });
    lab.clock += 999;
    await sweep();
    assert.deepEqual([(await listed()).length, applied.length], [4, 0], "nothing before its time");
    lab.clock += 1;
    await sweep();
    assert.deepEqual(await listed(), ["stays expired", "has time", "never"]);
    assert.deepEqual([applied.length, applied[0]?.deletedKeys?.length, applied[0]?.deletedScopes?.length], [1, 1, 1]);
    assert.equal(lab.records().at(-1)?.action, "key.delete");
    await sweep();
    assert.equal(applied.length, 1, "once");
    assert.equal((await make("goes", {})).status, 200, "its name is free again");
  } finally {
    await lab.close();
  }
});
