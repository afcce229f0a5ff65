/**
 * Changes the few bytes of a request that may differ on the way to an upstream of the same dialect; every other byte
 * stays as the caller wrote it, so that prompt caches and signatures further on see the same prefix.
 */
import { jsonText } from "./json-text.ts";
import type { MaxTokensField, Member, RequestView } from "./scan.ts";

export type RequestEdits = {
  /** The upstream's name for the model. */
  readonly model?: string | undefined;
  /** Of the noted members, in their order, those that this provider does not know. */
  readonly cut?: readonly Member[] | undefined;
  /** Members to put in, each as `"name":value`. */
  readonly add?: readonly string[] | undefined;
  /** Ask for the usage chunk at the end of a stream. */
  readonly includeUsage?: boolean | undefined;
  /** Output cap for a request that carries none. */
  readonly injectMaxTokens?: number | undefined;
  /** Field for the injected cap, when the request does not name one with `null`; `max_tokens` unless said. */
  readonly injectMaxTokensAs?: MaxTokensField | CapPlace | undefined;
};

/** Where a dialect has the cap one level down. */
export type CapPlace = { readonly object: string; readonly name: string };

/** Returns `body` itself when nothing changes. */
export function spliceRequest(body: Buffer, view: RequestView, edits: RequestEdits): Buffer {
  const cuts: Cut[] = [];
  const added: string[] = [];

  if (edits.model !== undefined && (view.modelStart < 0 || edits.model !== (view.bodyModel ?? view.model))) {
    const text = jsonText(edits.model);
    if (view.modelStart < 0) added.push(`"model":${text}`);
    else cuts.push({ start: view.modelStart, end: view.modelEnd, text });
  }
  if (edits.injectMaxTokens !== undefined && view.maxTokens === undefined) {
    const text = String(edits.injectMaxTokens);
    const place = edits.injectMaxTokensAs ?? "max_tokens";
    if (typeof place !== "string") injectBelow(view, place, text, cuts, added);
    else if (view.maxTokensStart < 0) added.push(`"${place}":${text}`);
    else cuts.push({ start: view.maxTokensStart, end: view.maxTokensEnd, text });
  }
  if (edits.includeUsage === true && !view.includeUsage) {
    if (view.streamOptionsStart < 0) added.push('"stream_options":{"include_usage":true}');
    else cuts.push(askForUsage(body, view));
  }
  if (edits.add !== undefined) added.push(...edits.add);
  const left = cutMembers(edits.cut ?? [], cuts);
  if (added.length > 0) {
    const alone = view.members - left === 0;
    cuts.push({ start: view.objectStart, end: view.objectStart, text: added.join(",") + (alone ? "" : ",") });
  }
  return cuts.length === 0 ? body : apply(body, cuts);
}

/** Bytes to leave out, and what stands in their place. */
type Cut = { readonly start: number; readonly end: number; readonly text: string };

function injectBelow(view: RequestView, { object, name }: CapPlace, text: string, cuts: Cut[], added: string[]): void {
  const { capsStart: start, capsEmpty } = view;
  if (start < 0) added.push(`"${object}":{"${name}":${text}}`);
  else cuts.push({ start, end: start, text: `"${name}":${text}${capsEmpty ? "" : ","}` });
}

/** Each goes with one comma: the one before it, unless everything before it goes as well. Returns how many there are. */
function cutMembers(members: readonly Member[], cuts: Cut[]): number {
  let gone = 0;
  for (const { index, start, end, commaBefore, commaAfter } of members) {
    if (index > gone) cuts.push({ start: commaBefore, end, text: "" });
    else cuts.push({ start, end: commaAfter < 0 ? end : commaAfter + 1, text: "" });
    gone++;
  }
  return gone;
}

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
