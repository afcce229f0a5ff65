/** Fields that OpenAI's two chat dialects share and nobody else has. Hides the one that is spelled differently. */
import type { Json, JsonObject, Request } from "../exchange.ts";
import { shape } from "../json.ts";
import { type DroppedFields, extraFields } from "./dropped.ts";

const shared: ReadonlySet<string> = new Set([
  "store",
  "prompt_cache_key",
  "prompt_cache_retention",
  "safety_identifier",
  "moderation",
]);

const tiers: ReadonlySet<string> = new Set(["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"]);

/** A tier in an answer: OpenAI's word for what is usual, and nothing where it has no word. */
export function renderTier(tier: string | undefined): string | undefined {
  if (tier === "standard" || tier === "standard_only" || tier === "on_demand") return "default";
  return tier !== undefined && tiers.has(tier) ? tier : undefined;
}

/** What of the caller's own fields the other of the two takes as well; the rest is reported. */
export function openaiExtra(
  request: Request,
  target: "openai-chat" | "openai-responses",
  dropped: DroppedFields,
): JsonObject | undefined {
  const { extra, dialect } = request;
  if (extra === undefined || dialect === target || (dialect !== "openai-chat" && dialect !== "openai-responses")) {
    return extraFields(request, target, dropped);
  }
  const taken: Record<string, Json> = {};
  const rest: Record<string, Json> = {};
  for (const name in extra) {
    const value = extra[name]!;
    if (shared.has(name)) taken[name] = value;
    else if (name === "verbosity") taken["text"] = { verbosity: value };
    else if (name === "text" && Object.keys(shape(value)).join() === "verbosity")
      taken["verbosity"] = (value as JsonObject)["verbosity"]!;
    else rest[name] = value;
  }
  extraFields({ ...request, extra: rest }, target, dropped);
  return taken;
}
