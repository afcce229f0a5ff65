/**
 * Thought signatures ⇄ proofs. Hides how another issuer's proof travels in a field that Google's clients take for bytes
 * in base64, and how it is known again when it comes back.
 */
import { proofFor, tagProof } from "../signature.ts";

export type Proof =
  | { readonly kind: "signature"; readonly signature: string }
  | { readonly kind: "redacted"; readonly data: string };

/** Nine bytes, so that their base64 ends where what follows begins. */
const sealedMark = "bifrost:s";
const redactedMark = "bifrost:r";
const sealedPrefix = btoa(sealedMark);
const redactedPrefix = btoa(redactedMark);

/** For a client: the signature itself where Google made it. */
export function renderSignature(signature: string): string {
  return proofFor("gemini", signature) ?? toBase64(sealedMark + signature);
}

export function renderRedacted(data: string): string {
  return toBase64(redactedMark + data);
}

/** Of an upstream's answer or a client's request. */
export function proofOf(thoughtSignature: string): Proof {
  const signature = opened(thoughtSignature, sealedPrefix, sealedMark);
  if (signature !== undefined) return { kind: "signature", signature };
  const data = opened(thoughtSignature, redactedPrefix, redactedMark);
  if (data !== undefined) return { kind: "redacted", data };
  return { kind: "signature", signature: tagProof("gemini", thoughtSignature) };
}

function opened(sealed: string, prefix: string, mark: string): string | undefined {
  if (!sealed.startsWith(prefix)) return undefined;
  try {
    const bytes = Uint8Array.from(atob(sealed), (char) => char.charCodeAt(0));
    return new TextDecoder().decode(bytes).slice(mark.length);
  } catch {
    return undefined;
  }
}

function toBase64(text: string): string {
  let latin1 = "";
  for (const byte of new TextEncoder().encode(text)) latin1 += String.fromCharCode(byte);
  return btoa(latin1);
}
