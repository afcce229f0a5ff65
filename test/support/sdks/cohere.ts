/** `cohere-ai`, its client for version 2 of the API. */
import { type Cohere, CohereClientV2 } from "cohere-ai";
import { CohereClientV2 as CohereClientV2Previous } from "cohere-previous";
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
  { alias: "cohere-ai", Sdk: CohereClientV2 },
  { alias: "cohere-previous", Sdk: CohereClientV2Previous as unknown as typeof CohereClientV2 },
];

export const cohereDrivers: readonly Driver[] = majors.map(({ alias, Sdk }) => {
  const client = ({ origin, key }: Call) => new Sdk({ token: key, environment: origin, maxRetries: 0 });
  const ask = (call: Call, messages: Cohere.ChatMessageV2[], more: object = {}) =>
    client(call).chat({ model: call.model, messages, ...more });
  return {
    name: "cohere-ai",
    version: installed(alias),
    api: "cohere",
    text: async (call) => {
      const answer = await ask(call, [{ role: "user", content: prompts.text }]);
      return { text: textOf(answer), outputTokens: answer.usage?.tokens?.outputTokens };
    },
    stream: async (call, piece, signal) => {
      const messages: Cohere.ChatMessageV2[] = [{ role: "user", content: prompts.text }];
      const stream = await client(call).chatStream({ model: call.model, messages }, { abortSignal: signal });
      for await (const event of stream)
        if (event.type === "content-delta") piece(event.delta?.message?.content?.text ?? "");
    },
    tools: async (call) => {
      const tools = toolNames.map((name) => ({ type: "function", function: { name, parameters: toolSchema } }));
      const messages: Cohere.ChatMessageV2[] = [{ role: "user", content: prompts.tools }];
      const ran: string[] = [];
      for (let turn = 0; turn < toolTurnsMax; turn++) {
        const answer = await ask(call, messages, { tools });
        const calls = answer.message?.toolCalls ?? [];
        if (calls.length === 0) return { ran, text: textOf(answer) };
        messages.push({ role: "assistant", toolCalls: calls });
        for (const { id, function: called } of calls) {
          ran.push(`${called?.name} ${called?.arguments}`);
          messages.push({ role: "tool", toolCallId: id, content: toolResult });
        }
      }
      return { ran, text: "" };
    },
    structured: async (call) => {
      const responseFormat = { type: "json_object", jsonSchema: recipeSchema };
      return JSON.parse(textOf(await ask(call, [{ role: "user", content: prompts.structured }], { responseFormat })));
    },
    image: (call) =>
      ask(call, [
        {
          role: "user",
          content: [
            { type: "text", text: prompts.text },
            { type: "image_url", imageUrl: { url: `data:image/png;base64,${pixel}` } },
          ],
        },
      ]),
  };
});

function textOf({ message }: Cohere.V2ChatResponse): string {
  return message?.content?.map((part) => (part.type === "text" ? part.text : "")).join("") ?? "";
}
