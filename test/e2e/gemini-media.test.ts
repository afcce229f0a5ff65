/**
 * Pictures and films of Google's: predictions, and operations that end as files. By its own SDK of a major back, since the
 * newest makes films at Vertex only.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { GoogleGenAI } from "genai-previous";
import OpenAI from "openai";
import type { LogsAnswer } from "../../daemon/admin/contract/logs.ts";
import { type Account, startAccount } from "../support/account.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

const asked: { readonly method: string; readonly url: string; readonly body: string }[] = [];
let operations = 0;
let failing = false;
let upstream: Account;
let daemon: Daemon;
let key: string;
let stranger: string;

before(async () => {
  upstream = await startAccount(({ method, url, body }) => {
    const text = body.toString("utf8");
    asked.push({ method, url: url.pathname + url.search, body: text });
    return answer(url, text);
  }, "video/mp4");
  const { port } = upstream;
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: {
        up: {
          base_url: `http://127.0.0.1:${port}/v1beta`,
          dialect: "gemini",
          models: ["imagen", "veo", "gemini-2.5-flash-image"],
          api_key: "env.KEY",
        },
      },
      aliases: { picture: "up/imagen", film: "up/veo", usual: "up/veo" },
      prices: {
        "up/gemini-2.5-flash-image": { input: 1, output: 30 },
        "up/imagen": { image: 0.04 },
        "up/veo": { video_second: 0.4, video_sizes: { "1080p": 0.6 } },
      },
    },
  });
  [key, stranger] = [await daemon.createKey({ budget: "100/1d" }), await daemon.createKey()];
});
after(async () => {
  await daemon?.stop();
  upstream?.close();
});

function answer({ pathname }: URL, body: string): unknown {
  if (pathname.endsWith(":download")) return "bytes of a film";
  if (pathname.endsWith(":predict")) {
    const { parameters } = JSON.parse(body) as { parameters: { sampleCount: number } };
    const picture = { mimeType: "image/png", bytesBase64Encoded: "iVBORw0KGgo=" };
    return { predictions: Array.from({ length: parameters.sampleCount ?? 4 }, () => picture) };
  }
  if (pathname.endsWith(":generateContent"))
    return {
      candidates: [{ content: { parts: [{ inlineData: { mimeType: "image/png", data: "iVBORw0KGgo=" } }] } }],
      usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 1290, totalTokenCount: 1300 },
    };
  if (pathname.endsWith(":predictLongRunning")) return { name: `models/veo/operations/op${++operations}` };
  const [, id] = /operations\/(op\d+)$/.exec(pathname) ?? [];
  if (failing)
    return { name: `models/veo/operations/${id}`, done: true, error: { code: 3, message: "against the rules" } };
  const uri = `https://generativelanguage.googleapis.com/v1beta/files/film${id?.slice(2)}:download?alt=media`;
  return {
    name: `models/veo/operations/${id}`,
    done: true,
    response: { generateVideoResponse: { generatedSamples: [{ video: { uri } }] } },
  };
}

/** Pictures it has for Vertex only, where a key is enough as well. */
const vertex = (apiKey: string) => new GoogleGenAI({ vertexai: true, apiKey, httpOptions: { baseUrl: daemon.url } });
const sdk = (apiKey: string) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: daemon.url } });

async function costOf(model: string) {
  await daemon.settled();
  return (await daemon.rows(model)).map(({ cost_nano: nano }) => nano);
}

async function costOfRequest(id: string | null) {
  await daemon.explained(id);
  const { rows } = await daemon.admin<LogsAnswer>("GET", `/api/logs?id=${id}`);
  return rows[0]!.cost_nano;
}

test("A66 generateImages() is paid for by the picture, under the key's models and budget", async () => {
  const { generatedImages } = await vertex(key).models.generateImages({
    ...{ model: "picture", prompt: "a cat", config: { numberOfImages: 3 } },
  });
  assert.deepEqual([generatedImages?.length, asked.at(-1)!.url], [3, "/v1beta/models/imagen:predict"]);
  assert.deepEqual(await costOf("picture"), [120_000_000]);
  const count = asked.length;
  const poor = vertex(await daemon.createKey({ budget: "0.15/1d" }));
  await assert.rejects(poor.models.generateImages({ model: "up/imagen", prompt: "four of them" }), /budget/);
  const narrow = vertex(await daemon.createKey({ models: ["up/veo"] }));
  await assert.rejects(narrow.models.generateImages({ model: "up/imagen", prompt: "a" }), /may not call/);
  assert.equal(asked.length, count);
});

test("A66 OpenAI's images.generate() reaches Imagen and the models that answer with pictures, paid for as each is", async () => {
  const openai = new OpenAI({ apiKey: key, baseURL: `${daemon.url}/v1`, maxRetries: 0 });
  const picture = { b64_json: "iVBORw0KGgo=" };
  const { data: two, request_id: id } = await openai.images
    .generate({ model: "up/imagen", prompt: "a cat", n: 2, size: "1792x1024" })
    .withResponse();
  assert.deepEqual(two.data, [picture, picture]);
  assert.equal(asked.at(-1)!.url, "/v1beta/models/imagen:predict");
  assert.deepEqual(JSON.parse(asked.at(-1)!.body), {
    instances: [{ prompt: "a cat" }],
    parameters: { sampleCount: 2, aspectRatio: "16:9" },
  });
  assert.equal(await costOfRequest(id), 80_000_000);
  const model = "up/gemini-2.5-flash-image";
  const { data: answer, response } = await openai.images
    .generate({ model, prompt: "a cat", size: "1536x1024", quality: "high" })
    .withResponse();
  assert.deepEqual([answer.data, answer.usage?.total_tokens], [[picture], 1300]);
  assert.equal(response.headers.get("x-bifrost-dropped-params"), "quality");
  assert.equal(asked.at(-1)!.url, "/v1beta/models/gemini-2.5-flash-image:generateContent");
  assert.deepEqual(JSON.parse(asked.at(-1)!.body), {
    contents: [{ role: "user", parts: [{ text: "a cat" }] }],
    generationConfig: { responseModalities: ["IMAGE"], imageConfig: { aspectRatio: "3:2" } },
  });
  assert.equal(await costOfRequest(response.headers.get("x-request-id")), 10_000 + 1290 * 30_000);
  const count = asked.length;
  await assert.rejects(openai.images.generate({ model, prompt: "two", n: 2 }), /n: .* one picture a call/);
  await assert.rejects(openai.images.generate({ model, prompt: "some", stream: true }), /stream: /);
  await assert.rejects(vertex(key).models.generateImages({ model, prompt: "as Imagen's" }), /by generateContent/);
  assert.equal(asked.length, count);
});

test("A66 generateVideos() is paid for by the second, and its operation and file are their maker's", async () => {
  const config = { durationSeconds: 6, resolution: "1080p", numberOfVideos: 2 };
  const begun = await sdk(key).models.generateVideos({ model: "film", source: { prompt: "a cat" }, config });
  assert.equal(begun.name, "models/veo/operations/up~op1");
  assert.equal(asked.at(-1)!.url, "/v1beta/models/veo:predictLongRunning");
  assert.deepEqual(await costOf("film"), [7_200_000_000]);
  const operation = await sdk(key).operations.getVideosOperation({ operation: begun });
  assert.deepEqual([operation.done, asked.at(-1)!.url], [true, "/v1beta/models/veo/operations/op1"]);
  const { video } = operation.response!.generatedVideos![0]!;
  const downloadPath = join(daemon.home, "film.mp4");
  await sdk(key).files.download({ file: video!, downloadPath });
  assert.equal(readFileSync(downloadPath, "utf8"), "bytes of a film");
  const count = asked.length;
  await assert.rejects(sdk(stranger).operations.getVideosOperation({ operation: begun }), /404|not found|no such/i);
  const file = await fetch(`${daemon.url}/v1beta/files/film1:download?alt=media`, {
    headers: { "x-goog-api-key": stranger },
  });
  assert.equal(file.status, 404);
  assert.equal(asked.length, count, "nothing of it reached the provider");
});

test("a film that says nothing of its length is held and charged for as long as Google's are", async () => {
  const poor = sdk(await daemon.createKey({ budget: "3.1/1d" }));
  await assert.rejects(
    poor.models.generateVideos({ model: "up/veo", source: { prompt: "a" } }),
    /budget/,
    "in the dearest size: 8 × $0.60",
  );
  await sdk(key).models.generateVideos({ model: "usual", source: { prompt: "a" }, config: { resolution: "720p" } });
  assert.deepEqual(await costOf("usual"), [3_200_000_000]);
});

test("a film of Google's that failed is given back once, when somebody asks about it", async () => {
  const spender = await daemon.createKey({ budget: "4/1d" });
  const spent = async () => {
    const own = await fetch(`${daemon.url}/v1/key`, { headers: { authorization: `Bearer ${spender}` } });
    return ((await own.json()) as { data: { usage: number } }).data.usage;
  };
  const config = { durationSeconds: 8, resolution: "720p" };
  const begun = await sdk(spender).models.generateVideos({ model: "film", source: { prompt: "a" }, config });
  await daemon.settled();
  assert.equal(await spent(), 3.2);
  failing = true;
  for (let times = 0; times < 2; times++) {
    const { done, error } = await sdk(spender).operations.getVideosOperation({ operation: begun });
    assert.deepEqual([done, error?.["message"]], [true, "against the rules"]);
    await daemon.settled();
    assert.equal(await spent(), 0);
  }
  failing = false;
});
