/** Texts on their way out of the database, and a daemon that is killed meanwhile. */
import assert from "node:assert/strict";
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { LogAnswer } from "../../daemon/admin/contract/logs.ts";
import { ask } from "../support/client.ts";
import { startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

test("startOffload() loses no text and leaves no half of one where the daemon is killed between two of them", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "bf-texts-"));
  const daemon = await startDaemon({
    config: { auth: { inference: "open" }, record: { content: "full", offload: { to: "files", path: folder } } },
  });
  t.after(async () => {
    await daemon.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const texts = () => globSync("**/*.json.gz", { cwd: folder });
  const ids: string[] = [];
  for (let round = 0; round < 3; round++) {
    const more = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        ask(daemon.url, { dialect: "chat", model: "echo", prompt: `plum-${ids.length + index}.` }),
      ),
    );
    ids.push(...more.map(({ headers }) => String(headers["x-request-id"])));
    await daemon.explained(ids.at(-1)!);
    const before = texts().length;
    await until("some to be moved", () => texts().length > before);
    await daemon.kill("SIGKILL");
    await daemon.restart();
  }
  const kept = async (id: string) =>
    (await daemon.admin<LogAnswer>("GET", `/api/logs/${id}`).catch(() => undefined))?.content;
  let found = 0;
  for (const [index, id] of ids.entries()) {
    const content = await kept(id);
    // What was not committed when the daemon was killed is not there at all; what is has its text.
    if (content == null) continue;
    found += 1;
    assert.ok(content.request?.includes(`plum-${index}.`), `${id}: ${JSON.stringify(content)}`);
  }
  assert.ok(found >= 60, `${found} texts`);
  const last = await ask(daemon.url, { dialect: "chat", model: "echo", prompt: "the last" });
  await until(
    "all to be moved",
    async () => (await kept(String(last.headers["x-request-id"])))?.object != null,
    30_000,
  );
  assert.deepEqual(globSync("**/*.part", { cwd: folder }), []);
});
