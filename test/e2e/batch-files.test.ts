/** Batches made of an uploaded file: what stands in it is known, so that budgets and rules about models hold for it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI, { toFile } from "openai";
import type { LogAnswer } from "../../daemon/admin/contract/logs.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { type OpenaiAccount, openaiAccount } from "../support/openai-account.ts";
import { until } from "../support/until.ts";

let account: OpenaiAccount;
let daemon: Daemon;

before(async () => {
  account = await openaiAccount();
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: { ...patientLedger, hold_input: "bytes" },
      providers: {
        up: {
          base_url: `http://127.0.0.1:${account.port}/v1`,
          models: ["m", "n", "dear", "unknown", "short"],
          deployments: { short: "long-name" },
          any_model: false,
          api_key: "env.KEY",
        },
      },
      prices: {
        ...{ "up/m": { input: 1, output: 2, service_tiers: { batch: 0.5 } }, "up/n": { input: 1, output: 2 } },
        ...{ "up/dear": { input: 1000, output: 1000 }, "up/short": { input: 1, output: 2 } },
      },
    },
  });
});
after(async () => {
  await daemon?.stop();
  account?.server.close();
});

const sdk = (apiKey: string) => new OpenAI({ baseURL: `${daemon.url}/v1`, apiKey, maxRetries: 0 });
const endpoint = "/v1/chat/completions" as const;
const line = (model: string, body: object = { max_tokens: 100 }, id = "a") =>
  JSON.stringify({
    ...{ custom_id: id, method: "POST", url: endpoint },
    body: { model, messages: [{ role: "user", content: "hi" }], ...body },
  });
const upload = async (apiKey: string, text: string, purpose: "batch" | "user_data" = "batch") =>
  (await sdk(apiKey).files.create({ purpose, file: await toFile(Buffer.from(text), "a.jsonl") })).id;
const make = (apiKey: string, file: string, to: string = endpoint) =>
  sdk(apiKey)
    .batches.create({ input_file_id: file, endpoint: to as typeof endpoint, completion_window: "24h" })
    .withResponse();
const rowOf = (id: string) =>
  until("the row", () =>
    daemon.admin<LogAnswer>("GET", `/api/logs/${id}`).then(
      ({ request }) => request,
      () => undefined,
    ),
  );
const rowOfMade = async (apiKey: string, text: string) => {
  const { response } = await make(apiKey, await upload(apiKey, text));
  return rowOf(response.headers.get("x-request-id")!);
};

test("A66 a batch of an uploaded file is held at its worst and charged an estimate, by the model of each line", async () => {
  const lines = [line("m"), line("n", { max_completion_tokens: 200, n: 2 }), "", line("m", {})].join("\n");
  const row = await rowOfMade(await daemon.createKey({ budget: "1/1d" }), lines);
  assert.deepEqual([row.route, row.model, row.target, row.status], ["batches", "m", "up/m", 200]);
  const bytesM = Buffer.byteLength(line("m")) + Buffer.byteLength(line("m", {}));
  const bytesN = Buffer.byteLength(line("n", { max_completion_tokens: 200, n: 2 }));
  const usual = 1_024; // of an answer without a cap, before anything is learned
  assert.equal(row.held_nano, 1_000 * (bytesM + bytesN) + 2_000 * (100 + usual + 400));
  assert.equal(row.tokens_out, 100 + 400 + usual);
  const half = 500 * Math.ceil(bytesM / 4) + 1_000 * (100 + usual); // at the price for batches, where there is one
  assert.equal(row.cost_nano, half + 1_000 * Math.ceil(bytesN / 4) + 2_000 * 400);
  assert.ok(row.flags.includes("estimated"));
  await daemon.settled();
});

test("A66 a budget that does not cover the worst of a file refuses its batch, and nothing is sent", async () => {
  const poor = await daemon.createKey({ budget: "0.01/1d" });
  const file = await upload(poor, Array.from({ length: 60 }, () => line("m")).join("\n"));
  const count = account.asked.length;
  await assert.rejects(make(poor, file), { status: 402, code: "budget_exceeded" });
  assert.equal(account.asked.length, count);
  await make(poor, await upload(poor, line("m")));
  await daemon.settled();
});

test("A66 every model in a file must be one that the key may call and that has a price, by the name of ours for it", async () => {
  await daemon.admin("POST", "/api/governance/teams", { name: "makers" });
  const member = async (name: string, models: readonly string[]) =>
    (await daemon.admin<{ secret: string }>("POST", "/api/keys", { name, team: "makers", models })).secret;
  const [all, some] = [await member("all", ["*"]), await member("some", ["up/m", "up/short"])];
  await make(some, await upload(all, `${line("m")}\n${line("long-name")}\n`));
  const mixed = await upload(all, `${line("m")}\n${line("dear")}\n`);
  await assert.rejects(make(some, mixed), { status: 403 });
  await assert.rejects(make(all, await upload(all, line("nobody's"))), { status: 404, code: "model_not_found" });
  const limited = await daemon.createKey({ budget: "10/1d" });
  await assert.rejects(make(limited, await upload(limited, line("unknown"))), { status: 402, code: "unpriced_model" });
  await daemon.settled();
});

test("A66 models that a file's lines name beside their own must be ones that the key may call", async () => {
  await daemon.admin("POST", "/api/governance/teams", { name: "besides" });
  const member = async (models: readonly string[]) =>
    (await daemon.admin<{ secret: string }>("POST", "/api/keys", { name: `of ${models}`, team: "besides", models }))
      .secret;
  const [makers, some] = [await member(["*"]), await member(["up/m"])];
  const beside = {
    tools: [{ type: "image_generation", model: "dear" }],
    plugins: [{ id: "fusion", models: ["dear"] }],
    compound_custom: { models: { answering_model: "dear" } },
  };
  for (const [name, value] of Object.entries(beside)) {
    const text = `${line("m")}\n${line("m", { [name]: value })}\n`;
    const file = await upload(makers, text);
    await assert.rejects(make(some, file), { status: 403, code: "model_not_allowed" }, name);
    await make(makers, file);
  }
  const twice = line("m", { tools: [] }).replace('"tools":[]', '"tools":[],"tools":[{"model":"dear"}]');
  await assert.rejects(upload(makers, twice), { status: 400 });
  const tool = { tools: [{ type: "image_generation" }] };
  const limited = await daemon.createKey({ budget: "10/1d" });
  const file = await upload(limited, `${line("m", tool)}\n${line("m")}`);
  await assert.rejects(make(limited, file), { status: 402, code: "unpriced_model" });
  await daemon.settled();
});

test("A66 a file that cannot be read here makes no batch for a key with a budget", async () => {
  const limited = await daemon.createKey({ budget: "10/1d" });
  const long = line("m", { messages: "x".repeat(5 * 1024 * 1024) });
  for (const text of [
    `${line("m")}\nno json`,
    `${line("m")} {}`,
    '{"body":{"model":1}}',
    "\n\n",
    `${line("m")}\n${long}`,
  ])
    await assert.rejects(make(limited, await upload(limited, text)), { code: "unpriced_model" }, text.slice(0, 80));
  await assert.rejects(make(limited, await upload(limited, line("m"), "user_data")), { code: "unpriced_model" });
  account.files.set("file-elsewhere", Buffer.from(line("m")));
  const free = await daemon.createKey();
  await make(free, await upload(free, "no json"));
  await daemon.settled();
});

test("A66 what decides may stand once in a line, and not in escapes", async () => {
  const limited = await daemon.createKey({ budget: "10/1d" });
  const count = account.batches.size;
  const twice = (text: string) => text.replace('"model":"m"', '"model":"dear","model":"m"');
  for (const [bad, words] of [
    [twice(line("m")), /line 2: body.model` is given twice/],
    [line("m").replace('"model"', '"m\\u006fdel"'), /without escapes/],
    [line("m").replace('"body":', '"body":{},"body":'), /line 2: body` is given twice/],
    [line("m").replace('"max_tokens":100', '"max_tokens":1,"max_tokens":100'), /max_tokens` is given twice/],
  ] as const)
    await assert.rejects(upload(limited, `${line("m")}\n${bad}`), words);
  assert.equal(account.batches.size, count);
});

test("A66 an upload that is cut anywhere adds up to the same", async () => {
  const limited = await daemon.createKey({ budget: "10/1d" });
  const text = `${line("m")}\r\n${line("m", { max_tokens: 7 })}`;
  const boundary = "cut here";
  const form = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--${boundary}\r\n` +
      `Content-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n${text}\r\n--${boundary}--\r\n`,
  );
  for (const size of [1, 13, 4_096]) {
    const response = await fetch(`${daemon.url}/v1/files`, {
      method: "POST",
      headers: { authorization: `Bearer ${limited}`, "content-type": `multipart/form-data; boundary="${boundary}"` },
      body: new ReadableStream({
        start(controller) {
          for (let at = 0; at < form.length; at += size) controller.enqueue(form.subarray(at, at + size));
          controller.close();
        },
      }),
      duplex: "half",
    } as RequestInit);
    const { id } = (await response.json()) as { id: string };
    const { response: made } = await make(limited, id);
    assert.equal((await rowOf(made.headers.get("x-request-id")!)).tokens_out, 107, `${size} bytes at a time`);
  }
  await daemon.settled();
});

test("A66 what went up is known over kill -9", async () => {
  const limited = await daemon.createKey({ budget: "10/1d" });
  const file = await upload(limited, line("m"));
  await daemon.kill("SIGKILL");
  await daemon.restart();
  await make(limited, file);
  await daemon.settled();
});

test("A66 a batch of embeddings has no answers to pay for, unless its lines ask for others", async () => {
  const limited = await daemon.createKey({ budget: "10/1d" });
  const embed = JSON.stringify({
    custom_id: "a",
    method: "POST",
    url: "/v1/embeddings",
    body: { model: "m", input: "x" },
  });
  for (const [text, tokens] of [
    [embed, 0],
    [`${embed}\n${line("m")}`, 100],
  ] as const) {
    const { response } = await make(limited, await upload(limited, text), "/v1/embeddings");
    assert.equal((await rowOf(response.headers.get("x-request-id")!)).tokens_out, tokens);
  }
  await daemon.settled();
});
