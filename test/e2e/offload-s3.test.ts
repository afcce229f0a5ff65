/** What was said, in a bucket of a real server of that kind, and out of it again. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import S3rver from "s3rver";
import type { StatsAnswer } from "../../daemon/admin/contract/log-statistics.ts";
import type { LogAnswer, LogsAnswer } from "../../daemon/admin/contract/logs.ts";
import { ask } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const word = "marmalade-53";

async function bucketServer(t: TestContext): Promise<{ endpoint: string; objects: () => readonly string[] }> {
  const directory = mkdtempSync(join(tmpdir(), "bf-s3-"));
  const options = { address: "127.0.0.1", port: 0, silent: true, directory, configureBuckets: [{ name: "texts" }] };
  const server = new S3rver(options);
  const { port } = await server.run();
  t.after(async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const objects = () =>
    readdirSync(join(directory, "texts"), { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith("._S3rver_object"),
    );
  return { endpoint: `http://127.0.0.1:${port}`, objects };
}

function config(endpoint: string, more: object = {}): object {
  const offload = {
    ...{ to: "s3", endpoint, bucket: "texts", region: "us-east-1" },
    ...{ access_key_id: "S3RVER", secret_access_key: "env.S3_SECRET" },
  };
  return { auth: { inference: "open" }, record: { content: "full", offload, ...more } };
}

async function say(daemon: Daemon): Promise<string> {
  const answer = await ask(daemon.url, { dialect: "chat", model: "echo", prompt: word });
  return String(answer.headers["x-request-id"]);
}

async function moved(daemon: Daemon, id: string): Promise<LogAnswer> {
  return until(
    "the text to be in the bucket",
    async () => {
      const answer = await daemon.admin<LogAnswer>("GET", `/api/logs/${id}`).catch(() => undefined);
      return answer?.content?.object != null && answer;
    },
    20_000,
  );
}

test("startOffload() moves texts to a real bucket, reads them back, and deletes them with their rows", async (t) => {
  const { endpoint, objects } = await bucketServer(t);
  const daemon = await startDaemon({ env: { S3_SECRET: "S3RVER" }, config: config(endpoint) });
  t.after(() => daemon.stop());
  const [first, second] = [await say(daemon), await say(daemon)];
  const answer = await moved(daemon, first);
  await moved(daemon, second);
  assert.ok(answer.content!.request!.includes(word) && answer.content!.response!.includes(word));
  assert.equal(objects().length, 2);
  assert.ok(objects().some((name) => name.includes(`${answer.content!.object}`)));
  await daemon.admin("DELETE", "/api/logs", { ids: [first] });
  await until("its object to be gone", () => objects().length === 1, 20_000);
  await assert.rejects(daemon.admin("GET", `/api/logs/${first}`), /404/);
});

test("retention takes rows, texts and their objects, each after its own time, and leaves the sums", async (t) => {
  const { endpoint, objects } = await bucketServer(t);
  const daemon = await startDaemon({
    env: { S3_SECRET: "S3RVER" },
    config: config(endpoint, { retention: "1h", content_retention: "2s" }),
  });
  t.after(() => daemon.stop());
  const id = await say(daemon);
  await moved(daemon, id);
  const rows = async () => (await daemon.admin<LogsAnswer>("GET", "/api/logs")).rows.length;
  const requests = async () => (await daemon.admin<StatsAnswer>("GET", "/api/logs/stats")).sums.requests;
  await until("the text to be old", async () => {
    const { request } = await daemon.admin<LogAnswer>("GET", `/api/logs/${id}`);
    return Date.now() - request.at > 2_500;
  });
  await daemon.restart(); // retention looks at once, and then every minute
  await until("the object to be gone", () => objects().length === 0, 20_000);
  const { content } = await daemon.admin<LogAnswer>("GET", `/api/logs/${id}`);
  assert.equal(content, null);
  assert.deepEqual([await rows(), await requests()], [1, 1]);
  daemon.writeConfig(config(endpoint, { retention: "1s" }));
  await daemon.restart();
  await until("the row to be gone", async () => (await rows()) === 0);
  assert.equal(await requests(), 1);
});

test("startOffload() with an access key that the bucket does not know keeps texts, says so, and goes on with the right one", async (t) => {
  const { endpoint, objects } = await bucketServer(t);
  const right = JSON.stringify(config(endpoint));
  const daemon = await startDaemon({
    env: { S3_SECRET: "canary-s3-secret" },
    config: right.replace('"S3RVER"', '"NOBODY"'),
  });
  t.after(() => daemon.stop());
  const id = await say(daemon);
  await until("the refusal", () => /could not be offloaded.*InvalidAccessKeyId/s.test(daemon.stderr()), 20_000);
  const { content } = await daemon.admin<LogAnswer>("GET", `/api/logs/${id}`);
  assert.ok(content?.object === null && content.request!.includes(word));
  assert.ok(!daemon.stderr().includes("canary-s3-secret"));
  daemon.writeConfig(right);
  await moved(daemon, id);
  assert.equal(objects().length, 1);
});
