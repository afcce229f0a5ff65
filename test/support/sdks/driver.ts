/**
 * What every SDK does the same way, so that one table of cases is played with all of them. Hides each SDK's own words
 * for asking; what is expected of an answer is the table's business.
 */
import { readFileSync } from "node:fs";

/** Who asks, where and for what. `origin` is the gateway's, without a path. */
export type Call = { readonly origin: string; readonly key: string; readonly model: string };

export type Api = "openai" | "anthropic" | "gemini" | "bedrock" | "cohere";

export type Told = { readonly text: string; readonly outputTokens: number | undefined };

/** Tools that ran, by name and input, and what was said at the end. */
export type Loop = { readonly ran: readonly string[]; readonly text: string };

export const cases = [
  "text",
  "stream",
  "tools",
  "structured output",
  "image",
  "errors",
  "abort",
  "slow stream",
] as const;
export type CaseName = (typeof cases)[number];

export type Driver = {
  readonly name: string;
  /** As installed. */
  readonly version: string;
  /** Whose API it speaks, which is how it hears of errors. */
  readonly api: Api;
  readonly text: (call: Call) => Promise<Told>;
  /** Tells of every piece of text as it comes. */
  readonly stream: (call: Call, piece: (text: string) => void, signal: AbortSignal) => Promise<void>;
  /** Asks about the weather until no tool is asked for. */
  readonly tools: (call: Call) => Promise<Loop>;
  /** Asks for a recipe in its schema, and reads it. */
  readonly structured: (call: Call) => Promise<unknown>;
  /** It does so by a tool that must be called. */
  readonly forcesTool?: true;
  /** Shows one pixel. */
  readonly image: (call: Call) => Promise<unknown>;
  /** Cases that mean nothing here, each with its reason. */
  readonly without?: Readonly<Partial<Record<CaseName, string>>>;
};

export type Failure = { readonly status: number | undefined; readonly message: string; readonly kind: unknown };

export const toolNames = ["get_weather", "get_time"] as const;
export const toolSchema = {
  type: "object",
  properties: { city: { type: "string" }, zone: { type: "string" } },
} as const;
export const toolResult = "18 degrees";
export const toolTurnsMax = 5;

export const prompts = {
  text: "say hello",
  tools: "weather in Paris and Rome",
  structured: "a recipe",
  /** For SDKs that force a tool where a schema is wanted. */
  forced: "a dish by tool",
  /** The same, where the SDK itself names the tool. */
  forcedJson: "a dish in json",
} as const;

export const recipeSchema = {
  type: "object",
  title: "recipe",
  properties: { name: { type: "string" }, minutes: { type: "integer" } },
  required: ["name", "minutes"] as string[],
  additionalProperties: false,
} as const;

/** The version that a name in our `package.json` stands for. */
export function installed(alias: string): string {
  const file = new URL(`../../../node_modules/${alias}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
