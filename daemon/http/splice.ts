/**
 * Changes the few bytes of a request that may differ on the way to an upstream of the same dialect; every other byte
 * stays as the caller wrote it, so that prompt caches and signatures further on see the same prefix.
 */
import type { MaxTokensField, RequestView } from "./scan.ts";

export type RequestEdits = {
  /** The upstream's name for the model. */
  readonly model?: string | undefined;
  /** `fallbacks` is ours; no provider knows it. */
  readonly cutFallbacks?: boolean | undefined;
  /** Ask for the usage chunk at the end of a stream. */
  readonly includeUsage?: boolean | undefined;
  /** Output cap for a request that carries none. */
  readonly injectMaxTokens?: number | undefined;
  /** Field for the injected cap, when the request does not name one with `null`; `max_tokens` unless said. */
  readonly injectMaxTokensAs?: MaxTokensField | undefined;
};

/** Returns `body` itself when nothing changes. */
export function spliceRequest(body: Buffer, view: RequestView, edits: RequestEdits): Buffer {
  const cuts: Cut[] = [];
  const added: string[] = [];

  if (edits.model !== undefined && edits.model !== view.model) {
    const text = JSON.stringify(edits.model);
    if (view.modelStart < 0) added.push(`"model":${text}`);
    else cuts.push({ start: view.modelStart, end: view.modelEnd, text });
  }
  if (edits.injectMaxTokens !== undefined && view.maxTokens === undefined) {
    const text = String(edits.injectMaxTokens);
    if (view.maxTokensStart < 0) added.push(`"${edits.injectMaxTokensAs ?? "max_tokens"}":${text}`);
    else cuts.push({ start: view.maxTokensStart, end: view.maxTokensEnd, text });
  }
  if (edits.includeUsage === true && !view.includeUsage) {
    if (view.streamOptionsStart < 0) added.push('"stream_options":{"include_usage":true}');
    else cuts.push(askForUsage(body, view));
  }
  const cutsFallbacks = edits.cutFallbacks === true && view.fallbacksStart >= 0;
  if (cutsFallbacks) cuts.push({ start: view.fallbacksStart, end: view.fallbacksEnd, text: "" });
  if (added.length > 0) {
    const alone = view.members - (cutsFallbacks ? 1 : 0) === 0;
    cuts.push({ start: view.objectStart, end: view.objectStart, text: added.join(",") + (alone ? "" : ",") });
  }
  return cuts.length === 0 ? body : apply(body, cuts);
}

/** Bytes to leave out, and what stands in their place. */
type Cut = { readonly start: number; readonly end: number; readonly text: string };

function askForUsage(body: Buffer, view: RequestView): Cut {
  if (view.includeUsageStart >= 0) return { start: view.includeUsageStart, end: view.includeUsageEnd, text: "true" };
  const { streamOptionsStart: start, streamOptionsEnd: end } = view;
  if (body[start] !== 0x7b) return { start, end, text: '{"include_usage":true}' }; // null
  const empty = body.toString("latin1", start + 1, end - 1).trim() === "";
  return { start: start + 1, end: start + 1, text: `"include_usage":true${empty ? "" : ","}` };
}

function apply(body: Buffer, cuts: Cut[]): Buffer {
  cuts.sort((a, b) => a.start - b.start || a.end - b.end);
  let size = body.length;
  for (const cut of cuts) size += Buffer.byteLength(cut.text) - (cut.end - cut.start);
  const spliced = Buffer.allocUnsafe(size);
  let from = 0;
  let to = 0;
  for (const cut of cuts) {
    to += body.copy(spliced, to, from, cut.start);
    to += spliced.write(cut.text, to);
    from = cut.end;
  }
  body.copy(spliced, to, from);
  return spliced;
}
