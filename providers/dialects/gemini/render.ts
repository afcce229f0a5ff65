/** Events as a whole answer. Hides the gathering of deltas into the parts of candidates. */
import type { Event, JsonObject, RenderContext, Usage } from "../../exchange.ts";
import { type Candidate, envelope, joined, newCandidate, renderEnd, take } from "./candidates.ts";

export function render(events: readonly Event[], context: RenderContext): JsonObject {
  const candidates = new Map<number, Candidate>();
  let { id, model } = context;
  let usage: Usage = {};
  let feedback: JsonObject = {};
  for (const event of events) {
    if (event.type === "start" || event.type === "usage" || event.type === "finish") {
      usage = { ...usage, ...event.usage };
    }
    if (event.type === "start") {
      id = event.id ?? id;
      model = event.model ?? model;
    } else if (event.type === "opaque" && event.dialect === "gemini" && "promptFeedback" in event.value) {
      feedback = event.value;
    } else if (event.type !== "usage") {
      const index = "choice" in event ? (event.choice ?? 0) : 0;
      const candidate = candidates.get(index) ?? newCandidate();
      candidates.set(index, candidate);
      take(event, candidate);
    }
  }
  const told = [...candidates].sort(([a], [b]) => a - b);
  return {
    // A prompt that was refused has none.
    ...("promptFeedback" in feedback ? feedback : { candidates: told.map(renderCandidate) }),
    ...envelope(id, model, usage),
  };
}

function renderCandidate([index, candidate]: readonly [number, Candidate]): JsonObject {
  return { content: { parts: joined(candidate.parts), role: "model" }, ...renderEnd(candidate), index };
}
