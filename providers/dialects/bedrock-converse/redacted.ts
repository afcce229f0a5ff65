/**
 * Thinking that is told in cipher. On Bedrock it is bytes, base64 on the wire; what another dialect made is a text, and
 * is put into those bytes whole, so that it comes back as it was.
 */
import { proofFor, tagProof } from "../signature.ts";

const foreign = "bifrost:";

/** For a client of Converse. */
export function renderRedacted(data: string): string {
  return proofFor("bedrock-converse", data) ?? btoa(foreign + escape8(data));
}

/** What a client sent back, as the canonical vocabulary has it. */
export function parseRedacted(bytes: string): string {
  if (bytes.startsWith(foreignStart)) {
    try {
      const text = atob(bytes);
      if (text.startsWith(foreign)) return unescape8(text.slice(foreign.length));
    } catch {
      // no base64: Bedrock will say so
    }
  }
  return tagProof("bedrock-converse", bytes);
}

const foreignStart = btoa(foreign).slice(0, 10);

/** A text as its UTF-8, a character a byte. */
function escape8(text: string): string {
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return bytes;
}

function unescape8(bytes: string): string {
  return new TextDecoder().decode(Uint8Array.from(bytes, (sign) => sign.charCodeAt(0)));
}
