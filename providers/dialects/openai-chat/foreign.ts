/**
 * What OpenAI's responses and Anthropic's messages write, in a chat completion: editors that were made for several APIs
 * (Cursor) send it so, whatever the path: flat tools, tools with an `input_schema`, blocks of calls and results, and an
 * `input` in place of messages. Hides that it is read as if it had been written in this one's way.
 */
import type { Message, Part, Request } from "../../exchange.ts";
import { isObject, list, type Mutable, type Shape, shape, words } from "../../json.ts";
import { parseBlock } from "../anthropic/parse-messages.ts";
import { customArguments, customInput, customNames } from "../custom-tool.ts";
import { parse as parseResponse } from "../openai-responses/parse.ts";
import { parseInput, parsePart as parseInputPart } from "../openai-responses/parse-items.ts";
import { refuse } from "../strict.ts";

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

const inputParts: ReadonlySet<unknown> = new Set(["input_text", "output_text", "input_image", "input_file"]);
const blocks: ReadonlySet<unknown> = new Set(
  "tool_use tool_result thinking redacted_thinking image document".split(" "),
);

/** Undefined: it is nobody's that we know. */
export function foreignPart(part: Shape, at: string): Part | undefined {
  if (inputParts.has(part["type"])) return parseInputPart(part, at);
  return blocks.has(part["type"]) ? parseBlock(part, at) : undefined;
}

/**
 * Calls of custom tools that were told as functions come back as such, with the text itself for arguments.
 * @param tools in this dialect's shape or in that of responses
 */
export function withCustomCalls(messages: readonly Message[], tools: Request["echo"]): readonly Message[] {
  const names = customNames(tools);
  if (names.size === 0) return messages;
  return messages.map((message) => ({
    ...message,
    parts: message.parts.map((part) =>
      part.type === "tool_call" && names.has(part.name)
        ? { ...part, custom: true, arguments: customArguments(customInput(part.arguments)) }
        : part,
    ),
  }));
}

/** Custom tools without the object that this dialect puts around them: what calls them wants to read them as functions. */
export function hasFlatCustom(body: Shape): boolean {
  return list(body["tools"]).some(
    (tool) => isForeign(tool) && tool["type"] === "custom" && !isObject(tool["input_schema"]),
  );
}

/** What only its provider has stored, and whoever made it may ask for, at the path that knows who that is. */
const elsewhere = ["previous_response_id", "conversation", "prompt"];

/** Undefined: it has messages, as it should. An empty list of them is as good as none. */
export function parseAsResponse(
  body: Shape,
  parseMessage: (value: unknown, at: string) => Message,
): Request | undefined {
  const { input, messages, stream_options: _, store: __, background: ___, max_tokens: cap, ...others } = body;
  const rest: Record<string, unknown> = others;
  if (input === undefined || input === null || list(messages).length > 0) return undefined;
  for (const name of elsewhere)
    if (rest[name] !== undefined && rest[name] !== null) refuse(name, "belongs to /v1/responses");
  const most = rest["max_output_tokens"] ?? rest["max_completion_tokens"] ?? cap;
  delete rest["max_completion_tokens"];
  if (most !== undefined) rest["max_output_tokens"] = most;
  const choice = ownChoice(rest["tool_choice"]);
  if (choice !== undefined) rest["tool_choice"] = flat(choice);
  if (Array.isArray(rest["tools"])) rest["tools"] = rest["tools"].map((tool) => flat(own(tool)));
  const asked: Mutable<Request> = { ...parseResponse({ ...rest, input: [] }) };
  asked.messages = withCustomCalls([...asked.messages, ...parseItems(input, parseMessage)], asked.echo);
  if (hasFlatCustom(body)) asked.echo = { ...asked.echo, flat: true };
  return asked;
}

/** What this dialect has in an object of its own, in the shape of responses. */
function flat(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { type } = value;
  const inner = type === "function" || type === "custom" ? value[type] : undefined;
  return isObject(inner) ? { type, ...inner } : value;
}

function parseItems(input: unknown, parseMessage: (value: unknown, at: string) => Message): readonly Message[] {
  if (!Array.isArray(input)) return parseInput({ input });
  const messages: Message[] = [];
  let from = 0;
  for (const [index, item] of input.entries()) {
    if (!isMessage(item)) continue;
    messages.push(...parseInput({ input: input.slice(from, index) }, from), parseMessage(item, `input[${index}]`));
    from = index + 1;
  }
  return [...messages, ...parseInput({ input: input.slice(from) }, from)];
}

/** One of a chat, or one with blocks that a response's input does not have. */
function isMessage(item: unknown): boolean {
  const { role, content, tool_calls: calls } = shape(item);
  if (role === "tool" || Array.isArray(calls)) return true;
  return list(content).some((part) => {
    const { type } = shape(part);
    return type === "image_url" || type === "file" || blocks.has(type);
  });
}
