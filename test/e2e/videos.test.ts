/** OpenAI's videos by its own SDK: begun by a model, looked at, loaded, remixed and deleted, and paid for by the second. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI, { toFile } from "openai";
import { type Account, startAccount } from "../support/account.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

type Video = { readonly id: string } & Readonly<Record<string, unknown>>;
const videos: Video[] = [];
const asked: { readonly method: string; readonly url: string; readonly type: string; readonly body: string }[] = [];
let told: Readonly<Record<string, unknown>> = {};
let upstream: Account;
let daemon: Daemon;
let config: (second: number) => object;
let key: string;
let stranger: string;

before(async () => {
  upstream = await startAccount(({ method, url, headers, body }) => {
    const type = headers["content-type"] ?? "";
    asked.push({ method, url: url.pathname + url.search, type, body: body.toString("latin1") });
    return answerTo(method, url);
  }, "video/mp4");
  const { port } = upstream;
  const provider = { base_url: `http://127.0.0.1:${port}/v1`, api_key: "env.KEY" };
  config = (second) => ({
    ledger: patientLedger,
    providers: { up: { ...provider, models: ["sora", "pro", "unpriced", "by-tokens"] } },
    aliases: { film: "up/sora", "film-that-fails": "up/sora", "given-back": "up/sora" },
    prices: {
      "up/sora": { video_second: second },
      "up/pro": { video_second: 0.3, video_sizes: { "1792x1024": 0.5 } },
      "up/by-tokens": { input: 1, output: 2 },
    },
  });
  daemon = await startDaemon({ env: { KEY: "upstream-secret" }, config: config(0.1) });
  [key, stranger] = [await daemon.createKey({ budget: "100/1d" }), await daemon.createKey()];
});
after(async () => {
  await daemon?.stop();
  upstream?.close();
});

function answerTo(method: string, { pathname }: URL): unknown {
  const [, , , id, verb] = pathname.split("/");
  if (verb === "content") return Buffer.from("bytes of a film");
  if (method === "DELETE") return { id, object: "video.deleted", deleted: true };
  if (method === "GET" && id !== undefined) return videos.find((each) => each.id === id);
  if (method === "GET") {
    const [first, last] = [videos[0]?.id ?? null, videos.at(-1)?.id ?? null];
    return { object: "list", data: videos, has_more: false, first_id: first, last_id: last };
  }
  const made = { id: `video_${videos.length + 1}`, object: "video", status: "queued", progress: 0, ...told };
  videos.unshift(verb === "remix" ? { ...made, remixed_from_video_id: id } : made);
  return videos[0];
}

const sdk = (apiKey: string, path = "/v1") => new OpenAI({ baseURL: daemon.url + path, apiKey, maxRetries: 0 });
const notFound = { status: 404, code: "not_found" };

async function post(apiKey: string, body: object, path = "/v1/videos") {
  const response = await fetch(daemon.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const { error, ...rest } = (await response.json()) as Video & { readonly error?: { code: string; param?: string } };
  return { status: response.status, error, body: rest, id: response.headers.get("x-request-id") };
}

/** In nano-dollars, of the requests for this model, the last first. */
async function costOf(model: string, count = 1): Promise<readonly (number | null)[]> {
  await daemon.settled();
  return (await daemon.rows(model, count)).map(({ cost_nano: nano }) => nano);
}

for (const path of ["/v1", "/openai/v1", "/litellm"]) {
  test(`a video is its maker's, from the first to the last, at ${path}`, async () => {
    const own = sdk(key, path).videos;
    const made = await own.create({ model: "up/sora" as "sora-2", prompt: "a cat", seconds: "8", size: "1280x720" });
    assert.match(made.id, /^up~video_\d+$/);
    assert.match(asked.at(-1)!.type, /^multipart\/form-data/);
    assert.match(asked.at(-1)!.body, /name="model"\r\n\r\nsora\r\n/);
    assert.equal((await own.retrieve(made.id)).id, made.id);
    assert.equal(asked.at(-1)!.url, `/v1/videos/${made.id.slice("up~".length)}`);
    const film = await own.downloadContent(made.id, { variant: "thumbnail" });
    assert.equal(film.headers.get("content-type"), "video/mp4");
    assert.equal(await film.text(), "bytes of a film");
    assert.match(asked.at(-1)!.url, /\/content\?variant=thumbnail$/);
    const remix = await own.remix(made.id, { prompt: "in the rain" });
    assert.equal(remix.remixed_from_video_id, made.id);
    const listed = (await own.list()).data.map(({ id }) => id);
    assert.ok(listed.includes(made.id) && listed.includes(remix.id));
    const count = asked.length;
    const other = sdk(stranger, path).videos;
    for (const ask of [
      () => other.retrieve(made.id),
      () => other.downloadContent(made.id),
      () => other.remix(made.id, { prompt: "mine" }),
      () => other.delete(made.id),
    ])
      await assert.rejects(ask(), notFound, String(ask));
    assert.equal(asked.length, count, "nothing of it reached the provider");
    assert.deepEqual((await other.list()).data, []);
    assert.equal((await own.delete(made.id)).deleted, true);
    await assert.rejects(own.retrieve(made.id), notFound);
  });
}

test("a video costs its seconds at the price of its size, when it is begun", async () => {
  await post(key, { model: "up/pro", prompt: "a", seconds: "4" });
  await post(key, { model: "up/pro", prompt: "a", seconds: 8, size: "1792x1024" });
  told = { seconds: "12", size: "1792x1024" };
  await post(key, { model: "up/pro", prompt: "a" });
  told = {};
  const { body } = await post(key, { model: "up/pro", prompt: "a", seconds: 10, n: 2 });
  await sdk(key).videos.remix(body.id, { prompt: "b" });
  const costs = await costOf("up/pro", 5);
  const remixed = 3_000_000_000; // as the film that it is made of
  assert.deepEqual(costs.toReversed(), [1_200_000_000, 4_000_000_000, 6_000_000_000, 6_000_000_000, remixed]);
});

test("a form is read for what it costs wherever it says so", async () => {
  const reference = await toFile(Buffer.alloc(300_000, 1), "a.png", { type: "image/png" });
  const late = { input_reference: reference, prompt: "a", model: "film" as "sora-2", seconds: "4" } as const;
  await sdk(key).videos.create(late);
  assert.match(asked.at(-1)!.body, /name="model"\r\n\r\nsora\r\n/);
  assert.deepEqual(await costOf("film"), [400_000_000]);
});

test("a video that is refused costs nothing, and one without a known price is not begun for a budget", async () => {
  const count = asked.length;
  for (const model of ["up/unpriced", "up/by-tokens"]) {
    const { status, error } = await post(key, { model, prompt: "a", seconds: 4 });
    assert.deepEqual([status, error?.code], [402, "unpriced_model"], model);
  }
  const poor = await daemon.createKey({ budget: "1/1d" });
  assert.equal((await post(poor, { model: "up/sora", prompt: "a", seconds: 12 })).error?.code, "budget_exceeded");
  assert.equal((await post(poor, { model: "up/sora", prompt: "a" })).error?.code, "budget_exceeded", "20 s are held");
  assert.equal(asked.length, count);
  assert.equal((await post(poor, { model: "up/sora", prompt: "a", seconds: 9 })).status, 200);
  told = { status: "failed", error: { code: "x", message: "no" } };
  assert.equal((await post(key, { model: "film-that-fails", prompt: "a", seconds: 9 })).status, 200);
  told = {};
  assert.deepEqual(await costOf("film-that-fails"), [0], "failed when it was begun");
});

test("a film that failed is given back once, whoever asks how often, and no later price takes it again", async () => {
  const spender = await daemon.createKey({ budget: "1/1d" });
  const film = { model: "given-back", prompt: "a", seconds: 9 };
  const spent = async () => {
    const own = await fetch(`${daemon.url}/v1/key`, { headers: { authorization: `Bearer ${spender}` } });
    return ((await own.json()) as { data: { usage: number } }).data.usage;
  };
  const reprice = async (second: number) => {
    daemon.writeConfig(config(second));
    await daemon.json("reload");
    await daemon.json("ledger", "reprice", "--since", "1d");
  };
  const { body, id } = await post(spender, film);
  await daemon.settled();
  assert.equal(await spent(), 0.9);
  assert.equal((await post(spender, film)).error?.code, "budget_exceeded");
  await reprice(0.05);
  assert.equal(await spent(), 0.45);
  const at = videos.findIndex((each) => `up~${each.id}` === body.id);
  videos[at] = { ...videos[at]!, status: "failed", error: { code: "moderation", message: "no" } };
  const asks = Array.from({ length: 8 }, () => sdk(spender).videos.retrieve(body.id));
  for (const { status } of await Promise.all(asks)) assert.equal(status, "failed");
  assert.equal(await spent(), 0);
  assert.equal((await daemon.settled()).ok, true);
  assert.match((await daemon.cli("explain", id!)).stdout, /corrected +\$0\.45 → \$0\S*, when the film had failed/);
  await reprice(0.1);
  assert.equal(await spent(), 0, "not charged anew");
  await sdk(spender).videos.retrieve(body.id);
  assert.equal(await spent(), 0);
  assert.equal((await post(spender, film)).status, 200, "there is room for another");
  assert.equal((await daemon.settled()).ok, true);
});

test("A66 a key for some models begins, remixes and looks at films of those only", async () => {
  const narrow = await daemon.createKey({ models: ["up/sora"] });
  const { body } = await post(narrow, { model: "up/sora", prompt: "a", seconds: 4 });
  assert.equal((await post(narrow, { model: "up/pro", prompt: "a", seconds: 4 })).error?.code, "model_not_allowed");
  assert.equal((await sdk(narrow).videos.retrieve(body.id)).id, body.id);
  await sdk(narrow).videos.remix(body.id, { prompt: "b" });
  await assert.rejects(sdk(narrow).videos.list(), { code: "model_not_allowed" });
  for (const [method, path] of [
    ["GET", `/v1/videos/${body.id.slice("up~".length)}`],
    ["POST", `/v1/videos/${body.id.slice("up~".length)}/remix`],
  ]) {
    const raw = await fetch(`${daemon.url}/passthrough/up${path}`, {
      ...{ method: method!, headers: { authorization: `Bearer ${stranger}` } },
    });
    assert.equal(raw.status, 404, "a raw call does not go round whose they are");
  }
});

test("what cannot be a film is refused by name, and nothing is sent", async () => {
  const count = asked.length;
  for (const [param, wrong] of Object.entries({
    model: { model: undefined },
    seconds: { seconds: "long" },
    size: { size: { w: 1 } },
    n: { n: 0 },
  })) {
    const { status, error } = await post(key, { model: "up/sora", prompt: "a", ...wrong });
    assert.deepEqual([status, error?.param], [400, param]);
  }
  assert.equal((await post(key, { prompt: "x" }, "/v1/videos/edits")).status, 404);
  assert.equal(asked.length, count);
});
