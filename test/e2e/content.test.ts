/** What a real daemon keeps of what was said: who decides, what is masked, where it goes. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { KeySecretAnswer } from "../../daemon/admin/contract/keys.ts";
import type { LogAnswer, LogsAnswer } from "../../daemon/admin/contract/logs.ts";
import { ask } from "../support/client.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { isSignedWith } from "../support/sigv4.ts";
import { until } from "../support/until.ts";

const word = "xylophone-71";
const secretInPrompt = "sk-proj-abcdefghijklmnop1234";

async function keyWith(daemon: Daemon, content?: string): Promise<string> {
  const body = { name: `key-${content}-${Math.random()}`, ...(content === undefined ? {} : { content }) };
  return (await daemon.admin<KeySecretAnswer>("POST", "/api/keys", body)).secret;
}

async function said(daemon: Daemon, key: string, stream: boolean, level?: string): Promise<LogAnswer> {
  const prompt = `${word} ada@example.org ${secretInPrompt} EMP-123456 4111 1111 1111 1111`;
  const headers = level === undefined ? {} : { "x-bifrost-content": level };
  const { headers: told } = await ask(daemon.url, { dialect: "chat", model: "echo", key, stream, prompt, headers });
  const id = String(told["x-request-id"]);
  return until("the row", () => daemon.admin<LogAnswer>("GET", `/api/logs/${id}`).catch(() => undefined));
}

test("keepRequest() keeps what key and request say, masked, and nothing unless told to", async (t) => {
  const daemon = await startDaemon({
    config: {
      record: { redact: ["secrets", "emails", "cards"], redact_patterns: ["EMP-[0-9]{6}"], content_max: "4KB" },
    },
  });
  t.after(() => daemon.stop());
  const [usual, shape, full] = [
    await keyWith(daemon),
    await keyWith(daemon, "metadata"),
    await keyWith(daemon, "full"),
  ];
  assert.deepEqual((await said(daemon, usual, false)).content, null);
  assert.deepEqual((await said(daemon, usual, false, "full")).content, null); // a request may ask for less only
  assert.deepEqual((await said(daemon, full, true, "off")).content, null);
  for (const answer of [await said(daemon, shape, false), await said(daemon, full, false, "metadata")]) {
    assert.deepEqual(
      [answer.request.content, answer.content?.request, answer.content?.response],
      ["metadata", null, null],
    );
    assert.ok(!JSON.stringify(answer).includes(word));
    const { messages, parameters } = answer.content!.metadata as { messages: object[]; parameters: object };
    assert.deepEqual(parameters, { model: "echo", stream: false });
    assert.deepEqual(Object.keys(messages[0]!), ["role", "characters"]);
  }
  for (const stream of [true, false]) {
    const { content, request } = await said(daemon, full, stream);
    assert.deepEqual([request.content, content?.level, content?.truncated], ["full", "full", false]);
    const [asked, told] = [content!.request!, content!.response!];
    assert.ok(asked.includes(word) && told.includes("xylophone"), told);
    for (const masked of ["ada@example.org", secretInPrompt, "EMP-123456", "4111"])
      assert.ok(!asked.includes(masked) && !told.includes(masked), `${masked} in ${asked} ${told}`);
    assert.match(asked, /\[email\] \[secret\] \[redacted\] \[card\]/);
  }
  const found = await daemon.admin<LogsAnswer>("GET", `/api/logs?text=${word.toUpperCase()}`);
  assert.equal(found.rows.length, 2);
  const [large] = [await said(daemon, full, false)];
  assert.equal(large.content?.truncated, false);
  const prompt = "y".repeat(10_000);
  await ask(daemon.url, { dialect: "chat", model: "echo", key: full, prompt });
  const cut = await until("the long one", async () => {
    const { rows } = await daemon.admin<LogsAnswer>("GET", "/api/logs?text=yyyyyyyy");
    return rows[0] && daemon.admin<LogAnswer>("GET", `/api/logs/${rows[0].id}`);
  });
  assert.deepEqual([cut.content?.truncated, cut.content?.request?.length], [true, 4_096]);
  // Nothing unmasked is in the file either.
  await daemon.kill("SIGTERM");
  for (const name of readdirSync(daemon.home).filter((file) => file.startsWith("traffic.db")))
    assert.ok(!readFileSync(join(daemon.home, name)).includes("ada@example.org"), name);
});

test("startOffload() moves texts to a folder, gives them back, and deletes them with their row", async (t) => {
  const daemon = await startDaemon({
    config: { record: { content: "full", offload: { to: "files", path: "texts" } } },
  });
  t.after(() => daemon.stop());
  const key = await keyWith(daemon);
  const { request } = await said(daemon, key, false);
  const moved = await until("the text to be moved", async () => {
    const answer = await daemon.admin<LogAnswer>("GET", `/api/logs/${request.id}`);
    return answer.content?.object !== null && answer;
  });
  const file = join(daemon.home, "texts", moved.content!.object!);
  assert.ok(existsSync(file));
  assert.ok(moved.content!.request!.includes(word));
  assert.ok(!readFileSync(join(daemon.home, "traffic.db")).includes(word));
  await daemon.admin("DELETE", "/api/logs", { ids: [request.id] });
  await until("the file to be gone", () => !existsSync(file));
  await assert.rejects(daemon.admin("GET", `/api/logs/${request.id}`), /404/);
});

test("startOffload() speaks S3, and a bucket that is down loses nothing", async (t) => {
  type Seen = {
    readonly method: string;
    readonly url: string;
    readonly head: IncomingMessage["headers"];
    readonly body: Buffer;
  };
  const seen: Seen[] = [];
  const objects = new Map<string, Buffer>();
  let down = true;
  const server = createServer((incoming, outgoing) => {
    const parts: Buffer[] = [];
    incoming.on("data", (part: Buffer) => parts.push(part));
    incoming.on("end", () => {
      const [method, url] = [incoming.method!, incoming.url!];
      seen.push({ method, url, head: incoming.headers, body: Buffer.concat(parts) });
      if (down) {
        outgoing.writeHead(503).end("<Error><Code>SlowDown</Code></Error>");
        return;
      }
      if (method === "PUT") objects.set(url, Buffer.concat(parts));
      outgoing
        .writeHead(method === "GET" && !objects.has(url) ? 404 : 200)
        .end(method === "GET" ? objects.get(url) : "");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  t.after(() => server.close().closeAllConnections());
  const offload = {
    ...{ to: "s3", endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bucket: "texts" },
    ...{ access_key_id: "AKIATEST", secret_access_key: "env.S3_SECRET", region: "eu-central-1" },
  };
  const daemon = await startDaemon({
    env: { S3_SECRET: "canary-s3-secret" },
    config: { record: { content: "full", offload } },
  });
  t.after(() => daemon.stop());
  const { request } = await said(daemon, await keyWith(daemon), false);
  await until("a first try", () => seen.length > 0);
  const kept = await daemon.admin<LogAnswer>("GET", `/api/logs/${request.id}`);
  assert.ok(kept.content?.object === null && kept.content.request!.includes(word));
  down = false;
  const moved = await until(
    "the text to be moved",
    async () => {
      const answer = await daemon.admin<LogAnswer>("GET", `/api/logs/${request.id}`);
      return answer.content?.object !== null && answer;
    },
    20_000,
  );
  assert.ok(moved.content!.request!.includes(word));
  const { url, head, body } = seen.findLast(({ method }) => method === "PUT")!;
  assert.match(url, /^\/texts\/bifrost\/\d{4}\/\d\d\/\d\d\/req_[0-9A-Z]{26}\.json\.gz$/);
  assert.match(
    String(head.authorization),
    /^AWS4-HMAC-SHA256 Credential=AKIATEST\/\d{8}\/eu-central-1\/s3\/aws4_request, SignedHeaders=[^ ]*host[^ ]*, Signature=[0-9a-f]{64}$/,
  );
  assert.equal(head["x-amz-content-sha256"], createHash("sha256").update(body).digest("hex"));
  const signed = { method: "PUT", path: url, headers: head, body };
  assert.ok(isSignedWith("canary-s3-secret", signed) && !isSignedWith("another", signed));
  assert.ok(!daemon.stderr().includes("canary-s3-secret"));
  assert.match(daemon.stderr(), /could not be offloaded/);
});
