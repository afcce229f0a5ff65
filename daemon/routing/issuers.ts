/**
 * Who has made the proofs of thinking that a conversation carries: OpenAI's encrypted reasoning, Anthropic's signatures,
 * Gemini's thought signatures. Only their issuer can read them, so the next turn goes there, with whatever session or
 * none. Hides where they stand in a text and that a few letters of each are remembered, as hashes, in a table as
 * `affinity.ts` has it.
 */
import { type Affinity, type AffinityKey, affinityKey, type Binding } from "./affinity.ts";

/** A proof is of use for as long as somebody may go on with the conversation. */
const keptMs = 24 * 3_600_000;
/** Random from the first block on; the length tells the rest. */
const readCharacters = 160;
/** Shorter values are no proofs. */
const charactersMin = 24;
/** Of one text: a long conversation has many, and the newest matter. */
const proofsMax = 64;

const names = ["encrypted_content", "signature", "thoughtSignature"] as const;
const marks = names.map((name) => Buffer.from(`"${name}"`, "latin1"));
const marked = /"(?:encrypted_content|signature|thoughtSignature)"\s*:\s*"((?:[^"\\]|\\.)*)"/g;

/** Costs one search for each name, a few hundred nanoseconds in 1 KB, where there are none. */
export function mayHoldProofs(body: Buffer): boolean {
  return marks.some((mark) => body.includes(mark));
}

export function textMayHoldProofs(text: string): boolean {
  return names.some((name) => text.includes(`"${name}"`));
}

/** Remembers of every proof in an answer, as it goes to the client, who has made it. */
export function rememberIssuer(issuers: Affinity, text: string, { row, credential }: Binding, nowMs: number): void {
  for (const key of proofsIn(text)) issuers.bind(key, row, credential, nowMs, keptMs);
}

/** Who made the newest proof of a request, as far as known. `isMixed`: others made some of it. */
export type Issuer = Binding & { readonly isMixed: boolean };

export function findIssuer(issuers: Affinity, body: Buffer, nowMs: number): Issuer | undefined {
  if (!mayHoldProofs(body)) return undefined;
  let found: Binding | undefined;
  let isMixed = false;
  for (const key of proofsIn(body.toString("latin1"))) {
    const maker = issuers.find(key, nowMs);
    if (maker === undefined) continue;
    isMixed ||= found !== undefined && !isSame(found, maker);
    found = maker;
  }
  return found === undefined ? undefined : { ...found, isMixed };
}

export function isSame(one: Binding, other: Binding): boolean {
  return one.row === other.row && one.credential === other.credential;
}

export function issuerOf(issuers: Affinity, proof: string, nowMs: number): Binding | undefined {
  return proof.length < charactersMin ? undefined : issuers.find(keyOf(proof), nowMs);
}

function proofsIn(text: string): readonly AffinityKey[] {
  const proofs: string[] = [];
  for (const [, proof] of text.matchAll(marked)) if (proof!.length >= charactersMin) proofs.push(proof!);
  return proofs.slice(-proofsMax).map(keyOf);
}

function keyOf(proof: string): AffinityKey {
  return affinityKey("proof", proof.length, proof.slice(0, readCharacters));
}
