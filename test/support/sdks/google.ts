/** `@google/genai`. */
import { type Content, GoogleGenAI } from "@google/genai";
import { GoogleGenAI as GoogleGenAIPrevious } from "genai-previous";
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
  { alias: "@google/genai", Sdk: GoogleGenAI },
  { alias: "genai-previous", Sdk: GoogleGenAIPrevious as unknown as typeof GoogleGenAI },
];

export const googleDrivers: readonly Driver[] = majors.map(({ alias, Sdk }) => {
  const models = ({ origin, key }: Call) =>
    new Sdk({ apiKey: key, httpOptions: { baseUrl: origin, retryOptions: { attempts: 1 } } }).models;
  return {
    name: "@google/genai",
    version: installed(alias),
    api: "gemini",
    text: async (call) => {
      const answer = await models(call).generateContent({ model: call.model, contents: prompts.text });
      return { text: answer.text ?? "", outputTokens: answer.usageMetadata?.candidatesTokenCount };
    },
    stream: async (call, piece, signal) => {
      const config = { abortSignal: signal };
      const asked = { model: call.model, contents: prompts.text, config };
      for await (const chunk of await models(call).generateContentStream(asked)) piece(chunk.text ?? "");
    },
    tools: async (call) => {
      const functionDeclarations = toolNames.map((name) => ({ name, parametersJsonSchema: toolSchema }));
      const contents: Content[] = [{ role: "user", parts: [{ text: prompts.tools }] }];
      const ran: string[] = [];
      for (let turn = 0; turn < toolTurnsMax; turn++) {
        const config = { tools: [{ functionDeclarations }] };
        const content = (await models(call).generateContent({ model: call.model, contents, config })).candidates?.[0]
          ?.content;
        const calls = content?.parts?.flatMap(({ functionCall }) => (functionCall ? [functionCall] : [])) ?? [];
        if (calls.length === 0) return { ran, text: content?.parts?.map(({ text }) => text ?? "").join("") ?? "" };
        ran.push(...calls.map(({ name, args }) => `${name} ${JSON.stringify(args)}`));
        const parts = calls.map(({ id, name }) => ({
          functionResponse: { ...(id ? { id } : {}), name: name ?? "", response: { output: toolResult } },
        }));
        contents.push(content!, { role: "user", parts });
      }
      return { ran, text: "" };
    },
    structured: async (call) => {
      const config = { responseMimeType: "application/json", responseJsonSchema: recipeSchema };
      const answer = await models(call).generateContent({ model: call.model, contents: prompts.structured, config });
      return JSON.parse(answer.text ?? "");
    },
    image: (call) =>
      models(call).generateContent({
        model: call.model,
        contents: [
          { role: "user", parts: [{ text: prompts.text }, { inlineData: { mimeType: "image/png", data: pixel } }] },
        ],
      }),
  };
});
