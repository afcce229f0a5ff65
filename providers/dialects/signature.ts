/**
 * Proofs of thinking (signatures, encrypted reasoning) on their way through dialects that did not make them. Hides how
 * each remembers its issuer: a proof goes back to whoever made it, byte for byte, and to nobody else, who would refuse
 * it. Anthropic's stand as they are, on every host, since its models are served by many; all others carry a tag.
 */
import type { DialectId } from "../exchange.ts";

/** As the canonical vocabulary carries it. */
export function tagProof(issuer: Exclude<DialectId, "anthropic">, proof: string): string {
  return `${issuer}${mark}${proof}`;
}

/** The proof as its issuer wrote it; undefined when that was somebody else. */
export function proofFor(issuer: DialectId, signature: string): string | undefined {
  if (issuer === "anthropic") return isTagged(signature) ? undefined : signature;
  return signature.startsWith(issuer) && signature.startsWith(mark, issuer.length)
    ? signature.slice(issuer.length + mark.length)
    : undefined;
}

/** `#` is in no base64, so no proof that Anthropic makes looks like this. */
const mark = "#";

function isTagged(signature: string): boolean {
  const at = signature.indexOf(mark);
  return at > 0 && at <= 16 && /^[a-z-]+$/.test(signature.slice(0, at));
}
