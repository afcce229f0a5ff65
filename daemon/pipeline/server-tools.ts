/**
 * Tools that the provider runs while it answers: a search, a fetch, a sandbox. Each call may have a price, and what it
 * finds is read as a prompt is, so neither the length of a request nor its output limit bounds what it costs. Hides what
 * each vendor calls them, and which word of a request says how often they may be called.
 */
import type { Price } from "../../providers/catalog/price.ts";
import { GatewayError } from "../../providers/gateway-error.ts";
import type { ToolSum } from "../store/batch-files.ts";

export type ServerTools = {
  /** How often they may be called, by the request's own word; else what is usual. */
  readonly calls: number;
  readonly isBounded: boolean;
  /** Some have a price by the call. */
  readonly hasFee: boolean;
  /** Without a tool, which not every answer tells a thing of. */
  readonly searches: boolean;
  /** Files that the provider keeps, which has a price of its own. */
  readonly searchesFiles: boolean;
  /** Gigabytes of the containers that it may begin, 0: none. */
  readonly containerGb: number;
  /** One whose cost nobody tells in an answer. */
  readonly unpriced: string | undefined;
};

/** Of the requests of a batch. */
export function bothTools(one: ToolSum | undefined, other: ToolSum): ToolSum {
  if (one === undefined) return other;
  return {
    calls: one.calls + other.calls,
    isBounded: one.isBounded && other.isBounded,
    hasFee: one.hasFee || other.hasFee,
    searchesFiles: one.searchesFiles || other.searchesFiles,
    containerGb: (one.containerGb ?? 0) + (other.containerGb ?? 0),
    unpriced: one.unpriced ?? other.unpriced,
  };
}

/** Calls that are held for where a request does not say how many there may be, and holds are estimates. */
export const usualCalls = 4;
const callsMax = 1_000;

/** By `type`. What runs at the client (`computer_…`, `bash_…`, `local_shell`) costs the tokens of its next request. */
const types = new RegExp(
  '"type"\\s*:\\s*"(' +
    [
      "web_search(?:_preview|_premium)?(?:_\\d{4}_?\\d\\d_?\\d\\d)?",
      ...["x_search", "collections_search", "openrouter:[\\w-]+", "web_fetch(?:_\\d{8})?", "mcp", "mcp_toolset"],
      ...["code_execution(?:_\\d{8})?", "code_interpreter", "file_search", "image_generation"],
      // Another model's tokens; where a shell is not the client's.
      ...["advisor_\\d{8}", "container_auto", "container_reference"],
    ].join("|") +
    ')"',
  "g",
);
/** Gemini's are keys. */
const geminiKeys =
  /"(google_?search(?:_?retrieval)?|enterprise_?web_?search|google_?maps|url_?context|code_?execution|file_?search)"\s*:\s*\{/gi;
/** What searches without a tool: OpenAI's and Perplexity's, xAI's, OpenRouter's. */
const searching = /"(?:web_search_options|search_parameters)"\s*:\s*\{|"plugins"\s*:\s*\[[^\]]*"id"\s*:\s*"web"/;
/** A prompt that OpenAI keeps brings text and tools that no one here has seen. */
const storedPrompt = /"prompt"\s*:\s*\{[^{}]*"id"\s*:/;
const tokensOnly = /^(?:web_fetch|mcp|url)/;
const filesOnly = /^(?:file|collections)_search/;
/** Begun for the request. Of one that was begun before nobody tells for how long it has been paid. */
const begun = /^(?:code_interpreter|container_auto)$/;
const begunBefore = /"container"\s*:\s*"/;
const memory = /"memory_limit"\s*:\s*"(\d{1,3})g"/g;
const untold = /^(?:image_generation|code_execution|advisor|container_reference)/;

/** OpenAI has 1, 4, 16 and 64: what is unknown counts as the largest. */
export function gigabytes(limit: string): number {
  const size = /^(1|4|16|64)g$/.exec(limit)?.[1];
  return size === undefined ? 64 : Number(size);
}

/** Undefined: none is named. `text` is the whole body, or of a session what sets it up. */
export function readServerTools(text: string, isGoogles = text.includes('"contents"')): ServerTools | undefined {
  const named = [...text.matchAll(types)].map(([, name]) => name!);
  // Gemini runs code and reads files for their tokens alone.
  const keys = isGoogles ? [...text.matchAll(geminiKeys)].map(([, name]) => name!) : [];
  const searches = searching.test(text);
  const isStored = storedPrompt.test(text);
  if (named.length + keys.length === 0 && !searches && !isStored) return undefined;
  const calls = searches || keys.length > 0 ? undefined : callsBound(text, named.length);
  return {
    calls: calls ?? usualCalls,
    isBounded: calls !== undefined,
    searches,
    hasFee: searches || named.some(hasFee) || keys.some((key) => /search|maps/i.test(key) && !/^file/i.test(key)),
    searchesFiles: named.some((name) => filesOnly.test(name)),
    containerGb: containersIn(text, named),
    unpriced: isStored
      ? "a stored prompt"
      : named.find((name) => untold.test(name) || (name === "code_interpreter" && begunBefore.test(text))),
  };
}

function hasFee(name: string): boolean {
  return !tokensOnly.test(name) && !untold.test(name) && !filesOnly.test(name) && !begun.test(name);
}

/** Each of the largest that is named. */
function containersIn(text: string, named: readonly string[]): number {
  const sizes = [...text.matchAll(memory)].map(([, size]) => gigabytes(`${size}g`));
  return named.filter((name) => begun.test(name)).length * Math.max(1, ...sizes);
}

/** OpenAI's bound is one for all tools, Anthropic's one for each. A word that is said twice bounds nothing. */
function callsBound(text: string, named: number): number | undefined {
  const { body, params, request, ...own } = JSON.parse(text) as Readonly<Record<string, unknown>>;
  // Of a batch it is a line, with a request inside.
  const inner = "tools" in own ? own : (body ?? params ?? request ?? own);
  const { tools, max_tool_calls: most } = inner as { readonly tools?: unknown; readonly max_tool_calls?: unknown };
  if (count(text, '"tools"') > 1 || count(text, '"max_tool_calls"') > 1) return undefined;
  if (isCount(most)) return most;
  let [sum, bounded] = [0, 0];
  for (const tool of Array.isArray(tools) ? tools : []) {
    const { type, max_uses: uses } = (tool ?? {}) as { readonly type?: unknown; readonly max_uses?: unknown };
    if (!isCount(uses) || typeof type !== "string") continue;
    sum += uses;
    bounded += 1;
  }
  return bounded === named && count(text, '"max_uses"') === named ? Math.min(sum, callsMax) : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= callsMax;
}

function count(text: string, word: string): number {
  return text.split(word).length - 1;
}

/** Throws where a budget could not hold the worst of it. `isExact`: holds are bounds, not estimates. */
export function assertHoldable(tools: ToolSum, price: Price | undefined, isExact: boolean): void {
  if (tools.unpriced !== undefined) throw refused(`what ${tools.unpriced} costs is not told in an answer`);
  if (tools.hasFee && price !== undefined && price.serverTool === undefined)
    throw refused("what a search of this provider costs is not known (`server_tool` under `prices` in the config)");
  if (tools.searchesFiles && price !== undefined && price.fileSearch === undefined)
    throw refused(
      "what a search of this provider's files costs is not known (`file_search` under `prices` in the config)",
    );
  if ((tools.containerGb ?? 0) > 0 && price !== undefined && price.container === undefined)
    throw refused("what a container of this provider costs is not known (`container` under `prices` in the config)");
  if (isExact && !tools.isBounded)
    throw refused(
      "how often the provider may run its tools is not bounded (`max_tool_calls`, or `max_uses` of each tool)",
    );
}

function refused(why: string): GatewayError {
  const message = `${why}, and this API key has a budget; leave it out, or set \`ledger.allow_unpriced\``;
  return new GatewayError("unpriced_model", message, { source: "gateway", param: "tools" });
}
