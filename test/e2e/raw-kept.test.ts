/**
 * What a provider keeps beside files and batches, asked for raw: everybody's is in one account, and each key is told of
 * its owner's.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Account, startAccount } from "../support/account.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";

type Thing = Readonly<Record<string, unknown>>;
type Told = { readonly status: number; readonly body: Record<string, unknown>; readonly text: string };

/** Newest first, by the path they were made under; `elsewhere` was made with the account and not through the gateway. */
const kept = new Map<string, Thing[]>();
const asked: string[] = [];
let lastHeaders: readonly string[] = [];
let made = 0;
let upstream: Account;
let daemon: Daemon;
let key: string;
let colleague: string;
let stranger: string;

before(async () => {
  upstream = await startAccount(({ method, url, headers, body }) => {
    asked.push(`${method} ${url.pathname}${url.search}`);
    lastHeaders = Object.keys(headers);
    return answer(method, url, body.toString("utf8"));
  }, "text/event-stream");
  const { port } = upstream;
  const at = (path: string, dialect: string) => ({
    base_url: `http://127.0.0.1:${port}${path}`,
    dialect,
    models: ["m", "veo"],
    api_key: "env.KEY",
  });
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: {
        up: at("/v1", "openai-chat"),
        an: at("/v1", "anthropic"),
        ge: at("/v1beta", "gemini"),
        co: at("/v1", "cohere"),
      },
      prices: Object.fromEntries(["up", "an", "ge", "co"].map((name) => [`${name}/*`, { input: 1, output: 2 }])),
    },
  });
  for (const name of ["red", "blue"]) await daemon.admin("POST", "/api/governance/teams", { name });
  const make = async (name: string, team: string) =>
    (await daemon.admin<{ secret: string }>("POST", "/api/keys", { name, team })).secret;
  key = await make("one", "red");
  colleague = await make("two", "red");
  stranger = await make("three", "blue");
});
after(async () => {
  await daemon?.stop();
  upstream?.close();
});

/** Lists under these names, where a vendor does not say `data`. */
const lists: Readonly<Record<string, string>> = { fileSearchStores: "fileSearchStores", datasets: "datasets" };

function answer(method: string, { pathname, searchParams }: URL, body: string): unknown {
  const path = pathname.replace(/^\/v1(?:beta)?\//, "");
  if (path.endsWith(":predictLongRunning")) return { name: "models/veo/operations/op-1" };
  if (path === "models/veo/operations/op-1") {
    const video = { uri: "https://generativelanguage.googleapis.com/v1beta/files/veo-1:download?alt=media" };
    return { done: true, response: { generateVideoResponse: { generatedSamples: [{ video }] } } };
  }
  if (path === "threads/runs" || path === "interactions") {
    const id = `${path === "interactions" ? "int" : "thread"}_${++made}`;
    if (!body.includes('"stream":true')) return { id: `run_${made}`, thread_id: id };
    const event = path === "interactions" ? { interaction: { id } } : { id, object: "thread" };
    return `data: ${JSON.stringify(event)}\n\ndata: [DONE]\n\n`;
  }
  const [, folder = "", id, more] = /^((?:(?:fine_tuning|batch)\/)?[\w-]+)(?:\/([^/:]+))?(.*)$/.exec(path) ?? [];
  const all = kept.get(folder) ?? kept.set(folder, []).get(folder)!;
  if (method === "POST" && id === undefined) {
    const thing =
      folder === "fileSearchStores"
        ? { name: `${folder}/store-${++made}` }
        : { id: `${folder.replace("/", "_")}-${++made}` };
    all.unshift(thing);
    return thing;
  }
  if (more === "/complete") return { id, object: "upload", file: { id: `file-of-${id}` } };
  if (more === "/remix") return { id: `remix-of-${id}` };
  if (method === "DELETE") return { id, deleted: true };
  if (folder === "batch/jobs" && more === "" && id !== undefined) return { id, output_file: `out-of-${id}` };
  if (id !== undefined) return { id, inside: more };
  const from = searchParams.get("after");
  const start = from === null ? 0 : all.findIndex((each) => each["id"] === from) + 1;
  const size = Math.min(Number(searchParams.get("limit") ?? 20), 100);
  const data = all.slice(start, start + size);
  if (lists[folder] !== undefined) return { [lists[folder]]: data };
  if (folder === "libraries") return data;
  return { object: "list", data, has_more: start + size < all.length };
}

async function raw(apiKey: string, method: string, path: string, body?: object): Promise<Told> {
  const response = await fetch(`${daemon.url}/passthrough/${path}`, {
    method,
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return { status: response.status, text, body: isJson && text !== "" ? (JSON.parse(text) as Told["body"]) : {} };
}

const families = [
  "up/v1/assistants",
  "up/threads",
  "up/v1/vector_stores",
  "up/v1/conversations",
  "up/v1/fine_tuning/jobs",
  "up/v1/evals",
  "up/v1/videos",
  "up/v1/skills",
  "up/v1/uploads",
  "up/v1/agents",
  "up/v1/libraries",
  "up/v1/batch/jobs",
  "an/v1/skills",
  "an/v1/memory_stores",
  "co/v1/datasets",
  "ge/v1beta/fileSearchStores",
];

for (const family of families) {
  test(`A66 aboutRaw() keeps what ${family} makes for its maker`, async () => {
    const folder = family.slice(family.indexOf("/"));
    const plain = folder.replace(/^\/v1(?:beta)?\//, "/").slice(1);
    kept.get(plain)?.splice(0);
    const made = await raw(key, "POST", family, { name: "mine" });
    assert.equal(made.status, 200, made.text);
    const id = String(made.body["id"] ?? made.body["name"]).replace(/^fileSearchStores\//, "");
    kept.get(plain)!.unshift({ id: "elsewhere", name: "fileSearchStores/elsewhere" });
    const theirs = await raw(stranger, "POST", family, {});
    const before = asked.length;
    for (const [method, path] of [
      ["GET", `${family}/${id}`],
      ["HEAD", `${family}/${id}`],
      ["POST", `${family}/${id}`],
      ["DELETE", `${family}/${id}`],
      ["GET", `${family}/${id}/items`],
      ["POST", `${family}/${id}/cancel`],
      ["GET", `${family}//${id}`],
      ["GET", `${family}%2f${id}`],
      ["PATCH", `${family}/${id}?x=1`],
      ["GET", `${family}/elsewhere`],
    ] as const)
      assert.equal((await raw(stranger, method, path, method === "POST" ? {} : undefined)).status, 404, path);
    assert.equal(asked.length, before, "nothing of it reached the provider");
    for (const own of [key, colleague]) {
      assert.equal((await raw(own, "GET", `${family}/${id}`)).status, 200);
      assert.equal((await raw(own, "GET", `${family}/${id}/items`)).status, 200);
      const listed = await raw(own, "GET", family);
      assert.ok(listed.text.includes(id), listed.text);
      assert.ok(!listed.text.includes("elsewhere"), listed.text);
      assert.ok(!listed.text.includes(String(theirs.body["id"] ?? theirs.body["name"])), listed.text);
    }
    assert.equal((await raw(colleague, "DELETE", `${family}/${id}`)).status, 200);
    assert.equal((await raw(key, "GET", `${family}/${id}`)).status, 404, "what is deleted is nobody's");
  });
}

test("aboutRaw() finds the caller's own behind many of others, page by page", async () => {
  const folder = "vector_stores";
  kept.set(folder, []);
  const mine = [(await raw(key, "POST", "up/v1/vector_stores", {})).body["id"]];
  for (let other = 0; other < 130; other++) kept.get(folder)!.unshift({ id: `vs_other_${other}` });
  mine.unshift((await raw(key, "POST", "up/v1/vector_stores", {})).body["id"]);
  const listed = await raw(key, "GET", "up/v1/vector_stores?limit=10&order=desc");
  assert.deepEqual(
    (listed.body["data"] as Thing[]).map(({ id }) => id),
    mine,
  );
  assert.match(asked.at(-1)!, /limit=100/);
  assert.match(asked.at(-1)!, /order=desc/);
});

test("aboutRaw() claims what is made on the way: a thread of a run, a file of an upload, a video of another", async () => {
  const run = await raw(key, "POST", "up/v1/threads/runs", { assistant_id: "none" });
  assert.equal((await raw(key, "GET", `up/v1/threads/${String(run.body["thread_id"])}`)).status, 200);
  assert.equal((await raw(stranger, "GET", `up/v1/threads/${String(run.body["thread_id"])}`)).status, 404);
  const upload = String((await raw(key, "POST", "up/v1/uploads", {})).body["id"]);
  const complete = await raw(key, "POST", `up/v1/uploads/${upload}/complete`, { part_ids: [] });
  assert.equal(complete.status, 200, complete.text);
  const files = async (apiKey: string) => {
    const path = `${daemon.url}/v1/files/up~file-of-${upload}`;
    const response = await fetch(path, { headers: { authorization: `Bearer ${apiKey}` } });
    await response.body?.cancel();
    return response.status;
  };
  assert.deepEqual([await files(key), await files(stranger)], [200, 404]);
  const video = String((await raw(key, "POST", "up/v1/videos", { prompt: "x" })).body["id"]);
  assert.equal((await raw(stranger, "POST", `up/v1/videos/${video}/remix`, {})).status, 404);
  const remix = String((await raw(key, "POST", `up/v1/videos/${video}/remix`, {})).body["id"]);
  assert.deepEqual(
    [
      (await raw(key, "GET", `up/v1/videos/${remix}/content`)).status,
      (await raw(stranger, "GET", `up/v1/videos/${remix}/content`)).status,
    ],
    [200, 404],
  );
});

test("aboutRaw() claims the file that a job of Mistral's wrote for whoever may ask about the job", async () => {
  const job = String((await raw(key, "POST", "up/v1/batch/jobs", { model: "m", input_files: [] })).body["id"]);
  const result = async (apiKey: string) => {
    const path = `${daemon.url}/v1/files/up~out-of-${job}/content`;
    const response = await fetch(path, { headers: { authorization: `Bearer ${apiKey}` } });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal((await raw(stranger, "GET", `up/v1/batch/jobs/${job}`)).status, 404);
  assert.equal((await raw(key, "GET", `up/v1/batch/jobs/${job}`)).body["output_file"], `out-of-${job}`);
  assert.deepEqual([await result(stranger), await result(key)], [404, 200]);
  const limited = await daemon.createKey({ budget: "1/1d" });
  const unpriced = await raw(limited, "POST", "up/v1/batch/jobs", { model: "m", input_files: [] });
  assert.deepEqual([unpriced.status, unpriced.text.includes("unpriced_model")], [402, true], unpriced.text);
});

test("forwardedHeaders() lets no header say another method than the one that was judged", async () => {
  await raw(stranger, "POST", "ge/v1beta/fileSearchStores", {});
  const headers = { authorization: `Bearer ${stranger}`, "content-type": "application/json" };
  for (const name of [
    "x-http-method-override",
    "X-HTTP-Method",
    "x-method-override",
    "x-bf-eh-x-http-method-override",
  ]) {
    const response = await fetch(`${daemon.url}/passthrough/ge/v1beta/fileSearchStores`, {
      ...{ method: "POST", headers: { ...headers, [name]: "GET" }, body: "{}" },
    });
    await response.body?.cancel();
    assert.ok(!lastHeaders.some((told) => /method/i.test(told)), `${name}: ${lastHeaders.join()}`);
  }
});

test("aboutRaw() claims what a stream says that it has made", async () => {
  for (const [path, folder] of [
    ["up/v1/threads/runs", "up/v1/threads"],
    ["ge/v1beta/interactions", "ge/v1beta/interactions"],
  ] as const) {
    const { text } = await raw(key, "POST", path, { stream: true });
    const id = /(?:thread|int)_\d+/.exec(text)?.[0];
    assert.ok(id !== undefined, text);
    assert.equal((await raw(key, "GET", `${folder}/${id}`)).status, 200);
    assert.equal((await raw(stranger, "GET", `${folder}/${id}`)).status, 404);
  }
});

test("aboutRaw() keeps Google's operations, and the files that they end in, for who began them", async () => {
  const begun = await raw(key, "POST", "ge/v1beta/models/veo:predictLongRunning", { instances: [] });
  assert.equal(begun.body["name"], "models/veo/operations/op-1");
  const operation = "ge/v1beta/models/veo/operations/op-1";
  assert.equal((await raw(stranger, "GET", operation)).status, 404);
  assert.equal((await raw(key, "GET", operation)).status, 200);
  const download = async (apiKey: string) => {
    const path = `${daemon.url}/v1beta/files/ge~veo-1:download?alt=media`;
    const response = await fetch(path, { headers: { "x-goog-api-key": apiKey } });
    await response.body?.cancel();
    return response.status;
  };
  assert.deepEqual([await download(stranger), await download(key)], [404, 200]);
});

test("A66 aboutRaw() refuses what is told of everybody's at once", async () => {
  const before = asked.length;
  for (const [method, path] of [
    ["GET", "up/v1/chat/completions"],
    ["GET", "up/v1/chat/completions/chatcmpl-1/messages"],
    ["DELETE", "up/v1/chat/completions/chatcmpl-1"],
    ["GET", "up/v1/organization/usage/completions"],
    ["GET", "up/v1/projects"],
    ["GET", "up/v1/fine_tuning/checkpoints/ft:x/permissions"],
    ["GET", "an/v1/organizations/api_keys"],
    ["PUT", "up/v1/assistants"],
  ] as const) {
    const refused = await raw(key, method, path);
    assert.equal(refused.status, 403, `${method} ${path}: ${refused.text}`);
    assert.match(refused.text, /everybody's who shares its account/);
  }
  assert.equal((await raw(key, "DELETE", "up/v1/models/ft:gpt-4o:org::1")).status, 404);
  assert.equal(asked.length, before);
  assert.equal((await raw(key, "POST", "up/v1/chat/completions", { model: "m", messages: [] })).status, 200);
  assert.equal((await raw(key, "GET", "up/v1/models/m")).status, 200);
});

test("aboutRaw() keeps an answer back that is no list of what was asked for", async () => {
  kept.set("corpora", [{ name: "corpora/of-others" }]); // told as `data`, which is not Google's way
  const odd = await raw(key, "GET", "ge/v1beta/corpora");
  assert.equal(odd.status, 502);
  assert.match(odd.text, /no list of/);
  assert.ok(!odd.text.includes("of-others"));
});

test("fileIdsTaken() refuses stores, conversations and skills of others, in every call that names them", async () => {
  const store = String((await raw(key, "POST", "up/v1/vector_stores", {})).body["id"]);
  const talk = String((await raw(key, "POST", "up/v1/conversations", {})).body["id"]);
  const skill = String((await raw(key, "POST", "an/v1/skills", {})).body["id"]);
  const google = String((await raw(key, "POST", "ge/v1beta/fileSearchStores", {})).body["name"]);
  const model = (name: string) => ({ model: name, max_tokens: 5, messages: [{ role: "user", content: "hi" }] });
  const search = { type: "file_search", vector_store_ids: [store] };
  const calls: readonly (readonly [path: string, body: object])[] = [
    ["/v1/responses", { model: "up/m", input: "hi", tools: [search] }],
    ["/v1/messages", { ...model("an/m"), container: { skills: [{ type: "custom", skill_id: skill }] } }],
    [
      "/v1beta/models/ge%2Fm:generateContent",
      { contents: [], tools: [{ fileSearch: { fileSearchStoreNames: [google] } }] },
    ],
    [
      "/v1beta/models/ge%2Fm:generateContent",
      { contents: [], tools: [{ file_search: { file_search_store_names: [google] } }] },
    ],
    ["/passthrough/up/v1/responses", { model: "m", input: "hi", conversation: talk }],
    ["/passthrough/up/v1/responses", { model: "m", input: "hi", conversation: { id: talk } }],
    ["/passthrough/up/v1/responses", { model: "m", input: "hi", tools: [search] }],
    ["/passthrough/up/v1/threads", { tool_resources: { file_search: { vector_store_ids: [store] } } }],
  ];
  for (const [path, body] of calls) {
    const ask = async (apiKey: string) => {
      const response = await fetch(daemon.url + path, {
        method: "POST",
        headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json", "anthropic-version": "x" },
        body: JSON.stringify(body).replace(":{", ": {"),
      });
      const text = await response.text();
      return { status: response.status, text };
    };
    const before = asked.length;
    const refused = await ask(stranger);
    assert.equal(refused.status, 404, `${path} ${JSON.stringify(body)}: ${refused.text}`);
    assert.equal(asked.length, before);
    await ask(key);
    assert.equal(asked.length, before + 1, `${path} ${JSON.stringify(body)} of one's own reaches the provider`);
  }
});
