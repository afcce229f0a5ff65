/** How hard a model shall think, in Anthropic's words. Hides that its models up to 4.5 take a budget in tokens and later ones an effort. */
import type { JsonObject, Part, Reasoning, Request } from "../../exchange.ts";
import type { DroppedFields } from "../dropped.ts";
import { budgetOfEffort, effortOfBudget } from "../effort.ts";
import { proofFor } from "../signature.ts";

/** Anthropic requires an output cap. This is the documented default where the caller gives none; a budget comes on top. */
export const maxTokensDefault = 4_096;

export type Thinking = {
  readonly maxTokens: number;
  readonly thinking?: JsonObject;
  readonly effort?: string;
  /** Sampling is restricted. */
  readonly thinks: boolean;
};

/** The least budget that Anthropic takes. */
const budgetTokensMin = 1_024;

/** The models that know budgets only, by name; every later one takes an effort, and from 4.7 on refuses a budget. */
const budgetModels = /claude-(instant|v?[123]\b|3-|(opus|sonnet|haiku)-4(-[015])?(-2025\d+|-latest|@|$|-v\d|:))/;

/** `forced`: the caller forces a tool call, which Anthropic allows no thinking before. */
export function encodeThinking(request: Request, forced: boolean, dropped: DroppedFields): Thinking {
  const { reasoning, maxTokens } = request;
  const silent = { maxTokens: maxTokens ?? maxTokensDefault, thinks: false };
  if (reasoning === undefined) return silent;
  if (reasoning.enabled === false) {
    const effort = reasoning.effort === undefined ? {} : { effort: reasoning.effort };
    return request.dialect === "anthropic" ? { ...silent, thinking: { type: "disabled" }, ...effort } : silent;
  }
  if (request.dialect === "anthropic") return verbatim(reasoning, silent);
  if (forced || reasoning.effort === "none") {
    if (forced) dropped.field("reasoning");
    return silent;
  }
  return budgetModels.test(request.knownAs ?? request.model)
    ? budgeted(request, silent, dropped)
    : adaptive(reasoning, silent);
}

/** The caller speaks Anthropic and chose between budget and effort itself. */
function verbatim(reasoning: Reasoning, silent: Thinking): Thinking {
  const effort = reasoning.effort === undefined ? {} : { effort: reasoning.effort };
  if (reasoning.budgetTokens !== undefined) {
    return { ...silent, ...effort, thinks: true, thinking: { type: "enabled", budget_tokens: reasoning.budgetTokens } };
  }
  if (reasoning.enabled === true) return { ...silent, ...effort, thinks: true, thinking: { type: "adaptive" } };
  return { ...silent, ...effort };
}

function adaptive(reasoning: Reasoning, silent: Thinking): Thinking {
  const { effort, budgetTokens } = reasoning;
  const thinking = { type: "adaptive" };
  if (effort !== undefined) return { ...silent, thinks: true, thinking, effort: effort === "minimal" ? "low" : effort };
  if (budgetTokens === undefined) return { ...silent, thinks: true, thinking };
  const level = effortOfBudget(budgetTokens);
  return { ...silent, thinks: true, thinking, effort: level };
}

/**
 * A level becomes a budget, at most four fifths of the caller's own cap so that room is left for the answer. Where that
 * leaves less than the least budget, or where the last turn called a tool and its thinking did not come back (which
 * Anthropic refuses while thinking is on), there is no way to say it.
 */
function budgeted(request: Request, silent: Thinking, dropped: DroppedFields): Thinking {
  const { effort, budgetTokens } = request.reasoning ?? {};
  const asked = budgetTokens ?? budgetOfEffort(effort ?? "medium") ?? 8_192;
  const { maxTokens } = request;
  const budget = maxTokens === undefined ? asked : Math.min(asked, Math.floor(maxTokens * 0.8));
  if (budget < budgetTokensMin || thinkingIsMissing(request)) {
    dropped.field("reasoning");
    return silent;
  }
  return {
    maxTokens: maxTokens ?? maxTokensDefault + budget,
    thinking: { type: "enabled", budget_tokens: budget },
    thinks: true,
  };
}

function isOwnThinking(part: Part): boolean {
  const proof = part.type === "thinking" ? part.signature : part.type === "redacted_thinking" ? part.data : undefined;
  return proof !== undefined && proof !== "" && proofFor("anthropic", proof) !== undefined;
}

/** The tool loop in progress was begun by an assistant turn whose signed thinking the client did not keep. */
function thinkingIsMissing(request: Request): boolean {
  for (let index = request.messages.length - 1; index >= 0; index--) {
    const { role, parts } = request.messages[index]!;
    if (role === "assistant") {
      if (!parts.some((part) => part.type === "tool_call")) return false;
      return !parts.some(isOwnThinking);
    }
    if (!parts.some((part) => part.type === "tool_result")) return false;
  }
  return false;
}
