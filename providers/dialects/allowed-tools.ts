/**
 * A choice among some of the tools. OpenAI has a word for it, so that the list of tools stays what a cache knows; Gemini
 * has one where some tool must be called. Hides that to all others, and to servers that are only like OpenAI's, the rest of
 * the tools is not sent, which lets a model call the same.
 */
import type { Request } from "../exchange.ts";
import { list, type Shape, shape, words } from "../json.ts";

/** Names of functions and custom tools, in the shapes of responses and of chat completions; undefined: one is something else. */
export function namesOf(tools: unknown): readonly string[] | undefined {
  const names = list(tools).map((item) => {
    const tool: Shape = shape(item);
    const { type } = tool;
    if (type !== "function" && type !== "custom") return undefined;
    return words(tool["name"]) ?? words(shape(tool[type])["name"]);
  });
  return names.length > 0 && names.every((name) => name !== undefined) ? names : undefined;
}

/** The request itself where all of its tools may be called, or where it names none that it has. */
export function onlyAllowed(request: Request): Request {
  const allowed = allowedOf(request);
  const tools = request.tools?.filter((tool) => tool.type === "function" && allowed?.includes(tool.name));
  return allowed === undefined || tools === undefined || tools.length === 0 ? request : { ...request, tools };
}

/** As OpenAI tells it: `{type, name}` of each. */
export function allowedTools(
  request: Request,
): readonly { readonly type: string; readonly name: string }[] | undefined {
  return allowedOf(request)?.map((name) => {
    const tool = request.tools?.find((one) => one.type === "function" && one.name === name);
    return { type: tool?.type === "function" && tool.custom !== undefined ? "custom" : "function", name };
  });
}

function allowedOf({ toolChoice }: Request): readonly string[] | undefined {
  return toolChoice !== undefined && toolChoice.type !== "tool" ? toolChoice.allowed : undefined;
}

/** @param choice `{mode, tools}` */
export function parseAllowed(choice: Shape): { type: "auto" | "required"; allowed: readonly string[] } | undefined {
  const allowed = namesOf(choice["tools"]);
  const { mode } = choice;
  return allowed === undefined || (mode !== "auto" && mode !== "required") ? undefined : { type: mode, allowed };
}
