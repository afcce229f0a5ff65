/** The trail as people read it, with what requests leave in it that needed more than one attempt. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditRecordView } from "../../daemon/admin/contract/audit.ts";
import { ask } from "../support/client.ts";
import { startDaemon } from "../support/daemon.ts";
import { startFaultUpstream } from "../support/fault-upstream.ts";

test("audit list tells an attempt that was not the last of its request, which has no record of its own", async (t) => {
  const upstream = await startFaultUpstream();
  t.after(() => upstream.stop());
  const up = { base_url: `${upstream.origin}/v1`, dialect: "openai-chat", api_key: "env.UP" };
  const daemon = await startDaemon({
    env: { UP: "secret" },
    config: {
      providers: { up },
      groups: { pair: { strategy: "ordered", targets: ["up/f4-500", "up/ok"] } },
      prices: { "up/*": { input: 1, output: 5 } },
    },
  });
  t.after(() => daemon.stop());
  const key = await daemon.createKey({ name: "ci", budget: "10/1d" });
  const answer = await ask(daemon.url, { dialect: "chat", model: "pair", key });
  assert.equal(answer.status, 200, answer.text);
  const id = answer.headers["x-request-id"];
  await daemon.rows("pair", 1);
  const { stdout, stderr } = await daemon.cli("audit", "list", "--json");
  const records = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as AuditRecordView);
  assert.deepEqual(
    records.filter(({ target }) => target === id).map(({ action, actor, outcome }) => [action, actor, outcome]),
    [
      ["chat.completions", "ci", "200"],
      ["attempt", "ci", ""],
    ],
    stderr,
  );
  assert.match((await daemon.cli("audit", "list")).stdout, /attempt +req_\w+ +–/);
});
