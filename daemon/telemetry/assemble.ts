/**
 * A streamed answer put together again, so that what is masked cannot hide in the gap between two frames. Knows where
 * the dialects put what the model says; frames of a form it does not know are counted and not kept.
 */

type Parts = { text: string; reasoning: string; tool_arguments: string };

/** As it came when it is no stream of events. */
export function assembleAnswer(answer: string): string {
  if (!/^\s*(?:data|event|id|:)/.test(answer) || answer.trimStart().startsWith("{")) return answer;
  const parts: Parts = { text: "", reasoning: "", tool_arguments: "" };
  let frames = 0;
  for (const line of answer.split(/\r\n|\n|\r/)) {
    if (!line.startsWith("data:")) continue;
    frames += 1;
    try {
      collect(JSON.parse(line.slice(5)), parts);
    } catch {
      // `[DONE]`, or a frame that was cut
    }
  }
  const said = Object.entries(parts).filter(([, text]) => text !== "");
  return JSON.stringify({ frames, ...Object.fromEntries(said) });
}

function collect(value: unknown, parts: Parts): void {
  const frame = record(value);
  for (const choice of list(frame["choices"]).map(record)) {
    const delta = record(choice["delta"]);
    add(parts, "text", delta["content"] ?? choice["text"]);
    add(parts, "reasoning", delta["reasoning_content"] ?? delta["reasoning"]);
    for (const call of list(delta["tool_calls"]))
      add(parts, "tool_arguments", record(record(call)["function"])["arguments"]);
  }
  for (const candidate of list(frame["candidates"]).map(record)) {
    for (const part of list(record(candidate["content"])["parts"])) add(parts, "text", record(part)["text"]);
  }
  // Responses: the kind stands in `type`, what was said in `delta`.
  const type = String(frame["type"] ?? "");
  if (typeof frame["delta"] === "string") {
    const into = type.includes("arguments") ? "tool_arguments" : type.includes("reasoning") ? "reasoning" : "text";
    add(parts, into, frame["delta"]);
  }
  const delta = record(frame["delta"]);
  add(parts, "text", delta["text"]);
  add(parts, "reasoning", delta["thinking"]);
  add(parts, "tool_arguments", delta["partial_json"]);
  const message = record(delta["message"]);
  add(parts, "text", record(message["content"])["text"]);
}

function add(parts: Parts, into: keyof Parts, text: unknown): void {
  if (typeof text === "string") parts[into] += text;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
