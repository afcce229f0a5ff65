/** Tools, the choice of them, calls and their results. */
import { called, everywhere, type Feature, fields, history, png, withTool } from "./build.ts";

const two = ["weather", "now"];
const three = [...two, "OTHER"];

export const tools: Readonly<Record<string, Feature>> = {
  tools: { said: withTool(everywhere), mark: /"weather".*"city"/ },
  "a strict tool": {
    said: withTool(
      {
        "openai-chat": {},
        "openai-responses": {},
        anthropic: {},
        "bedrock-converse": {},
        cohere: { strict_tools: true },
      },
      {
        "openai-chat": { strict: true },
        "openai-responses": { strict: true },
        anthropic: { strict: true },
        "bedrock-converse": { strict: true },
      },
    ),
    mark: /"strict(_tools)?":true/,
  },
  "a tool's further fields": {
    said: withTool(
      { "openai-responses": {}, anthropic: {}, gemini: {} },
      {
        "openai-responses": { defer_loading: true },
        anthropic: { defer_loading: true },
        gemini: { behavior: "NON_BLOCKING" },
      },
    ),
    mark: /defer_loading|NON_BLOCKING/,
  },
  "a hosted tool": {
    said: fields({
      "openai-responses": { tools: [{ type: "web_search", search_context_size: "low" }] },
      anthropic: { tools: [{ type: "web_search_20250305", name: "web_search" }] },
      gemini: { tools: [{ googleSearch: {} }] },
      "bedrock-converse": { toolConfig: { tools: [{ systemTool: { name: "nova_grounding" } }] } },
    }),
    mark: /web_search|googleSearch|nova_grounding/,
  },
  "a custom tool": {
    said: fields({
      "openai-chat": { tools: [{ type: "custom", custom: { name: "MARK", description: "d" } }] },
      "openai-responses": { tools: [{ type: "custom", name: "MARK", description: "d" }] },
    }),
    mark: /MARK/,
  },
  "a free choice": {
    said: withTool({
      "openai-chat": { tool_choice: "auto" },
      "openai-responses": { tool_choice: "auto" },
      anthropic: { tool_choice: { type: "auto" } },
      gemini: { toolConfig: { functionCallingConfig: { mode: "AUTO" } } },
      "bedrock-converse": { toolChoice: { auto: {} } },
    }),
    // What Cohere does where it is told nothing.
    mark: { else: /auto|AUTO/, cohere: /"weather"/ },
  },
  "some tool": {
    said: withTool({
      "openai-chat": { tool_choice: "required" },
      "openai-responses": { tool_choice: "required" },
      anthropic: { tool_choice: { type: "any" } },
      gemini: { toolConfig: { functionCallingConfig: { mode: "ANY" } } },
      "bedrock-converse": { toolChoice: { any: {} } },
      cohere: { tool_choice: "REQUIRED" },
    }),
    mark: /"tool_choice":"required"|"type":"any"|"ANY"|"any":\{\}|REQUIRED/,
  },
  "no tool": {
    said: withTool({
      "openai-chat": { tool_choice: "none" },
      "openai-responses": { tool_choice: "none" },
      anthropic: { tool_choice: { type: "none" } },
      gemini: { toolConfig: { functionCallingConfig: { mode: "NONE" } } },
      cohere: { tool_choice: "NONE" },
    }),
    // Where there is no word for it the tools stay away.
    mark: { else: /"none"|NONE/, "bedrock-converse": /^((?!weather).)*$/ },
  },
  "one tool": {
    said: withTool({
      "openai-chat": { tool_choice: { type: "function", function: { name: "weather" } } },
      "openai-responses": { tool_choice: { type: "function", name: "weather" } },
      anthropic: { tool_choice: { type: "tool", name: "weather" } },
      gemini: { toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["weather"] } } },
      "bedrock-converse": { toolChoice: { tool: { name: "weather" } } },
    }),
    mark: /"(tool_choice|toolChoice|allowedFunctionNames)":.*"weather"|REQUIRED/,
  },
  "some of the tools": {
    said: fields({
      "openai-chat": {
        tools: three.map((name) => ({ type: "function", function: { name, parameters: { type: "object" } } })),
        tool_choice: {
          type: "allowed_tools",
          allowed_tools: { mode: "auto", tools: two.map((name) => ({ type: "function", function: { name } })) },
        },
      },
      "openai-responses": {
        tools: three.map((name) => ({ type: "function", name, parameters: { type: "object" } })),
        tool_choice: { type: "allowed_tools", mode: "auto", tools: two.map((name) => ({ type: "function", name })) },
      },
      gemini: {
        tools: [{ functionDeclarations: three.map((name) => ({ name })) }],
        toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: two } },
      },
    }),
    // Where there is no word for it the others stay away.
    mark: {
      else: /^((?!OTHER).)*"weather"((?!OTHER).)*"now"((?!OTHER).)*$/,
      "openai-chat": /"allowed_tools":\{"mode":"\w+","tools":\[.*"weather".*"now".*\]\}.*/,
      "openai-responses": /"type":"allowed_tools","mode":"\w+","tools":\[.*"weather".*"now"/,
    },
  },
  "one call at a time": {
    said: withTool({
      "openai-chat": { parallel_tool_calls: false },
      "openai-responses": { parallel_tool_calls: false },
      anthropic: { tool_choice: { type: "auto", disable_parallel_tool_use: true } },
    }),
    mark: /"parallel_tool_calls":false|"disable_parallel_tool_use":true/,
  },
  "a call": { said: history(called), mark: /MARK/ },
  "a result": {
    said: history(called, {
      "openai-chat": { role: "tool", tool_call_id: "call_1", content: "RESULT" },
      "openai-responses": { type: "function_call_output", call_id: "call_1", output: "RESULT" },
      anthropic: { type: "tool_result", tool_use_id: "call_1", content: "RESULT" },
      gemini: { functionResponse: { id: "call_1", name: "weather", response: { output: "RESULT" } } },
      "bedrock-converse": { toolResult: { toolUseId: "call_1", content: [{ text: "RESULT" }] } },
      cohere: { role: "tool", tool_call_id: "call_1", content: "RESULT" },
    }),
    mark: /RESULT/,
  },
  "a result that failed": {
    said: history(
      { anthropic: called["anthropic"]!, gemini: called["gemini"]!, "bedrock-converse": called["bedrock-converse"]! },
      {
        anthropic: { type: "tool_result", tool_use_id: "call_1", content: "RESULT", is_error: true },
        gemini: { functionResponse: { id: "call_1", name: "weather", response: { error: "RESULT" } } },
        "bedrock-converse": { toolResult: { toolUseId: "call_1", content: [{ text: "RESULT" }], status: "error" } },
      },
    ),
    mark: /"is_error":true|"error":"RESULT"|\\"error\\":\\"RESULT\\"|"status":"error"/,
  },
  "a picture in a result": {
    said: history(
      {
        "openai-responses": called["openai-responses"]!,
        anthropic: called["anthropic"]!,
        "bedrock-converse": called["bedrock-converse"]!,
      },
      {
        "openai-responses": {
          type: "function_call_output",
          call_id: "call_1",
          output: [{ type: "input_image", image_url: "data:image/png;base64,PICTURE", detail: "auto" }],
        },
        anthropic: {
          type: "tool_result",
          tool_use_id: "call_1",
          content: [{ ...png, source: { ...png.source, data: "PICTURE" } }],
        },
        "bedrock-converse": {
          toolResult: { toolUseId: "call_1", content: [{ image: { format: "png", source: { bytes: "PICTURE" } } }] },
        },
      },
    ),
    mark: /PICTURE/,
  },
  "a search result in a result": {
    said: history(
      { anthropic: called["anthropic"]!, "bedrock-converse": called["bedrock-converse"]! },
      {
        anthropic: {
          type: "tool_result",
          tool_use_id: "call_1",
          content: [{ type: "search_result", source: "s", title: "FOUND", content: [{ type: "text", text: "t" }] }],
        },
        "bedrock-converse": {
          toolResult: {
            toolUseId: "call_1",
            content: [{ searchResult: { source: "s", title: "FOUND", content: [{ text: "t" }] } }],
          },
        },
      },
    ),
    mark: /FOUND/,
  },
};
