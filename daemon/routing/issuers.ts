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

/** What a text with a proof has in it: its member's name, or the type of the block that it is the data of. */
const names = [
  '"encrypted_content"',
  '"signature"',
  '"thoughtSignature"',
  '"thought_signature"',
  '"redacted_thinking"',
  '"reasoning.encrypted"',
  '"redactedContent"',
] as const;
const marks = names.map((name) => Buffer.from(name, "latin1"));
const marked =
  /"(encrypted_content|signature|thoughtSignature|thought_signature|redactedContent|(?:redacted_thinking|reasoning\.encrypted)"[^{}]*?"data)"\s*:\s*"((?:[^"\\]|\\.)*)"/g;
/** In an event: which block of which answer it is about. */
const numbered = /"\w*[iI]ndex"\s*:\s*\d+/g;

/** Costs one search for each name, a few hundred nanoseconds in 1 KB, where there are none. */
export function mayHoldProofs(body: Buffer): boolean {
  return marks.some((mark) => body.includes(mark));
}

export function textMayHoldProofs(text: string): boolean {
  return names.some((name) => text.includes(name));
}

/** Remembers of every proof in an answer, as it goes to the client, who has made it. */
export function rememberIssuer(issuers: Affinity, text: string, { row, credential }: Binding, nowMs: number): void {
  for (const { proof } of proofsIn(text))
    if (isProof(proof)) issuers.bind(keyOf(proof), row, credential, nowMs, keptMs);
}

/** What has come of each signature of a stream, by the attempt and the block that it is of. */
export type Pieces = Map<string, Proof>;

/**
 * The same of one event, or a few, of a stream: a signature may come in pieces, one an event, and the client puts them
 * together. Each is remembered, and so is what they are together.
 */
export function rememberPieces(
  issuers: Affinity,
  event: string,
  { row, credential }: Binding,
  nowMs: number,
  pieces: Pieces,
  attempt: string,
): void {
  for (const { name, proof } of proofsIn(event)) {
    if (isProof(proof)) issuers.bind(keyOf(proof), row, credential, nowMs, keptMs);
    if (name !== "signature") continue;
    const block = `${attempt} ${event.match(numbered)?.join()}`;
    const before = pieces.get(block);
    const whole = before === undefined ? proof : joined(before, proof);
    if (before !== undefined && isProof(whole)) issuers.bind(keyOf(whole), row, credential, nowMs, keptMs);
    if (before !== undefined || pieces.size < proofsMax) pieces.set(block, whole);
  }
}

/** Who made the newest proof of a request, as far as known. `isMixed`: others made some of it. */
export type Issuer = Binding & { readonly isMixed: boolean };

export function findIssuer(issuers: Affinity, body: Buffer, nowMs: number): Issuer | undefined {
  if (!mayHoldProofs(body)) return undefined;
  let found: Binding | undefined;
  let isMixed = false;
  for (const { proof } of proofsIn(body.toString("latin1")).slice(-proofsMax)) {
    const maker = isProof(proof) ? issuers.find(keyOf(proof), nowMs) : undefined;
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
  const read = proofOf(proof);
  return isProof(read) ? issuers.find(keyOf(read), nowMs) : undefined;
}

/** As much of one as tells it from others. */
type Proof = { readonly length: number; readonly head: string };

function proofsIn(text: string): readonly { readonly name: string; readonly proof: Proof }[] {
  return Array.from(text.matchAll(marked), ([, name, value]) => ({ name: name!, proof: proofOf(unescaped(value!)) }));
}

/** Some write base64 with escapes, as Google does `=`; who sends it back does not. */
function unescaped(value: string): string {
  if (!value.includes("\\")) return value;
  return value.replace(/\\(?:u00([0-9a-fA-F]{2})|(.))/g, (_, code: string | undefined, other: string) =>
    code === undefined ? other : String.fromCharCode(Number.parseInt(code, 16)),
  );
}

function proofOf(text: string): Proof {
  return { length: text.length, head: text.slice(0, readCharacters) };
}

function joined(one: Proof, other: Proof): Proof {
  return { length: one.length + other.length, head: (one.head + other.head).slice(0, readCharacters) };
}

function isProof({ length }: Proof): boolean {
  return length >= charactersMin;
}

function keyOf({ length, head }: Proof): AffinityKey {
  return affinityKey("proof", length, head);
}
