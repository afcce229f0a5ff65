/** Calls that are relayed as they come: forms, sound, pictures and files. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { after, before, beforeEach, describe, test } from "node:test";
import { until } from "../../support/until.ts";
import { answers, call, errorOf, type Lab, startLab, startUpstream, type Upstream } from "./lab.ts";

let upstream: Upstream;
let lab: Lab;
let key: string;
before(async () => {
  upstream = await startUpstream();
  lab = await startLab({
    auth: { files: "shared" },
    server: { body_max: "64KB", upload_max: "64MB" },
    providers: {
      up: { base_url: `${upstream.origin}/v1`, models: ["m"], api_key: "env.SECRET" },
      other: { base_url: `${upstream.origin}/other`, models: ["m2"], api_key: "env.SECRET" },
      claude: { base_url: `${upstream.origin}/v1`, dialect: "anthropic", models: ["c"], api_key: "env.SECRET" },
    },
    prices: { "up/*": { input: 1, output: 2 } },
    aliases: { whisper: "up/m" },
  });
});
beforeEach(() => {
  key = lab.createKey();
  upstream.seen.length = 0;
});
after(async () => {
  await lab?.stop();
  await upstream?.stop();
});

const boundary = "----b";
function form(parts: readonly (readonly [string, string])[]): string {
  const text = parts.map(
    ([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return `${text.join("")}--${boundary}--\r\n`;
}
const formType = { "content-type": `multipart/form-data; boundary=${boundary}` };
const post = (path: string, body: string, headers: Readonly<Record<string, string>> = {}) =>
  call(lab.url, { path, key, body, headers });
const lastRow = async () => (await lab.rows()).at(-1)!;

describe("forms", () => {
  test("go on with the model's name replaced and every other byte as it was", async () => {
    upstream.answer = answers({
      text: "hi",
      usage: { type: "tokens", input_tokens: 30, output_tokens: 5, total_tokens: 35 },
    });
    const sent = form([
      ["file", "\u0001 bytes \r\n-- of sound"],
      ["model", "whisper"],
      ["language", "en"],
    ]);
    const answer = await post("/v1/audio/transcriptions", sent, formType);
    assert.deepEqual([answer.status, JSON.parse(answer.text).text], [200, "hi"]);
    const [seen] = upstream.seen;
    assert.deepEqual(
      [seen?.path, seen?.headers["content-type"]],
      ["/v1/audio/transcriptions", formType["content-type"]],
    );
    assert.equal(seen?.body, sent.replace("whisper", "m"));
    assert.equal(seen?.headers.authorization, "Bearer upstream-secret");
    assert.equal(Number(seen?.headers["content-length"]), seen?.body.length);
    const row = await lastRow();
    assert.deepEqual([row.route, row.model, row.target, row.status], ["audio.transcriptions", "whisper", "up/m", 200]);
    assert.equal(lab.plane.bodyBytes, 0);
  });

  test("A61 pass while they come: what follows the model is not held", async () => {
    let received = 0;
    let held = 0;
    const server = createServer((incoming: IncomingMessage, response: ServerResponse) => {
      incoming.on("data", (bytes: Buffer) => {
        received += bytes.length;
        held = Math.max(held, lab.plane.bodyBytes);
      });
      incoming.on("end", () => response.end('{"text":"long"}'));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const streaming = await startLab({
      auth: { inference: "open" },
      server: { body_max: "64KB", upload_max: "64MB" },
      providers: { up: { base_url: `http://127.0.0.1:${port}/v1`, models: ["m"], api_key: "env.SECRET" } },
    });
    const outgoing = request(`${streaming.url}/v1/audio/transcriptions`, { method: "POST", headers: formType });
    const answered = new Promise<number>((resolve, reject) => {
      outgoing.on("response", (response) => resolve(response.resume().statusCode ?? 0));
      outgoing.on("error", reject);
    });
    const head = form([
      ["model", "m"],
      ["file", ""],
    ]).slice(0, -(boundary.length + 8));
    outgoing.write(head);
    const block = Buffer.alloc(1024 * 1024, 7);
    for (let index = 0; index < 20; index++) {
      outgoing.write(block);
      const expected = index * block.length;
      await until("the upstream to have had it", () => received > expected);
    }
    outgoing.end(`\r\n--${boundary}--\r\n`);
    assert.equal(await answered, 200);
    assert.ok(received > 20 * block.length);
    assert.equal(streaming.plane.bodyBytes, 0);
    assert.equal(held, 0);
    await streaming.stop();
    server.close();
  });

  test("are refused where they do not name a model, or two, or not in time", async () => {
    const big = "x".repeat(70_000);
    const cases: readonly (readonly [body: string, status: number, code: string])[] = [
      [form([["file", "x"]]), 400, "invalid_request"],
      [form([["model", ""]]), 400, "invalid_request"],
      [form([["model", "nobody/has-it"]]), 404, "model_not_found"],
      [
        form([
          ["file", big],
          ["model", "m"],
        ]),
        413,
        "payload_too_large",
      ],
      [
        form([
          ["model", "m"],
          ["file", big],
          ["model", "other"],
        ]),
        400,
        "invalid_request",
      ],
      [
        form([
          ["model", "m"],
          ["file", big],
        ]).slice(0, -20),
        400,
        "invalid_request",
      ],
    ];
    for (const [body, status, code] of cases) {
      const answer = await post("/v1/audio/transcriptions", body, formType);
      assert.deepEqual([answer.status, errorOf(answer).code], [status, code], body.slice(0, 80));
    }
    const noForm = await post("/v1/audio/transcriptions", "x", { "content-type": "multipart/mixed; boundary=x" });
    assert.deepEqual([noForm.status, errorOf(noForm).code], [415, "unsupported_media_type"]);
    const row = await lastRow();
    assert.equal(row.status, 415);
    assert.equal(lab.plane.bodyBytes, 0);
    await until("no upstream call left open", () => lab.plane.words[0] === 0);
  });

  test("end at the provider when their client leaves", async () => {
    let closed = false;
    const server = createServer((incoming) => incoming.resume().on("close", () => (closed = true)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const leaving = await startLab({
      auth: { inference: "open" },
      providers: { up: { base_url: `http://127.0.0.1:${port}/v1`, models: ["m"], api_key: "env.SECRET" } },
    });
    const outgoing = request(`${leaving.url}/v1/audio/translations`, { method: "POST", headers: formType });
    outgoing.on("error", () => {});
    const arrived = new Promise((resolve) => server.once("request", resolve));
    outgoing.write(
      form([
        ["model", "m"],
        ["file", "x"],
      ]).slice(0, -20),
    );
    await arrived;
    outgoing.destroy();
    await until("the end of the provider's call", () => closed, 2_000);
    assert.deepEqual(
      (await leaving.rows()).map(({ status }) => status),
      [499],
    );
    await leaving.stop();
    server.close();
  });
});

describe("sound and pictures", () => {
  test("reach the client as bytes, with what describes them", async () => {
    const sound = Buffer.from([0xff, 0xfb, 0, 1, 2, 254]);
    upstream.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "audio/mpeg", "openai-organization": "ours", "set-cookie": "a=b" });
      response.end(sound);
    };
    const answer = await new Promise<IncomingMessage & { bytes?: Buffer }>((resolve) => {
      const outgoing = request(
        `${lab.url}/v1/audio/speech`,
        { method: "POST", headers: { authorization: `Bearer ${key}`, "content-type": "application/json" } },
        (response: IncomingMessage & { bytes?: Buffer }) => {
          const parts: Buffer[] = [];
          response.on("data", (part: Buffer) => parts.push(part));
          response.on("end", () => resolve(Object.assign(response, { bytes: Buffer.concat(parts) })));
        },
      );
      outgoing.end(JSON.stringify({ model: "up/m", input: "hi", voice: "alloy" }));
    });
    assert.deepEqual([answer.statusCode, answer.headers["content-type"], answer.bytes], [200, "audio/mpeg", sound]);
    assert.deepEqual([answer.headers["openai-organization"], answer.headers["set-cookie"]], [undefined, undefined]);
    assert.deepEqual(JSON.parse(upstream.seen[0]!.body), { model: "m", input: "hi", voice: "alloy" });
  });

  test("of an image are paid for by the usage that is told, streamed or not", async () => {
    const usage = { input_tokens: 50, output_tokens: 4_000, total_tokens: 4_050 };
    upstream.answer = answers({ created: 1, data: [{ b64_json: "AAAA" }], usage });
    const body = { model: "up/m", prompt: "a cat" };
    await call(lab.url, { path: "/v1/images/generations", key, body });
    assert.equal((await lab.settled()).at(-1)?.record?.["status"], 200);
    assert.equal((await lastRow()).cost_nano, 50 * 1_000 + 4_000 * 2_000);
    upstream.answer = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write('event: image_generation.partial_image\ndata: {"type":"image_generation.partial_image"}\n\n');
      response.end(
        `event: image_generation.completed\ndata: ${JSON.stringify({ type: "image_generation.completed", usage })}\n\n`,
      );
    };
    const streamed = await call(lab.url, { path: "/v1/images/generations", key, body: { ...body, stream: true } });
    assert.match(streamed.text, /image_generation\.completed/);
    assert.equal((await lastRow()).cost_nano, 50 * 1_000 + 4_000 * 2_000);
  });

  test("fail in the caller's words, and go to a fallback before their first byte", async () => {
    upstream.answer = (incoming, response) => {
      const failed = incoming.url?.startsWith("/v1") === true;
      response.writeHead(failed ? 503 : 200, { "content-type": "application/json" });
      response.end(failed ? '{"error":{"message":"busy"}}' : '{"data":[]}');
    };
    const body = { model: "up/m", prompt: "x" };
    const refused = await call(lab.url, { path: "/v1/images/generations", key, body });
    assert.deepEqual([refused.status, errorOf(refused)["source"]], [503, "provider"]);
    const served = await call(lab.url, {
      path: "/v1/images/generations",
      key,
      body: { ...body, fallbacks: ["other/m2"] },
    });
    assert.deepEqual([served.status, served.text], [200, '{"data":[]}']);
    const never = await call(lab.url, { path: "/v1/images/generations", key, body: { ...body, model: "claude/c" } });
    assert.deepEqual([never.status, errorOf(never).code], [400, "unsupported_parameter"]);
  });
});

describe("files and batches", () => {
  test("carry their provider in their ids, both ways", async () => {
    upstream.answer = (incoming, response) => {
      const path = incoming.url ?? "";
      response.writeHead(200, { "content-type": "application/json" });
      if (path.includes("/content")) response.end("line one\nline two");
      else if (path.includes("/batches"))
        response.end(
          JSON.stringify({ id: "batch_1", input_file_id: "file-1", output_file_id: null, metadata: { id: "mine" } }),
        );
      else if (incoming.method === "GET" && path.endsWith("/files"))
        response.end(JSON.stringify({ data: [{ id: "file-1" }, { id: "file-2" }], first_id: "file-1" }));
      else response.end(JSON.stringify({ id: "file-1", object: "file" }));
    };
    const file = form([
      ["purpose", "batch"],
      ["file", "{}"],
    ]);
    const made = await post("/v1/files?provider=other", file, formType);
    assert.deepEqual(JSON.parse(made.text), { id: "other~file-1", object: "file" });
    assert.deepEqual([upstream.seen[0]?.path, upstream.seen[0]?.body], ["/other/files", file]);
    const list = await call(lab.url, { method: "GET", path: "/v1/files", key });
    assert.deepEqual(JSON.parse(list.text), {
      data: [{ id: "up~file-1" }, { id: "up~file-2" }],
      first_id: "up~file-1",
    });
    const one = await call(lab.url, { method: "GET", path: "/openai/v1/files/other~file-1", key });
    assert.deepEqual([JSON.parse(one.text).id, upstream.seen.at(-1)?.path], ["other~file-1", "/other/files/file-1"]);
    const content = await call(lab.url, { method: "GET", path: "/v1/files/other%7Efile-1/content", key });
    assert.deepEqual([content.text, upstream.seen.at(-1)?.path], ["line one\nline two", "/other/files/file-1/content"]);
    const batch = await call(lab.url, {
      path: "/v1/batches",
      key,
      body: { input_file_id: "other~file-1", endpoint: "/v1/chat/completions", completion_window: "24h" },
    });
    assert.deepEqual(JSON.parse(batch.text), {
      id: "other~batch_1",
      input_file_id: "other~file-1",
      output_file_id: null,
      metadata: { id: "mine" },
    });
    assert.equal(JSON.parse(upstream.seen.at(-1)!.body).input_file_id, "file-1");
    const cancelled = await call(lab.url, { path: "/v1/batches/other~batch_1/cancel", key });
    assert.deepEqual([cancelled.status, upstream.seen.at(-1)?.path], [200, "/other/batches/batch_1/cancel"]);
  });

  test("are for keys that may call every model of the provider", async () => {
    upstream.answer = answers({ data: [] });
    const status = async (models: readonly string[], path = "/v1/files") => {
      const answer = await call(lab.url, { method: "GET", path, key: lab.createKey({ models }) });
      return answer.status;
    };
    assert.deepEqual(
      await Promise.all([status(["*"]), status(["up/*"]), status(["up/m"]), status(["m*"])]),
      [200, 200, 403, 403],
    );
    assert.equal(await status(["up/*"], "/v1/files?provider=other"), 403);
    assert.equal(await status(["*"], "/v1/files?provider=nobody"), 404);
    assert.equal((await call(lab.url, { method: "GET", path: "/v1/files" })).status, 401);
    assert.equal((await call(lab.url, { method: "PUT", path: "/v1/files", key })).status, 405);
  });

  test("that cost nobody knows what are not for keys with a budget", async () => {
    const limited = lab.createKey({ budgetNano: 1_000_000_000 });
    upstream.answer = answers({ id: "batch_1" });
    const batch = await call(lab.url, {
      path: "/v1/batches?provider=other",
      key: limited,
      body: { input_file_id: "file-1" },
    });
    assert.deepEqual([batch.status, errorOf(batch).code], [402, "unpriced_model"]);
    assert.equal((await call(lab.url, { method: "GET", path: "/v1/files?provider=other", key: limited })).status, 200);
  });
});
