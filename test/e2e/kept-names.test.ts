/** Names that requests bring along: each by itself while there is room, then all further ones together. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { OwnerListAnswer } from "../../daemon/admin/contract/owners.ts";
import { ask } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

let daemon: Daemon;
let key: string;
before(async () => {
  daemon = await startDaemon({
    config: {
      ledger: patientLedger,
      governance: {
        end_users: { kept_max: 2, each: { limits: [{ requests: 1, every: "1h" }] } },
        tags: { kept_max: 2, each: { limits: [{ requests: 1, every: "1s" }] } },
      },
    },
  });
  key = await daemon.createKey();
});
after(() => daemon?.stop());

const as = async (headers: Record<string, string>) =>
  (await ask(daemon.url, { dialect: "chat", model: "echo", key, headers })).status;
const names = async (path: string) => {
  const { owners } = await daemon.admin<OwnerListAnswer>("GET", `/api/governance/${path}`);
  return owners.map(({ name }) => name);
};

test("find() counts names beyond kept_max together, so that none is free of limits", async () => {
  const user = (name: string) => as({ "x-bifrost-end-user": name });
  assert.deepEqual([await user("ada"), await user("ada")], [200, 429]);
  assert.equal(await user("bob"), 200);
  assert.equal(await user("cy"), 200, "the first of the others");
  assert.equal(await user("di"), 429, "draws on what cy has used");
  assert.deepEqual([await user("ada"), await user("bob")], [429, 429]);
  assert.deepEqual(await names("end-users"), ["ada", "bob", "[others]"]);
});

test("sweep() makes room by letting go of names that have nothing in any window", async () => {
  const tag = (name: string) => as({ "x-bifrost-tags": name });
  assert.deepEqual([await tag("a"), await tag("b")], [200, 200]);
  assert.deepEqual(await names("tags"), ["a", "b"]);
  await until("their second to pass", async () => {
    const { limits } = (await daemon.admin<OwnerListAnswer>("GET", "/api/governance/tags")).owners[1]!;
    return limits[0]?.used === 0;
  });
  assert.equal(await tag("c"), 200);
  assert.deepEqual(await names("tags"), ["c"]);
});
