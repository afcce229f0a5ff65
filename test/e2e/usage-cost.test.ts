/** `usage.cost`: there where it is asked for, streamed and not, and nowhere else. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { after, before, describe, test } from "node:test";
import { ask } from "../support/client.ts";
import { type Daemon, patientLedger, startDaemon } from "../support/daemon.ts";
import { anthropic, chat, responses } from "./cost-answers.ts";

let daemon: Daemon;
let upstream: Server;
let next: { readonly type: string; readonly bytes: string | Buffer };

before(async () => {
  upstream = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(200, { "content-type": next.type }).end(next.bytes));
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const { port } = upstream.address() as { port: number };
  const provider = { base_url: `http://127.0.0.1:${port}/v1`, api_key: "env.KEY" };
  const wires = ["openai-chat", "openai-responses", "anthropic"];
  daemon = await startDaemon({
    env: { KEY: "upstream-secret" },
    config: {
      ledger: patientLedger,
      auth: { inference: "open" },
      providers: Object.fromEntries(wires.map((dialect) => [dialect, { ...provider, dialect }])),
      prices: Object.fromEntries(wires.map((wire) => [`${wire}/m`, { input: 0.1, output: 0.4 }])),
    },
  });
});
after(async () => {
  await daemon?.stop();
  upstream?.close();
});

/** 3 × 100 + 7 × 400 nano-dollars: as a binary fraction it is 0.0000030999999…. */
const costText = "0.0000031";
const chatUsage = { prompt_tokens: 3, completion_tokens: 7, total_tokens: 10, cost: 99, big: 1 };
const tokens = { input_tokens: 3, output_tokens: 7, total_tokens: 10 };

type Usage = { readonly cost?: unknown; readonly cost_estimated?: unknown };
type Answered = { readonly provider?: string; readonly usage?: Usage; readonly response?: { readonly usage?: Usage } };

/** What is told of usage, in any part of the answer that tells it. */
function told(text: string, stream: boolean): readonly Answered[] {
  const parts = stream ? [...text.matchAll(/^data: (\{.*)$/gm)].map(([, json]) => json!) : [text];
  return parts
    .map((json) => JSON.parse(json) as Answered)
    .filter(({ usage, response }) => usage != null || response?.usage != null);
}

const cases = [
  ["openai-chat", chat({ usage: chatUsage })],
  ["openai-responses", responses({ usage: tokens })],
  ["anthropic", anthropic({ usage: { input_tokens: 3, output_tokens: 7 } })],
] as const;
const switches = [
  ["usage: {include: true}", { usage: { include: true } }, {}],
  ["x-bifrost-usage-cost", {}, { "x-bifrost-usage-cost": "true" }],
] as const;

describe("usage.cost", { concurrency: false }, () => {
  for (const [provider, [whole, streamed]] of cases) {
    for (const dialect of ["chat", "responses"] as const) {
      for (const stream of [false, true]) {
        const how = `${provider} to a client of ${dialect}, ${stream ? "streamed" : "whole"}`;
        const call = (body: object, headers: Readonly<Record<string, string>>) => {
          next = stream ? { type: "text/event-stream", bytes: streamed } : { type: "application/json", bytes: whole };
          return ask(daemon.url, { dialect, model: `${provider}/m`, stream, body: { ...body }, headers });
        };
        for (const [what, body, headers] of switches) {
          test(`A4 withUsageCost() tells it of ${how}, when asked by ${what}`, async () => {
            const answer = await call(body, headers);
            assert.equal(answer.status, 200, answer.text);
            const parts = told(answer.text, stream);
            assert.equal(parts.length, 1, answer.text);
            const usage = parts[0]?.usage ?? parts[0]?.response?.usage;
            assert.equal(usage?.cost, Number(costText));
            assert.equal(answer.text.split(`"cost":${costText}`).length, 2, "as a decimal, and once");
            assert.equal(usage?.cost_estimated, undefined);
            if (dialect === "chat") assert.equal(parts[0]?.provider, provider);
            assert.equal(answer.headers["x-generation-id"], answer.headers["x-request-id"]);
          });
        }
        test(`A4 withUsageCost() leaves ${how} alone when it is not asked`, async () => {
          const answer = await call({}, {});
          assert.doesNotMatch(answer.text, /"cost":0/);
          assert.equal(answer.headers["x-generation-id"], undefined);
          const isRelay = provider === (dialect === "chat" ? "openai-chat" : "openai-responses");
          if (isRelay && !stream) assert.equal(answer.text, whole, "byte for byte");
        });
      }
    }
  }

  test("A4 withUsageCost() changes nothing but the usage and what it adds in front", async () => {
    const odd = `{ "id" : "c", "n": 12345678901234567890, "choices":[{"index":0,"message":{"role":"assistant","content":"\\u00e9 \\"usage\\": {}"},"finish_reason":"stop"}],\n "usage" : {"prompt_tokens":3,"completion_tokens":7} }`;
    next = { type: "application/json", bytes: odd };
    const answer = await ask(daemon.url, {
      dialect: "chat",
      model: "openai-chat/m",
      body: { usage: { include: true } },
    });
    const wanted = odd
      .replace("{", '{"provider":"openai-chat",')
      .replace(
        '{"prompt_tokens":3,"completion_tokens":7}',
        `{"cost":${costText},"prompt_tokens":3,"completion_tokens":7}`,
      );
    assert.equal(answer.text, wanted);
  });

  test("readPreferences() refuses a usage that is no object, naming it", async () => {
    const answer = await ask(daemon.url, { dialect: "chat", model: "openai-chat/m", body: { usage: true } });
    assert.equal(answer.status, 400);
    assert.match(answer.text, /`usage` must be an object/);
  });
});
