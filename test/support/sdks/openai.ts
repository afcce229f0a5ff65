/** `openai` over both of its APIs, and with Azure's paths. */
import OpenAI, { AzureOpenAI } from "openai";
import OpenAIPrevious, { AzureOpenAI as AzureOpenAIPrevious } from "openai-previous";
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

type Client = (call: Call) => OpenAI;
type Chat = OpenAI.Chat.Completions.ChatCompletionMessageParam;

const majors = [
  { alias: "openai", Sdk: OpenAI, Azure: AzureOpenAI },
  {
    alias: "openai-previous",
    Sdk: OpenAIPrevious as unknown as typeof OpenAI,
    Azure: AzureOpenAIPrevious as unknown as typeof AzureOpenAI,
  },
];

export const openaiDrivers: readonly Driver[] = majors.flatMap(({ alias, Sdk, Azure }) => {
  const version = installed(alias);
  const plain: Client = ({ origin, key }) => new Sdk({ baseURL: `${origin}/v1`, apiKey: key, maxRetries: 0 });
  const azure: Client = ({ origin, key }) =>
    new Azure({ endpoint: origin, apiKey: key, apiVersion: "2024-10-21", maxRetries: 0 });
  return [
    chatDriver("openai, chat completions", version, plain),
    chatDriver("openai, Azure's paths", version, azure),
    responsesDriver("openai, responses", version, plain),
  ];
});

const format = { name: "recipe", strict: true, schema: recipeSchema };
const picture = `data:image/png;base64,${pixel}`;

function chatDriver(name: string, version: string, client: Client): Driver {
  const ask = (call: Call, messages: Chat[], more: object = {}) =>
    client(call).chat.completions.create({ model: call.model, messages, ...more });
  return {
    name,
    version,
    api: "openai",
    text: async (call) => {
      const { choices, usage } = await ask(call, [{ role: "user", content: prompts.text }]);
      return { text: choices[0]?.message.content ?? "", outputTokens: usage?.completion_tokens };
    },
    stream: async (call, piece, signal) => {
      const messages: Chat[] = [{ role: "user", content: prompts.text }];
      const asked = { model: call.model, messages, stream: true } as const;
      for await (const chunk of await client(call).chat.completions.create(asked, { signal }))
        piece(chunk.choices[0]?.delta.content ?? "");
    },
    tools: async (call) => {
      const tools = toolNames.map((tool) => ({ type: "function", function: { name: tool, parameters: toolSchema } }));
      const messages: Chat[] = [{ role: "user", content: prompts.tools }];
      const ran: string[] = [];
      for (let turn = 0; turn < toolTurnsMax; turn++) {
        const message = (await ask(call, messages, { tools })).choices[0]!.message;
        messages.push(message);
        if (message.tool_calls === undefined) return { ran, text: message.content ?? "" };
        for (const asked of message.tool_calls) {
          if (asked.type !== "function") throw new Error(`a call of type ${asked.type}`);
          ran.push(`${asked.function.name} ${asked.function.arguments}`);
          messages.push({ role: "tool", tool_call_id: asked.id, content: toolResult });
        }
      }
      return { ran, text: "" };
    },
    structured: async (call) => {
      const answer = await client(call).chat.completions.parse({
        model: call.model,
        messages: [{ role: "user", content: prompts.structured }],
        response_format: { type: "json_schema", json_schema: format },
      });
      return JSON.parse(answer.choices[0]?.message.content ?? "");
    },
    image: (call) =>
      ask(call, [
        {
          role: "user",
          content: [
            { type: "text", text: prompts.text },
            { type: "image_url", image_url: { url: picture } },
          ],
        },
      ]),
  };
}

function responsesDriver(name: string, version: string, client: Client): Driver {
  return {
    name,
    version,
    api: "openai",
    text: async (call) => {
      const answer = await client(call).responses.create({ model: call.model, input: prompts.text });
      return { text: answer.output_text, outputTokens: answer.usage?.output_tokens };
    },
    stream: async (call, piece, signal) => {
      const asked = { model: call.model, input: prompts.text, stream: true } as const;
      for await (const event of await client(call).responses.create(asked, { signal }))
        if (event.type === "response.output_text.delta") piece(event.delta);
    },
    tools: async (call) => {
      const tools = toolNames.map((tool) => ({
        type: "function" as const,
        name: tool,
        parameters: toolSchema,
        strict: false,
      }));
      const ran: string[] = [];
      let input: OpenAI.Responses.ResponseInput = [{ role: "user", content: prompts.tools }];
      let previous: string | null = null;
      for (let turn = 0; turn < toolTurnsMax; turn++) {
        const answer: OpenAI.Responses.Response = await client(call).responses.create({
          model: call.model,
          input,
          tools,
          previous_response_id: previous,
        });
        const calls = answer.output.filter((item) => item.type === "function_call");
        if (calls.length === 0) return { ran, text: answer.output_text };
        ran.push(...calls.map((one) => `${one.name} ${one.arguments}`));
        input = calls.map(({ call_id }) => ({ type: "function_call_output", call_id, output: toolResult }));
        previous = answer.id;
      }
      return { ran, text: "" };
    },
    structured: async (call) => {
      const answer = await client(call).responses.parse({
        model: call.model,
        input: prompts.structured,
        text: { format: { type: "json_schema", ...format } },
      });
      return answer.output_parsed;
    },
    image: (call) =>
      client(call).responses.create({
        model: call.model,
        input: [
          {
            role: "user",
            content: [
              { type: "input_text", text: prompts.text },
              { type: "input_image", detail: "auto", image_url: picture },
            ],
          },
        ],
      }),
  };
}
