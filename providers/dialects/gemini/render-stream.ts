/**
 * Events as a stream of answers. Hides that a stream is events or the elements of one array, that calls wait until they
 * are whole, and that finish reasons wait for the usage that goes with them.
 */
import type { Event, JsonObject, RenderContext, StreamRenderer, Usage } from "../../exchange.ts";
import type { GatewayError } from "../../gateway-error.ts";
import { type Candidate, envelope, flush, newCandidate, renderEnd, take } from "./candidates.ts";
import { renderFailure } from "./failure.ts";

export function renderStream(context: RenderContext): StreamRenderer {
  const asArray = context.framing === "json-array";
  const candidates = new Map<number, Candidate>();
  /** Where the stream's own upstream had begun the array. */
  let begun = (context.sequence ?? 0) > 0;
  let { id, model } = context;
  let usage: Usage = {};
  let feedback: JsonObject | undefined;
  /** What every chunk ends with. */
  let tail = "";

  function frame(data: string): string {
    if (!asArray) return `data: ${data}\n\n`;
    const before = begun ? ",\r\n" : "[";
    begun = true;
    return before + data;
  }

  function chunk(index: number, candidate: Candidate): string {
    if (candidate.parts.length === 0) return "";
    if (tail === "") tail = `],"role":"model"},"index":`;
    const parts = candidate.parts.map((part) => JSON.stringify(part)).join();
    candidate.parts = [];
    return frame(`{"candidates":[{"content":{"parts":[${parts}${tail}${index}}],${head}}`);
  }

  let head = "";
  function name(): void {
    head = JSON.stringify(envelope(id, model, undefined)).slice(1, -1);
  }
  name();

  function push(event: Event): string {
    switch (event.type) {
      case "start":
        id = event.id ?? id;
        model = event.model ?? model;
        name();
        usage = { ...usage, ...event.usage };
        return "";
      case "usage":
        usage = { ...usage, ...event.usage };
        return "";
      case "opaque":
        if (event.dialect === "gemini" && "promptFeedback" in event.value) {
          feedback = event.value;
          return "";
        }
        break;
      case "finish":
        usage = { ...usage, ...event.usage };
    }
    const index = "choice" in event ? (event.choice ?? 0) : 0;
    let candidate = candidates.get(index);
    if (candidate === undefined) {
      candidate = newCandidate();
      candidates.set(index, candidate);
    }
    take(event, candidate);
    return chunk(index, candidate);
  }

  /** The end of every candidate, with the usage: an upstream may tell that after its finish. */
  function end(): string {
    let out = "";
    const ends: JsonObject[] = [];
    for (const [index, candidate] of [...candidates].sort(([a], [b]) => a - b)) {
      flush(candidate);
      out += chunk(index, candidate);
      ends.push({ content: { parts: [{ text: "" }], role: "model" }, ...renderEnd(candidate), index });
    }
    const last = { ...(feedback ?? { candidates: ends }), ...envelope(id, model, usage) };
    return out + frame(JSON.stringify(last)) + (asArray ? "]" : "");
  }

  function fail(error: GatewayError, requestId: string): string {
    return frame(JSON.stringify(renderFailure(error, requestId))) + (asArray ? "]" : "");
  }

  return { push, end, fail };
}
