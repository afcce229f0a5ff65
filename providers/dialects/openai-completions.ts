/**
 * OpenAI's text completions, the API before chat, for a model that is asked in chat only.
 *
 * Where they part from chat: one prompt in place of messages, `choices[].text` in place of a message, and one object
 * name for whole answers and pieces alike. A caller's language only: whoever serves it is relayed to, byte for byte.
 */
import type { Dialect, Event, JsonObject, PathWords, RenderContext, Request, StreamRenderer } from "../exchange.ts";
import { GatewayError } from "../gateway-error.ts";
import type { Usage } from "../usage.ts";
import { renderFailure } from "./openai-chat/failure.ts";
import { parse as parseChat } from "./openai-chat/parse.ts";
import { renderFinish, renderUsage } from "./openai-chat/usage.ts";
import { openaiChat } from "./openai-chat.ts";
import { refuse, requestBody } from "./strict.ts";

export const openaiCompletions: Dialect = {
  ...openaiChat,
  parse: (body, path) => parseCompletion(body, path).request,
  render,
  renderStream,
};

/** What a chat has no word for, or an answer of text no place for; each with the values that ask for nothing. */
const wordless: ReadonlyMap<string, readonly unknown[]> = new Map<string, readonly unknown[]>([
  ["suffix", [""]],
  ["echo", [false]],
  ["best_of", [1]],
  ["logprobs", [false]],
  ["top_logprobs", []],
  ["messages", []],
  ["tools", []],
  ["tool_choice", []],
  ["parallel_tool_calls", []],
  ["functions", []],
  ["function_call", []],
  ["modalities", []],
  ["audio", []],
]);

/** The prompt as a user's only message; `dropped` names what no chat can be told. */
export function parseCompletion(
  body: unknown,
  path?: PathWords,
): { readonly request: Request; readonly dropped: readonly string[] } {
  const dropped: string[] = [];
  const chat = Object.entries({ ...path, ...requestBody(body) }).filter(([name, value]) => {
    if (name === "prompt") return false;
    const idle = wordless.get(name);
    if (idle === undefined) return true;
    if (value !== null && !idle.includes(value)) dropped.push(name);
    return false;
  });
  const messages = [{ role: "user", content: promptText(requestBody(body)["prompt"]) }];
  return { request: parseChat({ ...Object.fromEntries(chat), messages }), dropped };
}

function promptText(prompt: unknown): string {
  if (typeof prompt === "string") return prompt;
  if (!Array.isArray(prompt) || prompt.length === 0) return refuse("prompt", "must be a text or a list of one");
  const [first] = prompt as readonly unknown[];
  if (typeof first === "number" || Array.isArray(first)) throw cannot("tokens");
  if (prompt.length > 1) throw cannot("several prompts");
  return typeof first === "string" ? first : refuse("prompt[0]", "must be a text");
}

function cannot(what: string): GatewayError {
  const message = `prompt: this model is asked in chat, which cannot be told ${what}; send one text a request`;
  return new GatewayError("unsupported_parameter", message, { source: "client", param: "prompt" });
}

function finishOf(event: Extract<Event, { type: "finish" }>): string {
  return event.reason === "tool_calls" ? "stop" : renderFinish[event.reason];
}

function render(events: readonly Event[], context: RenderContext): JsonObject {
  let { id, model } = context;
  let usage: Usage = {};
  const choices = new Map<number, { text: string; reason: string }>();
  for (const event of events) {
    if ("usage" in event) usage = { ...usage, ...event.usage };
    switch (event.type) {
      case "start":
        id = event.id ?? id;
        model = event.model ?? model;
        break;
      case "text":
      case "refusal":
        choiceAt(choices, event.choice).text += event.delta;
        break;
      case "finish":
        choiceAt(choices, event.choice).reason = finishOf(event);
    }
  }
  const told = renderUsage(usage);
  return {
    id,
    object: "text_completion",
    created: context.created,
    model,
    choices: [...choices]
      .sort(([a], [b]) => a - b)
      .map(([index, { text, reason }]) => ({ text, index, logprobs: null, finish_reason: reason })),
    ...(told === undefined ? {} : { usage: told }),
  };
}

function choiceAt(choices: Map<number, { text: string; reason: string }>, index = 0): { text: string; reason: string } {
  const choice = choices.get(index) ?? { text: "", reason: "stop" };
  choices.set(index, choice);
  return choice;
}

const doneFrame = "data: [DONE]\n\n";

function renderStream(context: RenderContext): StreamRenderer {
  let { id, model } = context;
  let head = "";
  let usage: Usage = {};

  function frame(rest: string): string {
    if (head === "") {
      const envelope = { id, object: "text_completion", created: context.created, model };
      head = `data: ${JSON.stringify(envelope).slice(0, -1)}`;
    }
    return `${head},"choices":${rest}}\n\n`;
  }

  function piece(index: number, text: string, reason: string | null): string {
    return frame(JSON.stringify([{ text, index, logprobs: null, finish_reason: reason }]));
  }

  function push(event: Event): string {
    if ("usage" in event) usage = { ...usage, ...event.usage };
    switch (event.type) {
      case "start":
        id = event.id ?? id;
        model = event.model ?? model;
        return "";
      case "text":
      case "refusal":
        return piece(event.choice ?? 0, event.delta, null);
      case "finish":
        return piece(event.choice ?? 0, "", finishOf(event));
      default:
        return ""; // thinking, citations, pictures: text has no place for them
    }
  }

  function usageFrame(): string {
    const told = context.includeUsage === true ? renderUsage(usage) : undefined;
    return told === undefined ? "" : frame(`[],"usage":${JSON.stringify(told)}`);
  }

  return {
    push,
    end: () => usageFrame() + doneFrame,
    fail: (error, requestId) => `data: ${JSON.stringify(renderFailure(error, requestId))}\n\n${doneFrame}`,
  };
}
