/** `@anthropic-ai/sdk`. */
import Anthropic from "@anthropic-ai/sdk";
import AnthropicPrevious from "anthropic-sdk-previous";
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

const majors = [
  { alias: "@anthropic-ai/sdk", Sdk: Anthropic },
  { alias: "anthropic-sdk-previous", Sdk: AnthropicPrevious as unknown as typeof Anthropic },
];

export const anthropicDrivers: readonly Driver[] = majors.map(({ alias, Sdk }) => {
  const client = ({ origin, key }: Call) => new Sdk({ baseURL: origin, apiKey: key, maxRetries: 0 });
  const ask = (call: Call, messages: Anthropic.MessageParam[], more: object = {}) =>
    client(call).messages.create({ model: call.model, max_tokens: 256, messages, ...more });
  return {
    name: "@anthropic-ai/sdk",
    version: installed(alias),
    api: "anthropic",
    text: async (call) => {
      const answer = await ask(call, [{ role: "user", content: prompts.text }]);
      return { text: textOf(answer), outputTokens: answer.usage.output_tokens };
    },
    stream: async (call, piece, signal) => {
      const messages: Anthropic.MessageParam[] = [{ role: "user", content: prompts.text }];
      const asked = { model: call.model, max_tokens: 256, messages, stream: true } as const;
      for await (const event of await client(call).messages.create(asked, { signal }))
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") piece(event.delta.text);
    },
    tools: async (call) => {
      const tools = toolNames.map((name) => ({ name, input_schema: toolSchema }));
      const messages: Anthropic.MessageParam[] = [{ role: "user", content: prompts.tools }];
      const ran: string[] = [];
      for (let turn = 0; turn < toolTurnsMax; turn++) {
        const answer = await ask(call, messages, { tools });
        const calls = answer.content.filter((block) => block.type === "tool_use");
        if (calls.length === 0) return { ran, text: textOf(answer) };
        ran.push(...calls.map(({ name, input }) => `${name} ${JSON.stringify(input)}`));
        messages.push(
          { role: "assistant", content: answer.content },
          {
            role: "user",
            content: calls.map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: toolResult })),
          },
        );
      }
      return { ran, text: "" };
    },
    structured: async (call) => {
      const output_config = { format: { type: "json_schema", schema: recipeSchema } };
      return JSON.parse(textOf(await ask(call, [{ role: "user", content: prompts.structured }], { output_config })));
    },
    image: (call) =>
      ask(call, [
        {
          role: "user",
          content: [
            { type: "text", text: prompts.text },
            { type: "image", source: { type: "base64", media_type: "image/png", data: pixel } },
          ],
        },
      ]),
  };
});

function textOf(message: Anthropic.Message): string {
  return message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
}
