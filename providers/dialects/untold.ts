/**
 * What an answer said that its client's language has no place for, so that it is told of elsewhere. Hides which language
 * lacks what; `test/providers/dialects/untold.test.ts` holds it against what is rendered.
 */
import type { DialectId, Event, JsonObject, Usage } from "../exchange.ts";
import { renderCitation as bedrockCitation } from "./bedrock-converse/citation.ts";
import { webPage } from "./citation.ts";
import { renderCitation as cohereCitation } from "./cohere/citation.ts";
import { renderTier } from "./openai-extra.ts";

type Lacks = {
  readonly stopSequence?: true;
  readonly logprobs?: true;
  /** A second answer. */
  readonly choices?: true;
  readonly image?: true;
  readonly audio?: true;
  readonly cacheWrite?: true;
  readonly reasoning?: true;
  readonly tier?: (tier: string) => boolean;
  readonly citation?: (value: JsonObject) => boolean;
};

const noWebPage = (value: JsonObject): boolean => webPage(value) === undefined;

/** What everybody gets who does not ask says nothing. */
const usualTiers: ReadonlySet<string> = new Set(["default", "standard", "standard_only", "on_demand", "auto"]);
const tier = (told: string): boolean => !usualTiers.has(told);
const openaiTier = (told: string): boolean => renderTier(told) === undefined;

const lacking: Readonly<Record<DialectId, Lacks>> = {
  "openai-chat": { stopSequence: true, tier: openaiTier },
  "openai-responses": { stopSequence: true, choices: true, audio: true, citation: noWebPage, tier: openaiTier },
  anthropic: { logprobs: true, choices: true, image: true, audio: true },
  gemini: { stopSequence: true, cacheWrite: true, citation: noWebPage, tier },
  "bedrock-converse": {
    logprobs: true,
    choices: true,
    audio: true,
    reasoning: true,
    citation: (value) => bedrockCitation(value) === undefined,
  },
  cohere: {
    stopSequence: true,
    choices: true,
    image: true,
    audio: true,
    cacheWrite: true,
    reasoning: true,
    tier,
    citation: (value) => cohereCitation(value) === undefined,
  },
};

/** Undefined until there is something. */
export type Told = { untold: string[] | undefined };

/** Adds to `told` what of this event the client does not hear. Called for no event that is text. */
export function noteUntold(told: Told, client: DialectId, event: Event): void {
  const lacks = lacking[client];
  switch (event.type) {
    case "finish":
      if (lacks.stopSequence && event.stopSequence !== undefined) add(told, "stop_sequence");
      if (lacks.choices && (event.choice ?? 0) > 0) add(told, "choices");
      noteUsage(told, lacks, event.usage);
      break;
    case "start":
    case "usage":
      noteUsage(told, lacks, event.usage);
      break;
    case "logprobs":
      if (lacks.logprobs) add(told, "logprobs");
      break;
    case "media":
      if (event.mediaType.startsWith("audio/") ? lacks.audio : lacks.image)
        add(told, event.mediaType.startsWith("audio/") ? "audio" : "images");
      break;
    case "citation":
      if (lacks.citation?.(event.value)) add(told, "citations");
  }
}

function noteUsage(told: Told, lacks: Lacks, usage: Usage | undefined): void {
  if (usage === undefined) return;
  const { cacheWrite5m = 0, cacheWrite1h = 0, reasoning = 0, serviceTier } = usage;
  if (lacks.cacheWrite && cacheWrite5m + cacheWrite1h > 0) add(told, "cache_write_tokens");
  if (lacks.reasoning && reasoning > 0) add(told, "reasoning_tokens");
  if (serviceTier !== undefined && lacks.tier?.(serviceTier) === true) add(told, "service_tier");
}

function add(told: Told, name: string): void {
  if (told.untold === undefined) told.untold = [name];
  else if (!told.untold.includes(name)) told.untold.push(name);
}
