/**
 * Reasoning items ⇄ thinking with a proof. Hides how an item, with its id, the pieces of its summary and its encrypted
 * content, travels in one signature through a client of another dialect, and comes back byte for byte; and the other
 * way round, how another issuer's proof travels in `encrypted_content`.
 */
import type { JsonObject, Part } from "../../exchange.ts";
import { list, type Shape, shape, text, words } from "../../json.ts";
import { proofFor, tagProof } from "../signature.ts";

/** Between the pieces of a summary, which OpenAI shows one at a time. */
export const pieceBreak = "\n\n";

/** The pieces of an item: its summary, or its text where a server tells that instead. */
export function reasoningPieces(item: Shape): readonly string[] {
  const summary = list(item["summary"]);
  const pieces = summary.length > 0 ? summary : list(item["content"]);
  return pieces.map((piece) => text(shape(piece)["text"]) ?? "");
}

/** `id:length.length:encrypted`, tagged. */
function reasoningProof(id: string, pieces: readonly string[], encrypted: string): string {
  const lengths = pieces.map((piece) => piece.length).join(".");
  return tagProof("openai-responses", `${id}:${lengths}:${encrypted}`);
}

/** The item as it was, if it is OpenAI's; undefined for a proof of somebody else. */
export function reasoningItem(thinking: string, signature: string): JsonObject | undefined {
  const proof = proofFor("openai-responses", signature);
  if (proof === undefined) return undefined;
  const [, id = "", lengths = "", encrypted = ""] = /^([^:]*):([\d.]*):(.*)$/s.exec(proof) ?? [];
  const summary = split(thinking, lengths).map((piece) => ({ type: "summary_text", text: piece }));
  return {
    type: "reasoning",
    ...(id === "" ? {} : { id }),
    summary,
    ...(encrypted === "" ? {} : { encrypted_content: encrypted }),
  };
}

function split(thinking: string, lengths: string): readonly string[] {
  if (lengths === "") return thinking === "" ? [] : [thinking];
  const pieces: string[] = [];
  let at = 0;
  for (const length of lengths.split(".")) {
    pieces.push(thinking.slice(at, at + Number(length)));
    at += Number(length) + pieceBreak.length;
  }
  return pieces.join(pieceBreak) === thinking ? pieces : [thinking]; // a client that changed it
}

const foreign = "bifrost:";
const redacted = "bifrost-redacted:";

/** What goes into `encrypted_content` for a client, and the id that came with it. */
export function sealed(signature: string): { readonly encrypted: string; readonly id: string | undefined } {
  const proof = proofFor("openai-responses", signature);
  if (proof === undefined) return { encrypted: foreign + signature, id: undefined };
  const [, id, encrypted = ""] = /^([^:]*):[\d.]*:(.*)$/s.exec(proof) ?? [];
  return { encrypted, id: words(id) };
}

export function sealedRedacted(data: string): string {
  return redacted + data;
}

export type Proof =
  | { readonly kind: "signature"; readonly signature: string }
  | { readonly kind: "redacted"; readonly data: string };

/** What the item's `encrypted_content` stands for: OpenAI's own, or what was sealed here on its way through a client. */
export function proofOf(item: Shape, pieces: readonly string[]): Proof | undefined {
  const encrypted = words(item["encrypted_content"]);
  if (encrypted === undefined) return undefined;
  if (encrypted.startsWith(redacted)) return { kind: "redacted", data: encrypted.slice(redacted.length) };
  if (encrypted.startsWith(foreign)) return { kind: "signature", signature: encrypted.slice(foreign.length) };
  return { kind: "signature", signature: reasoningProof(words(item["id"]) ?? "", pieces, encrypted) };
}

/** An item that a client sends back. */
export function parseReasoning(item: Shape): Part | undefined {
  const pieces = reasoningPieces(item);
  const thinking = pieces.join(pieceBreak);
  const proof = proofOf(item, pieces);
  if (proof?.kind === "redacted") return { type: "redacted_thinking", data: proof.data };
  if (proof !== undefined) return { type: "thinking", text: thinking, signature: proof.signature };
  return thinking === "" ? undefined : { type: "thinking", text: thinking };
}
