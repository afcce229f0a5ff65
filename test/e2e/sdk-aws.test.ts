/**
 * The stock AWS SDK: only endpoint and access key id are ours. It speaks HTTP/2 with prior knowledge to `http://`, signs
 * what it sends with a secret that nobody here has, and reads event streams with their checksums.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  BedrockRuntimeClient,
  BedrockRuntimeServiceException,
  type ContentBlock,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
  type Message,
} from "@aws-sdk/client-bedrock-runtime";
import { greeting, type Lab, pixel, startLab, toolAnswer, upstreams } from "../support/sdk-lab.ts";
import { answerText } from "../support/wire-frames.ts";

let lab: Lab;
const clients: BedrockRuntimeClient[] = [];
before(async () => {
  lab = await startLab();
});
after(async () => {
  for (const one of clients) one.destroy();
  await lab?.stop();
});

function client(accessKeyId = lab.key): BedrockRuntimeClient {
  const made = new BedrockRuntimeClient({
    endpoint: lab.anthropicBase,
    region: "eu-central-1",
    credentials: { accessKeyId, secretAccessKey: "unused" },
    maxAttempts: 1,
  });
  clients.push(made);
  return made;
}

const say = (text: string): Message[] => [{ role: "user", content: [{ text }] }];
const tool = (name: string) => ({
  toolSpec: { name, inputSchema: { json: { type: "object", properties: { city: { type: "string" } } } } },
});
const toolConfig = { tools: [tool("get_weather"), tool("get_time")] };
const textOf = (content: readonly ContentBlock[] | undefined) => content?.map(({ text }) => text ?? "").join("") ?? "";

/** What a converse stream says, put together as its SDK's users do. */
async function streamed(command: ConverseStreamCommand, abortSignal?: AbortSignal) {
  const { stream } = await client().send(command, abortSignal === undefined ? {} : { abortSignal });
  let text = "";
  let stopReason: string | undefined;
  let output: number | undefined;
  const calls: { toolUseId: string; name: string; input: string }[] = [];
  let deltas = 0;
  for await (const event of stream ?? []) {
    const delta = event.contentBlockDelta?.delta;
    if (delta?.text !== undefined) {
      text += delta.text;
      deltas++;
    }
    const start = event.contentBlockStart?.start?.toolUse;
    if (start !== undefined) calls.push({ toolUseId: start.toolUseId ?? "", name: start.name ?? "", input: "" });
    if (delta?.toolUse?.input !== undefined) calls.at(-1)!.input += delta.toolUse.input;
    stopReason = event.messageStop?.stopReason ?? stopReason;
    output = event.metadata?.usage?.outputTokens ?? output;
  }
  return { text, stopReason, output, calls, deltas };
}

for (const wire of upstreams) {
  const modelId = `${wire}/model-of-the-mock`;
  describe(`@aws-sdk/client-bedrock-runtime → ${wire}`, () => {
    test("Converse answers with usage", async () => {
      const answer = await client().send(new ConverseCommand({ modelId, messages: say("say hello") }));
      assert.equal(textOf(answer.output?.message?.content), greeting);
      assert.deepEqual([answer.stopReason, answer.usage?.outputTokens], ["end_turn", 12]);
    });

    test("ConverseStream streams with usage", async () => {
      const { text, stopReason, output } = await streamed(
        new ConverseStreamCommand({ modelId, messages: say("say hello") }),
      );
      assert.deepEqual([text, stopReason, output], [greeting, "end_turn", 12]);
    });

    for (const stream of [false, true]) {
      test(`${stream ? "ConverseStream" : "Converse"} runs three turns of tools with parallel calls`, async () => {
        const messages = say("weather in Paris and Rome");
        const ran: string[] = [];
        for (let turn = 0; turn < 4; turn++) {
          let calls: { toolUseId: string; name: string; input: unknown }[];
          let text: string;
          if (stream) {
            const told = await streamed(new ConverseStreamCommand({ modelId, messages, toolConfig }));
            text = told.text;
            calls = told.calls.map((call) => ({ ...call, input: JSON.parse(call.input) as unknown }));
          } else {
            const answer = await client().send(new ConverseCommand({ modelId, messages, toolConfig }));
            const content = answer.output?.message?.content ?? [];
            text = textOf(content);
            calls = content.flatMap(({ toolUse }) =>
              toolUse === undefined
                ? []
                : [{ toolUseId: toolUse.toolUseId ?? "", name: toolUse.name ?? "", input: toolUse.input as unknown }],
            );
          }
          if (calls.length === 0) {
            assert.equal(text, toolAnswer);
            break;
          }
          ran.push(...calls.map(({ name, input }) => `${name} ${JSON.stringify(input)}`));
          messages.push(
            { role: "assistant", content: calls.map((call) => ({ toolUse: call })) as ContentBlock[] },
            {
              role: "user",
              content: calls.map(({ toolUseId }) => ({ toolResult: { toolUseId, content: [{ text: "18 degrees" }] } })),
            },
          );
        }
        assert.deepEqual(ran, [
          'get_weather {"city":"Paris"}',
          'get_weather {"city":"Rome"}',
          'get_time {"zone":"CET"}',
        ]);
      });
    }

    test("an image reaches the provider", async () => {
      const behaviour = `ok+image+${wire}+aws`;
      const image = { format: "png", source: { bytes: Buffer.from(pixel, "base64") } } as const;
      const messages: Message[] = [{ role: "user", content: [{ text: "say hello" }, { image }] }];
      await client().send(new ConverseCommand({ modelId: `slow-${wire}/${behaviour}`, messages }));
      assert.ok((await lab.sent(behaviour)).includes(pixel));
    });

    test("an upstream's 400 is a ValidationException in its own words", async () => {
      const asked = client().send(new ConverseCommand({ modelId, messages: say("be wrong") }));
      await assert.rejects(asked, (error: unknown) => {
        assert.ok(error instanceof BedrockRuntimeServiceException);
        assert.deepEqual([error.name, error.$metadata.httpStatusCode], ["ValidationException", 400]);
        assert.match(error.message, /max_tokens is too large/);
        return true;
      });
    });

    test("an aborted stream leaves a row that says 499", async () => {
      const slow = `slow-${wire}/f13-drip+gap=20+aws`;
      const controller = new AbortController();
      const { stream } = await client().send(new ConverseStreamCommand({ modelId: slow, messages: say("go") }), {
        abortSignal: controller.signal,
      });
      let deltas = 0;
      await assert
        .rejects(async () => {
          for await (const event of stream ?? [])
            if (event.contentBlockDelta !== undefined && ++deltas === 3) {
              controller.abort();
              client().destroy();
              for (const one of clients) one.destroy();
            }
        })
        .catch(() => {});
      assert.ok(deltas >= 3);
      assert.equal((await lab.daemon.rows(slow))[0]?.status, 499);
    });

    test("A24 a slow stream completes, and so does one that is cut at every byte", async () => {
      const slow = `slow-${wire}/slow+words=4+gap=250+delay=150`;
      const told = await streamed(new ConverseStreamCommand({ modelId: slow, messages: say("go") }));
      assert.equal(told.text, "w0 w1 w2 w3 ");
      const cut = `slow-${wire}/f10-bytes`;
      assert.equal((await streamed(new ConverseStreamCommand({ modelId: cut, messages: say("go") }))).text, answerText);
    });

    test("InvokeModel takes Anthropic's body, whole and streamed", async () => {
      const body = JSON.stringify({
        anthropic_version: "bedrock-2023-05-31",
        max_tokens: 50,
        messages: [{ role: "user", content: "say hello" }],
      });
      const whole = await client().send(new InvokeModelCommand({ modelId, body, contentType: "application/json" }));
      const answer = JSON.parse(Buffer.from(whole.body).toString("utf8")) as { content: { text: string }[] };
      assert.equal(answer.content[0]?.text, greeting);
      const command = new InvokeModelWithResponseStreamCommand({ modelId, body, contentType: "application/json" });
      let text = "";
      const types: string[] = [];
      for await (const { chunk } of (await client().send(command)).body ?? []) {
        const event = JSON.parse(Buffer.from(chunk?.bytes ?? []).toString("utf8")) as {
          type: string;
          delta?: { text?: string };
        };
        types.push(event.type);
        text += event.delta?.text ?? "";
      }
      assert.deepEqual([text, types[0], types.at(-1)], [greeting, "message_start", "message_stop"]);
    });
  });
}

describe("@aws-sdk/client-bedrock-runtime", () => {
  test("CountTokens gives a number", async () => {
    const input = { converse: { messages: say("how long is this") } };
    const counted = await client().send(new CountTokensCommand({ modelId: "echo/echo", input }));
    assert.ok((counted.inputTokens ?? 0) > 0);
  });

  test("InvokeModel is refused in AWS's words, whole and streamed, by us and by the provider", async () => {
    const body = JSON.stringify({ anthropic_version: "bedrock-2023-05-31", max_tokens: 9, messages: [] });
    const wrong = JSON.stringify({ ...JSON.parse(body), messages: [{ role: "user", content: "be wrong" }] });
    for (const Command of [InvokeModelCommand, InvokeModelWithResponseStreamCommand]) {
      const asked = (modelId: string, said: string) =>
        new Command({ modelId, body: said, contentType: "application/json" }) as InvokeModelCommand;
      const refusals: readonly [name: string, words: RegExp, run: () => Promise<unknown>][] = [
        ["AccessDeniedException", /is not known here/, () => client("sk-bf-nobody").send(asked("echo", body))],
        ["ResourceNotFoundException", /no-such/, () => client().send(asked("no-such", body))],
        ["ValidationException", /max_tokens is too large/, () => client().send(asked("anthropic/m", wrong))],
      ];
      for (const [name, words, run] of refusals)
        await assert.rejects(run(), (error: unknown) => {
          assert.ok(error instanceof BedrockRuntimeServiceException, String(error));
          assert.equal(error.name, name);
          assert.match(error.message, words);
          return true;
        });
    }
  });

  const refused: readonly [status: number, what: string, run: () => Promise<unknown>][] = [
    [
      401,
      "an unknown key",
      () => client("sk-bf-nobody").send(new ConverseCommand({ modelId: "echo", messages: say("x") })),
    ],
    [404, "an unknown model", () => client().send(new ConverseCommand({ modelId: "no-such", messages: say("x") }))],
    [
      402,
      "a spent budget",
      async () => {
        const key = await lab.daemon.createKey({ budget: "0.000001/1d" });
        const inferenceConfig = { maxTokens: 100 };
        await client(key).send(new ConverseCommand({ modelId: "echo-paid", messages: say("x"), inferenceConfig }));
      },
    ],
  ];
  for (const [status, what, run] of refused) {
    test(`${what} is an exception with ${status} and a message`, async () => {
      await assert.rejects(run(), (error: unknown) => {
        assert.ok(error instanceof BedrockRuntimeServiceException, String(error));
        assert.equal(error.$metadata.httpStatusCode, status);
        assert.ok(error.message.length > 10, error.message);
        return true;
      });
    });
  }
});
