/**
 * OpenAI's custom tools, whose input is text of any form, among functions, whose input is JSON. Hides how one stands for
 * the other: a function with one argument, `input`, which a model of any provider can write.
 * Shapes: https://platform.openai.com/docs/guides/function-calling#custom-tools
 */
import type { Event, JsonObject, RenderContext, Tool } from "../exchange.ts";
import { isObject, list, parseJson, type Shape, shape, text, words } from "../json.ts";

type FunctionTool = Extract<Tool, { type: "function" }>;

/** @param told `{name, description?, format?}`, without what the dialect puts around it */
export function customTool(name: string, description: string | undefined, told: JsonObject): FunctionTool {
  const { format } = told;
  const nested = isObject(format) ? format["grammar"] : undefined;
  const custom = isObject(nested) ? { ...told, format: { type: "grammar", ...nested } } : told;
  const rules = grammarOf(shape(custom["format"]));
  const described = [description, rules].filter((part) => part !== undefined).join("\n\n");
  return {
    type: "function",
    name,
    ...(described === "" ? {} : { description: described }),
    parameters: {
      type: "object",
      properties: { input: { type: "string", description: "The whole input of the tool, as plain text." } },
      required: ["input"],
      additionalProperties: false,
    },
    custom,
  };
}

/** Chat completions put a grammar into an object of its own, responses do not, and nor do we. */
export function nestedCustom(custom: JsonObject): JsonObject {
  const { format } = custom;
  if (!isObject(format) || format["type"] !== "grammar") return custom;
  const { type, ...grammar } = format;
  return { ...custom, format: { type, grammar } };
}

function grammarOf(format: Shape): string | undefined {
  if (format["type"] !== "grammar") return undefined;
  const definition = words(format["definition"]);
  if (definition === undefined) return undefined;
  return `\`input\` must follow this grammar (${text(format["syntax"]) ?? "lark"}):\n${definition}`;
}

/** The arguments of the function that stands for it. */
export function customArguments(input: string): string {
  return JSON.stringify({ input });
}

export function customInput(args: string): string {
  const { input } = shape(parseJson(args));
  return typeof input === "string" ? input : args;
}

const noNames: ReadonlySet<string> = new Set();

/** Which of the tools that the caller named are custom ones: in the shapes of responses and of chat completions. */
export function customNames(echo: RenderContext["echo"]): ReadonlySet<string> {
  const tools = list(echo?.["tools"]);
  if (tools.length === 0) return noNames;
  const names = new Set<string>();
  for (const item of tools) {
    const tool = shape(item);
    if (tool["type"] !== "custom") continue;
    const name = words(tool["name"]) ?? words(shape(tool["custom"])["name"]);
    if (name !== undefined) names.add(name);
  }
  return names;
}

/**
 * A custom tool's call as responses tell it, when the caller named the tool: providers tell what they did with tools of
 * their own in the same shape.
 */
export function customCall(event: Event, names: ReadonlySet<string>): CustomCall | undefined {
  if (event.type !== "opaque" || names.size === 0 || event.value["type"] !== "custom_tool_call") return undefined;
  const name = words(event.value["name"]);
  const id = words(event.value["call_id"]);
  if (name === undefined || id === undefined || !names.has(name)) return undefined;
  return { id, name, input: text(event.value["input"]) ?? "" };
}

export type CustomCall = { readonly id: string; readonly name: string; readonly input: string };

const opening = /^\s*\{\s*"input"\s*:\s*"/;
/** No opening is longer: what does not match by then is some other JSON. */
const openingMax = 64;
const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f" };

/** Reads the text out of `{"input": "…"}` while it is being written. */
export class InputReader {
  /** Not yet told: the opening, half an escape, or all of what has another form. */
  #kept = "";
  #state: "opening" | "text" | "closed" | "other" = "opening";

  /** What has become known of the text. */
  push(delta: string): string {
    if (this.#state === "closed") return "";
    this.#kept += delta;
    if (this.#state === "opening") this.#open();
    return this.#state === "text" ? this.#read() : "";
  }

  /** The rest: all of it, when it was no such JSON. */
  end(): string {
    const rest = this.#state === "opening" || this.#state === "other" ? customInput(this.#kept) : "";
    this.#state = "closed";
    this.#kept = "";
    return rest;
  }

  #open(): void {
    const found = opening.exec(this.#kept);
    if (found !== null) {
      this.#state = "text";
      this.#kept = this.#kept.slice(found[0].length);
    } else if (this.#kept.length > openingMax) this.#state = "other";
  }

  #read(): string {
    const source = this.#kept;
    let told = "";
    let at = 0;
    for (;;) {
      const stop = nextOf(source, at);
      told += source.slice(at, stop);
      at = stop;
      if (at >= source.length) break;
      if (source[at] === '"') {
        this.#state = "closed";
        at = source.length;
        break;
      }
      const length = source[at + 1] === "u" ? 6 : 2;
      if (at + length > source.length) break;
      told += unescaped(source.slice(at, at + length));
      at += length;
    }
    this.#kept = source.slice(at);
    return told;
  }
}

/** The next quote or escape. */
function nextOf(source: string, from: number): number {
  for (let at = from; at < source.length; at++) {
    const code = source.charCodeAt(at);
    if (code === 0x22 || code === 0x5c) return at;
  }
  return source.length;
}

function unescaped(written: string): string {
  if (written.length === 6) return String.fromCharCode(Number.parseInt(written.slice(2), 16) || 0);
  return escapes[written[1]!] ?? written[1]!;
}
