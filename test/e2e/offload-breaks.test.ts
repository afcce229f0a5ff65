/** A store that is down, slow, forgetful or allows too little: texts stay or move, requests do not notice, and each fault is told. */
import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import type { LogAnswer } from "../../daemon/admin/contract/logs.ts";
import { ask } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const word = "quince-29";

/** A bucket in memory; `reply` may answer in its place. */
async function bucket(t: TestContext, reply: (method: string, response: ServerResponse) => boolean) {
  const objects = new Map<string, Buffer>();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const [method, name] = [request.method!, request.url!];
      asked.push(method);
      if (reply(method, response)) return;
      if (method === "PUT") objects.set(name, Buffer.concat(parts));
      if (method === "DELETE") objects.delete(name);
      const found = objects.get(name);
      response.statusCode = method === "GET" && found === undefined ? 404 : 200;
      response.end(method === "GET" ? (found ?? "<Error><Code>NoSuchKey</Code></Error>") : "");
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { objects, asked, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function daemonOver(t: TestContext, endpoint: string): Promise<Daemon> {
  const offload = {
    ...{ to: "s3", endpoint, bucket: "texts", access_key_id: "AKIATEST", secret_access_key: "env.S3_SECRET" },
  };
  const daemon = await startDaemon({
    env: { S3_SECRET: "canary-s3-secret" },
    config: { auth: { inference: "open" }, record: { content: "full", offload } },
  });
  t.after(() => daemon.stop());
  return daemon;
}

async function say(daemon: Daemon): Promise<string> {
  const { headers } = await ask(daemon.url, { dialect: "chat", model: "echo", prompt: word });
  return String(headers["x-request-id"]);
}

const show = (daemon: Daemon, id: string) => daemon.admin<LogAnswer>("GET", `/api/logs/${id}`);

async function moved(daemon: Daemon, id: string): Promise<LogAnswer> {
  return until(
    "the text to be moved",
    async () => {
      const answer = await show(daemon, id).catch(() => undefined);
      return answer?.content?.object != null && answer;
    },
    20_000,
  );
}

test("startOffload() goes on moving texts where the bucket lets it write and not delete, and says so", async (t) => {
  const { objects, asked, endpoint } = await bucket(t, (method, response) => {
    if (method !== "DELETE") return false;
    response.statusCode = 403;
    response.end("<Error><Code>AccessDenied</Code></Error>");
    return true;
  });
  const daemon = await daemonOver(t, endpoint);
  const first = await say(daemon);
  await moved(daemon, first);
  await daemon.admin("DELETE", "/api/logs", { ids: [first] });
  await until("two refusals", () => asked.filter((method) => method === "DELETE").length >= 2, 20_000);
  // More than one round moves, so that they must follow each other at once.
  const ids = await Promise.all(Array.from({ length: 120 }, () => say(daemon)));
  await until("all texts to be moved", () => objects.size === 121, 20_000);
  assert.ok((await show(daemon, ids.at(-1)!)).content!.request!.includes(word));
  assert.match(daemon.stderr(), /could not be deleted.*AccessDenied/s);
});

test("startOffload() keeps texts while the bucket does not answer, and does not keep the daemon from ending", async (t) => {
  const { asked, endpoint } = await bucket(t, () => true);
  const daemon = await daemonOver(t, endpoint);
  const id = await say(daemon);
  await until("a first try", () => asked.length > 0, 20_000);
  const { content } = await show(daemon, id);
  assert.ok(content!.object === null && content!.request!.includes(word));
  const startedAt = performance.now();
  const { code } = await daemon.kill("SIGTERM");
  assert.equal(code, 0);
  assert.ok(performance.now() - startedAt < 10_000, `${performance.now() - startedAt} ms`);
});

test("GET /api/logs/{id} shows the row, and why its text is not there, where the store has lost it", async (t) => {
  const { objects, endpoint } = await bucket(t, () => false);
  const daemon = await daemonOver(t, endpoint);
  const id = await say(daemon);
  await moved(daemon, id);
  objects.clear();
  const { request, content } = await show(daemon, id);
  assert.deepEqual([request.id, content?.request, content?.response], [id, null, null]);
  assert.match(String(content?.problem), /could not be read.*NoSuchKey/);
  const { stderr } = await daemon.cli("explain", id, "--content");
  assert.match(stderr, /could not be read/);
});
