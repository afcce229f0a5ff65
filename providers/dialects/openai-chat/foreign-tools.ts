/**
 * Tools as OpenAI's responses and Anthropic's messages write them, in a chat completion: editors that were made for
 * several APIs send them so, whatever the path. Hides that they are read as if they had been written in this one's way.
 */
import { isObject, type Shape, words } from "../../json.ts";

/** The body itself where all its tools are as they should be. */
export function withOwnTools(body: Shape): Shape {
  const { tools, tool_choice: choice } = body;
  const chosen = ownChoice(choice);
  if (!Array.isArray(tools) || !tools.some(isForeign))
    return chosen === choice ? body : { ...body, tool_choice: chosen };
  return { ...body, tools: tools.map(own), ...(choice === undefined ? {} : { tool_choice: chosen }) };
}

function isForeign(tool: unknown): tool is Shape {
  if (!isObject(tool) || words(tool["name"]) === undefined) return false;
  const { type } = tool;
  if (type === "function") return tool["function"] === undefined;
  if (isObject(tool["input_schema"])) return type === undefined || type === "custom";
  return type === "custom" && tool["custom"] === undefined;
}

function own(tool: unknown): unknown {
  if (!isForeign(tool)) return tool;
  const { type, input_schema: schema, cache_control: cache, ...said } = tool;
  if (type === "custom" && schema === undefined) return { type, custom: said };
  const fn = schema === undefined ? said : { ...said, parameters: schema };
  return { type: "function", function: fn, ...(cache === undefined ? {} : { cache_control: cache }) };
}

function ownChoice(choice: unknown): unknown {
  if (!isObject(choice)) return choice;
  const { type, name } = choice;
  if (words(name) !== undefined) {
    if (type === "tool" || (type === "function" && choice["function"] === undefined))
      return { type: "function", function: { name } };
    return type === "custom" && choice["custom"] === undefined ? { type, custom: { name } } : choice;
  }
  if (type === "any") return "required";
  return type === "auto" || type === "none" ? type : choice;
}
