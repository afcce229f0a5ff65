/**
 * `@aws-sdk/client-bedrock-runtime`. It has had one major for years, so its elder is the last but one form of its wire:
 * before streams in both directions came (3.785) it spoke HTTP/1.1, and had no word for structured output.
 */
import * as current from "@aws-sdk/client-bedrock-runtime";
import * as previous from "aws-bedrock-previous";
import { pixel } from "../sdk-lab.ts";
import {
  type Call,
  type Driver,
  installed,
  prompts,
  recipeSchema,
  toolNames,
  toolResult,
  toolSchema,
  toolTurnsMax,
} from "./driver.ts";

type Sdk = typeof current;
type Block = current.ContentBlock;

const majors: readonly { readonly alias: string; readonly sdk: Sdk; readonly knowsSchemas: boolean }[] = [
  { alias: "@aws-sdk/client-bedrock-runtime", sdk: current, knowsSchemas: true },
  { alias: "aws-bedrock-previous", sdk: previous as unknown as Sdk, knowsSchemas: false },
];

export const awsDrivers: readonly Driver[] = majors.map(({ alias, sdk, knowsSchemas }) => ({
  name: "@aws-sdk/client-bedrock-runtime",
  version: installed(alias),
  ...(knowsSchemas ? {} : { forcesTool: true }),
  api: "bedrock",
  text: async (call) => {
    const answer = await converse(sdk, call, [user([{ text: prompts.text }])]);
    return { text: textOf(answer), outputTokens: answer.usage?.outputTokens };
  },
  stream: (call, piece, signal) =>
    connected(sdk, call, async (client) => {
      // The SDK looks at a signal until the headers are there; a stream ends with its connection.
      signal.addEventListener("abort", () => client.destroy());
      const command = new sdk.ConverseStreamCommand({
        modelId: call.model,
        messages: [user([{ text: prompts.text }])],
      });
      const { stream } = await client.send(command, { abortSignal: signal });
      for await (const { contentBlockDelta } of stream ?? []) {
        const text = contentBlockDelta?.delta?.text;
        if (text !== undefined) piece(text);
        signal.throwIfAborted();
      }
    }),
  tools: async (call) => {
    const tools = toolNames.map((name) => ({ toolSpec: { name, inputSchema: { json: toolSchema } } }));
    const messages = [user([{ text: prompts.tools }])];
    const ran: string[] = [];
    for (let turn = 0; turn < toolTurnsMax; turn++) {
      const answer = await converse(sdk, call, messages, { toolConfig: { tools } });
      const calls = callsOf(answer);
      if (calls.length === 0) return { ran, text: textOf(answer) };
      ran.push(...calls.map(({ name, input }) => `${name} ${JSON.stringify(input)}`));
      messages.push(
        answer.output!.message!,
        user(calls.map(({ toolUseId }) => ({ toolResult: { toolUseId, content: [{ text: toolResult }] } }))),
      );
    }
    return { ran, text: "" };
  },
  structured: async (call) => {
    if (knowsSchemas) {
      const jsonSchema = { name: "recipe", schema: JSON.stringify(recipeSchema) };
      const outputConfig = { textFormat: { type: "json_schema" as const, structure: { jsonSchema } } };
      return JSON.parse(textOf(await converse(sdk, call, [user([{ text: prompts.structured }])], { outputConfig })));
    }
    const toolSpec = { name: "recipe", inputSchema: { json: recipeSchema } };
    const toolConfig = { tools: [{ toolSpec }], toolChoice: { tool: { name: "recipe" } } };
    return callsOf(await converse(sdk, call, [user([{ text: prompts.forced }])], { toolConfig }))[0]?.input;
  },
  image: (call) => {
    const image = { format: "png", source: { bytes: Buffer.from(pixel, "base64") } } as const;
    return converse(sdk, call, [user([{ text: prompts.text }, { image }])]);
  },
}));

function converse(
  sdk: Sdk,
  call: Call,
  messages: current.Message[],
  more: Partial<current.ConverseCommandInput> = {},
): Promise<current.ConverseCommandOutput> {
  return connected(sdk, call, (client) =>
    client.send(new sdk.ConverseCommand({ modelId: call.model, messages, ...more })),
  );
}

async function connected<T>(
  sdk: Sdk,
  { origin, key }: Call,
  work: (client: current.BedrockRuntimeClient) => Promise<T>,
): Promise<T> {
  const client = new sdk.BedrockRuntimeClient({
    endpoint: origin,
    region: "eu-central-1",
    credentials: { accessKeyId: key, secretAccessKey: "unused" },
    maxAttempts: 1,
  });
  try {
    return await work(client);
  } finally {
    client.destroy();
  }
}

function user(content: Block[]): current.Message {
  return { role: "user", content };
}

function textOf({ output }: current.ConverseCommandOutput): string {
  return output?.message?.content?.map(({ text }) => text ?? "").join("") ?? "";
}

function callsOf({ output }: current.ConverseCommandOutput) {
  return output?.message?.content?.flatMap(({ toolUse }) => (toolUse === undefined ? [] : [toolUse])) ?? [];
}
