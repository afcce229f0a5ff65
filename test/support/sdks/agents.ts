/** `@openai/agents` over both of OpenAI's APIs, each version with the `openai` of its time. */
import * as agents from "@openai/agents";
import * as agentsPrevious from "agents-previous";
import OpenAI from "openai";
import OpenAIPrevious from "openai-previous";
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
  { alias: "@openai/agents", sdk: agents, Client: OpenAI },
  {
    alias: "agents-previous",
    sdk: agentsPrevious as unknown as typeof agents,
    Client: OpenAIPrevious as unknown as typeof OpenAI,
  },
];

export const agentsDrivers: readonly Driver[] = majors.flatMap(({ alias, sdk, Client }) =>
  [true, false].map((useResponses): Driver => {
    const runner = ({ origin, key }: Call) => {
      const openAIClient = new Client({ baseURL: `${origin}/v1`, apiKey: key, maxRetries: 0 });
      const modelProvider = new sdk.OpenAIProvider({ openAIClient: openAIClient as never, useResponses });
      return new sdk.Runner({ modelProvider, tracingDisabled: true });
    };
    const agent = ({ model }: Call, more: object = {}) => new sdk.Agent({ name: "asked", model, ...more });
    return {
      name: `@openai/agents, ${useResponses ? "responses" : "chat"}`,
      version: installed(alias),
      api: "openai",
      text: async (call) => {
        const { finalOutput, rawResponses } = await runner(call).run(agent(call), prompts.text);
        return { text: String(finalOutput), outputTokens: rawResponses[0]?.usage.outputTokens };
      },
      stream: async (call, piece, signal) => {
        const result = await runner(call).run(agent(call), prompts.text, { stream: true, signal });
        for await (const event of result) {
          if (event.type === "raw_model_stream_event" && event.data.type === "output_text_delta")
            piece(event.data.delta);
        }
        await result.completed;
        signal.throwIfAborted();
      },
      tools: async (call) => {
        const ran: string[] = [];
        const tools = toolNames.map((name) =>
          sdk.tool({
            name,
            description: name,
            parameters: { ...toolSchema, required: [], additionalProperties: true },
            strict: false,
            execute: (input: unknown) => {
              ran.push(`${name} ${JSON.stringify(input)}`);
              return toolResult;
            },
          }),
        );
        const { finalOutput } = await runner(call).run(agent(call, { tools }), prompts.tools, {
          maxTurns: toolTurnsMax,
        });
        return { ran, text: String(finalOutput) };
      },
      structured: async (call) => {
        const outputType = { type: "json_schema", name: "recipe", strict: true, schema: recipeSchema };
        return (await runner(call).run(agent(call, { outputType }), prompts.structured)).finalOutput;
      },
      image: (call) =>
        runner(call).run(agent(call), [
          {
            role: "user",
            content: [
              { type: "input_text", text: prompts.text },
              { type: "input_image", image: `data:image/png;base64,${pixel}` },
            ],
          },
        ]),
    };
  }),
);
