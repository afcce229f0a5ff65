/**
 * LangChain's packages for two vendors. The elder ones bring what goes over the wire (and elder SDKs of the vendors
 * below them); `@langchain/core`, which sends nothing, is the current one for both, because npm allows only one.
 */
import { ChatAnthropic } from "@langchain/anthropic";
import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { type AIMessage, type BaseMessage, HumanMessage, ToolMessage } from "@langchain/core/messages";
import { AzureChatOpenAI, ChatOpenAI } from "@langchain/openai";
import { ChatAnthropic as ChatAnthropicPrevious } from "langchain-anthropic-previous";
import {
  AzureChatOpenAI as AzureChatOpenAIPrevious,
  ChatOpenAI as ChatOpenAIPrevious,
} from "langchain-openai-previous";
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

type Model = (call: Call) => BaseChatModel;

const openaiMajors = [
  { alias: "@langchain/openai", Plain: ChatOpenAI, Azure: AzureChatOpenAI },
  {
    alias: "langchain-openai-previous",
    Plain: ChatOpenAIPrevious as unknown as typeof ChatOpenAI,
    Azure: AzureChatOpenAIPrevious as unknown as typeof AzureChatOpenAI,
  },
];
const anthropicMajors = [
  { alias: "@langchain/anthropic", Sdk: ChatAnthropic },
  { alias: "langchain-anthropic-previous", Sdk: ChatAnthropicPrevious as unknown as typeof ChatAnthropic },
];

export const langchainDrivers: readonly Driver[] = [
  ...openaiMajors.flatMap(({ alias, Plain, Azure }) => {
    const plain =
      (useResponsesApi: boolean): Model =>
      ({ origin, key, model }) =>
        new Plain({ model, apiKey: key, useResponsesApi, configuration: { baseURL: `${origin}/v1` }, maxRetries: 0 });
    const azure: Model = ({ origin, key, model }) =>
      new Azure({
        // Only told to LangChain itself, which asks for no schema where it takes a model for an old one.
        model,
        azureOpenAIApiKey: key,
        azureOpenAIApiDeploymentName: model,
        azureOpenAIApiVersion: "2024-10-21",
        azureOpenAIBasePath: `${origin}/openai/deployments`,
        maxRetries: 0,
      });
    return [
      driver("@langchain/openai, chat", alias, plain(false), "jsonSchema"),
      driver("@langchain/openai, responses", alias, plain(true), "jsonSchema"),
      driver("@langchain/openai, Azure's paths", alias, azure, "jsonSchema"),
    ];
  }),
  ...anthropicMajors.map(({ alias, Sdk }) => {
    const model: Model = ({ origin, key, model: name }) =>
      new Sdk({ model: name, apiKey: key, anthropicApiUrl: origin, maxTokens: 100, maxRetries: 0 });
    return driver("@langchain/anthropic", alias, model, "functionCalling");
  }),
];

function driver(name: string, alias: string, model: Model, method: "jsonSchema" | "functionCalling"): Driver {
  return {
    name,
    version: installed(alias),
    ...(method === "functionCalling" ? { forcesTool: true } : {}),
    api: method === "functionCalling" ? "anthropic" : "openai",
    text: async (call) => {
      const answer = await model(call).invoke(prompts.text);
      const { usage_metadata: usage } = answer as unknown as { usage_metadata?: { output_tokens: number } };
      return { text: textOf(answer), outputTokens: usage?.output_tokens };
    },
    stream: async (call, piece, signal) => {
      for await (const chunk of await model(call).stream(prompts.text, { signal })) piece(textOf(chunk));
    },
    tools: async (call) => {
      const tools = toolNames.map((tool) => ({ name: tool, description: tool, schema: toolSchema }));
      const bound = model(call).bindTools!(tools);
      const messages: BaseMessage[] = [new HumanMessage(prompts.tools)];
      const ran: string[] = [];
      for (let turn = 0; turn < toolTurnsMax; turn++) {
        const answer = (await bound.invoke(messages)) as AIMessage;
        messages.push(answer);
        const calls = answer.tool_calls ?? [];
        if (calls.length === 0) return { ran, text: textOf(answer) };
        for (const { name: called, args, id } of calls) {
          ran.push(`${called} ${JSON.stringify(args)}`);
          messages.push(new ToolMessage({ content: toolResult, tool_call_id: id ?? "" }));
        }
      }
      return { ran, text: "" };
    },
    structured: (call) => {
      const prompt = method === "jsonSchema" ? prompts.structured : prompts.forced;
      return model(call).withStructuredOutput(recipeSchema, { name: "recipe", method }).invoke(prompt);
    },
    image: (call) =>
      model(call).invoke([
        new HumanMessage({
          content: [
            { type: "text", text: prompts.text },
            { type: "image_url", image_url: { url: `data:image/png;base64,${pixel}` } },
          ],
        }),
      ]),
  };
}

function textOf({ content }: { readonly content: unknown }): string {
  if (typeof content === "string") return content;
  return (content as { text?: string }[]).map(({ text }) => text ?? "").join("");
}
