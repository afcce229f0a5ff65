/** `ai` with its providers for five vendors' APIs, each major with the providers of its time. */
import * as bedrock from "@ai-sdk/amazon-bedrock";
import * as anthropic from "@ai-sdk/anthropic";
import * as cohere from "@ai-sdk/cohere";
import * as google from "@ai-sdk/google";
import * as openai from "@ai-sdk/openai";
import * as ai from "ai";
import * as aiPrevious from "ai-previous";
import * as bedrockPrevious from "ai-sdk-amazon-bedrock-previous";
import * as anthropicPrevious from "ai-sdk-anthropic-previous";
import * as coherePrevious from "ai-sdk-cohere-previous";
import * as googlePrevious from "ai-sdk-google-previous";
import * as openaiPrevious from "ai-sdk-openai-previous";
import { pixel, type recipe } from "../sdk-lab.ts";
import {
  type Api,
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

type Packages = {
  readonly alias: string;
  readonly ai: typeof ai;
  readonly openai: typeof openai;
  readonly anthropic: typeof anthropic;
  readonly google: typeof google;
  readonly cohere: typeof cohere;
  readonly bedrock: typeof bedrock;
};

const majors: readonly Packages[] = [
  { alias: "ai", ai, openai, anthropic, google, cohere, bedrock },
  {
    alias: "ai-previous",
    ai: aiPrevious as unknown as typeof ai,
    openai: openaiPrevious as unknown as typeof openai,
    anthropic: anthropicPrevious as unknown as typeof anthropic,
    google: googlePrevious as unknown as typeof google,
    cohere: coherePrevious as unknown as typeof cohere,
    bedrock: bedrockPrevious as unknown as typeof bedrock,
  },
];

const apis: Readonly<Record<string, Api>> = {
  "ai, @ai-sdk/openai, chat": "openai",
  "ai, @ai-sdk/openai, responses": "openai",
  "ai, @ai-sdk/anthropic": "anthropic",
  "ai, @ai-sdk/google": "gemini",
  // Of AWS's errors it reads the message only, which stands where Cohere's does.
  "ai, @ai-sdk/cohere": "cohere",
  "ai, @ai-sdk/amazon-bedrock": "cohere",
};

/** Of models that they do not know they ask for no schema, but for a call of a tool named `json`. */
const forcing: ReadonlySet<string> = new Set(["ai, @ai-sdk/anthropic", "ai, @ai-sdk/amazon-bedrock"]);

export const aiDrivers: readonly Driver[] = majors.flatMap((packages) => {
  const { alias } = packages;
  const models: Readonly<Record<string, (call: Call) => ai.LanguageModel>> = {
    "@ai-sdk/openai, chat": ({ origin, key, model }) =>
      packages.openai.createOpenAI({ baseURL: `${origin}/v1`, apiKey: key }).chat(model),
    "@ai-sdk/openai, responses": ({ origin, key, model }) =>
      packages.openai.createOpenAI({ baseURL: `${origin}/v1`, apiKey: key })(model),
    "@ai-sdk/anthropic": ({ origin, key, model }) =>
      packages.anthropic.createAnthropic({ baseURL: `${origin}/v1`, apiKey: key })(model),
    "@ai-sdk/google": ({ origin, key, model }) =>
      packages.google.createGoogleGenerativeAI({ baseURL: `${origin}/v1beta`, apiKey: key })(model),
    "@ai-sdk/cohere": ({ origin, key, model }) =>
      packages.cohere.createCohere({ baseURL: `${origin}/v2`, apiKey: key })(model),
    "@ai-sdk/amazon-bedrock": ({ origin, key, model }) =>
      packages.bedrock.createAmazonBedrock({
        baseURL: origin,
        region: "eu-central-1",
        accessKeyId: key,
        secretAccessKey: "unused",
      })(model),
  };
  return Object.entries(models).map(([name, model]) => driver(`ai, ${name}`, alias, packages.ai, model));
});

function driver(name: string, alias: string, sdk: typeof ai, model: (call: Call) => ai.LanguageModel): Driver {
  return {
    name,
    version: installed(alias),
    ...(forcing.has(name) ? { forcesTool: true } : {}),
    api: apis[name]!,
    text: async (call) => {
      const { text, usage } = await sdk.generateText({ model: model(call), prompt: prompts.text, maxRetries: 0 });
      return { text, outputTokens: usage.outputTokens };
    },
    stream: async (call, piece, signal) => {
      let failed: unknown;
      const onError = ({ error }: { error: unknown }) => {
        failed = error;
      };
      const { fullStream } = sdk.streamText({
        ...{ model: model(call), prompt: prompts.text, maxRetries: 0, abortSignal: signal, onError },
      });
      for await (const part of fullStream) if (part.type === "text-delta") piece(part.text);
      if (failed !== undefined) throw failed;
      signal.throwIfAborted();
    },
    tools: async (call) => {
      const ran: string[] = [];
      const named = (tool: string) =>
        sdk.tool({
          description: tool,
          inputSchema: sdk.jsonSchema<Record<string, string>>(toolSchema),
          execute: (input: Record<string, string>) => {
            ran.push(`${tool} ${JSON.stringify(input)}`);
            return toolResult;
          },
        });
      const { text } = await sdk.generateText({
        model: model(call),
        prompt: prompts.tools,
        tools: Object.fromEntries(toolNames.map((tool) => [tool, named(tool)])),
        stopWhen: sdk.stepCountIs(toolTurnsMax),
        maxRetries: 0,
      });
      return { ran, text };
    },
    structured: async (call) => {
      const schema = sdk.jsonSchema<typeof recipe>(recipeSchema);
      const output = sdk.Output.object({ schema });
      const prompt = forcing.has(name) ? prompts.forcedJson : prompts.structured;
      return (await sdk.generateText({ model: model(call), prompt, output, maxRetries: 0 })).output;
    },
    image: (call) =>
      sdk.generateText({
        model: model(call),
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: prompts.text },
              { type: "file", mediaType: "image/png", data: pixel },
            ],
          },
        ],
        maxRetries: 0,
      }),
  };
}
