/** A batch is charged an estimate when it is made, and once, when its end is seen, what it came to. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI, { toFile } from "openai";
import type { KeyAnswer } from "../../daemon/admin/contract/keys.ts";
import type { LogRow, LogsAnswer } from "../../daemon/admin/contract/logs.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { type OpenaiAccount, openaiAccount } from "../support/openai-account.ts";

let account: OpenaiAccount;
let daemon: Daemon;
let keys = 0;

before(async () => {
  account = await openaiAccount();
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      providers: {
        up: { base_url: `http://127.0.0.1:${account.port}/v1`, models: ["m", "n"], api_key: "env.KEY" },
      },
      prices: {
        "up/m": { input: 4, output: 8, cache_read: 1, service_tiers: { batch: 0.5 } },
        "up/n": { input: 40, output: 80, service_tiers: { batch: 0.5 } },
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
const line = (model: string, id = "a") =>
  JSON.stringify({ custom_id: id, method: "POST", url: endpoint, body: { model, max_tokens: 100, messages: [] } });
/** One million tokens in cost $4 at `m`, and half of that in a batch. */
const result = (model: string, input: number, output: number, cached = 0) =>
  JSON.stringify({
    custom_id: "a",
    response: {
      status_code: 200,
      body: {
        model: `${model}-2026-01-01`,
        usage: {
          ...{ prompt_tokens: input, completion_tokens: output, total_tokens: input + output },
          prompt_tokens_details: { cached_tokens: cached },
        },
      },
    },
  });
const failed = JSON.stringify({ custom_id: "b", response: { status_code: 400, body: { error: { message: "bad" } } } });

async function made(models: readonly string[]) {
  const name = `batch-${++keys}`;
  const key = await daemon.createKey({ name, budget: "10/1d" });
  const text = models.map((model) => line(model)).join("\n");
  const file = await sdk(key).files.create({ purpose: "batch", file: await toFile(Buffer.from(text), "a.jsonl") });
  const { data, response } = await sdk(key)
    .batches.create({ input_file_id: file.id, endpoint, completion_window: "24h" })
    .withResponse();
  const { id } = data;
  const request = response.headers.get("x-request-id")!;
  await daemon.explained(request);
  await daemon.settled();
  const spent = async () => (await daemon.admin<KeyAnswer>("GET", `/api/keys/${name}`)).key.budgets[0]?.spent_nano;
  const end = (told: object) => {
    const bare = id.replace("up~", "");
    account.batches.set(bare, { ...account.batches.get(bare)!, status: "completed", ...told });
  };
  const see = () => sdk(key).batches.retrieve(id);
  return { key, id, request, spent, end, see, estimate: await spent() };
}

const outputFile = (text: string) => {
  const id = `file-out-${account.files.size + 1}`;
  account.files.set(id, Buffer.from(text));
  return id;
};

test("A8 a batch that tells its usage is charged it when its end is seen, once, and not before", async () => {
  const { spent, end, see, estimate } = await made(["m", "m"]);
  assert.ok((estimate ?? 0) > 0);
  await see();
  assert.equal(await spent(), estimate, "it has not ended");
  end({
    usage: {
      ...{ input_tokens: 1_000, output_tokens: 500, total_tokens: 1_500 },
      input_tokens_details: { cached_tokens: 600 },
    },
  });
  await Promise.all(Array.from({ length: 8 }, see));
  // Half of $4, $1 and $8 a million.
  assert.equal(await spent(), 400 * 2_000 + 600 * 500 + 500 * 4_000);
  await see();
  assert.equal(await spent(), 400 * 2_000 + 600 * 500 + 500 * 4_000);
  await daemon.settled();
});

test("A8 a batch of which nothing was served is given back whole", async () => {
  for (const told of [
    { status: "failed" },
    { status: "expired", request_counts: { total: 1, completed: 0, failed: 1 } },
    { status: "cancelled", request_counts: { total: 1, completed: 0, failed: 0 } },
  ]) {
    const { spent, end, see } = await made(["m"]);
    end(told);
    await see();
    assert.equal(await spent(), 0, told.status);
  }
  await daemon.settled();
});

test("A8 results are charged by the model of each, once, however many fetch them", async () => {
  const { key, spent, end, see, estimate, request } = await made(["m", "n", "m"]);
  const file = outputFile([result("m", 1_000, 10, 500), failed, result("n", 100, 20)].join("\n"));
  end({ output_file_id: file, usage: { input_tokens: 1_100, output_tokens: 30, total_tokens: 1_130 } });
  const { output_file_id: output } = await see();
  assert.equal(await spent(), estimate, "the sum of several models' tokens tells no cost");
  assert.doesNotMatch((await daemon.cli("explain", request)).stdout, /corrected/);
  assert.match((await daemon.cli("logs", "--id", request)).stdout, / ~\$0\.\d+ /, "as charged, until its end is told");
  const fetched = await Promise.all(
    Array.from({ length: 6 }, async () => (await sdk(key).files.content(output!)).text()),
  );
  for (const text of fetched) assert.equal(text, account.files.get(file)!.toString("utf8"));
  const cost = 500 * 2_000 + 500 * 500 + 10 * 4_000 + 100 * 20_000 + 20 * 40_000;
  assert.equal(await spent(), cost, "when the last byte has come it is charged");
  await daemon.kill("SIGKILL");
  await daemon.restart();
  assert.equal(await spent(), cost);
  await (await sdk(key).files.content(output!)).text();
  assert.equal(await spent(), cost);
  const explained = (await daemon.cli("explain", request)).stdout;
  assert.match((await daemon.cli("logs", "--id", request)).stdout, / →\$0\.00409 /);
  const { rows } = await daemon.admin<LogsAnswer>("GET", `/api/logs?id=${request}`);
  assert.deepEqual(
    rows.map(({ cost_nano, corrected_nano }) => [cost_nano, corrected_nano]),
    [[estimate, cost]],
  );
  const csv = (await daemon.cli("logs", "--id", request, "--export", "csv")).stdout;
  const [names, values] = csv.split("\r\n").map((row) => row.split(","));
  assert.equal(values![names!.indexOf("corrected_nano")], String(cost));
  const line = (await daemon.cli("logs", "--id", request, "--export", "jsonl")).stdout;
  assert.equal((JSON.parse(line) as LogRow).corrected_nano, cost);
  assert.match(explained, /corrected +\$\S+ → \$0\.00409, when .* 2 of 3 results were served, 1100 tokens in, 30 out/);
  await daemon.settled();
});

test("A8 half of the results prove nothing, whoever breaks off", async () => {
  const { key, spent, end, see, estimate } = await made(["m", "n"]);
  const whole = Buffer.from([result("m", 1_000, 10), result("n", 100, 20)].join("\n"));
  account.files.set("file-half", whole);
  end({ output_file_id: "file-half" });
  const { output_file_id: output } = await see();
  const url = `${daemon.url}/v1/files/${output}/content`;
  const headers = { authorization: `Bearer ${key}` };
  let release = (): void => undefined;
  const left = new Promise<void>((resolve) => {
    release = resolve;
  });
  account.content = (_, response) => {
    response.on("close", release);
    response.writeHead(200, { "content-type": "application/octet-stream" });
    response.write(whole.subarray(0, whole.length / 2));
    response.write(whole.subarray(whole.length / 2, whole.length - 4));
  };
  const leaving = new AbortController();
  const answer = await fetch(url, { headers, signal: leaving.signal });
  await answer.body!.getReader().read();
  leaving.abort();
  await left;
  account.content = (_, response) => {
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": whole.length });
    response.write(whole.subarray(0, whole.length / 2), () => response.destroy());
  };
  await assert.rejects(fetch(url, { headers }).then((broken) => broken.text()));
  account.content = undefined;
  await daemon.settled();
  assert.equal(await spent(), estimate);
  await (await fetch(url, { headers })).text();
  assert.equal(await spent(), 1_000 * 2_000 + 10 * 4_000 + 100 * 20_000 + 20 * 40_000);
  await daemon.settled();
});

test("A8 a batch killed between its making and its end is corrected once, and re-pricing leaves it", async () => {
  const { spent, end, see } = await made(["m"]);
  end({ usage: { input_tokens: 100, output_tokens: 10, total_tokens: 110 } });
  await daemon.kill("SIGKILL");
  await daemon.restart();
  const seeing = Promise.allSettled(Array.from({ length: 4 }, see));
  await daemon.kill("SIGKILL");
  await seeing;
  await daemon.restart();
  await see();
  assert.equal(await spent(), 100 * 2_000 + 10 * 4_000);
  await daemon.json("ledger", "reprice", "--since", "1h");
  assert.equal(await spent(), 100 * 2_000 + 10 * 4_000);
  await daemon.settled();
});
