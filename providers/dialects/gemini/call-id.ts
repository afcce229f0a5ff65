/**
 * Ids of calls, which every other dialect requires and Google may leave out. Hides how one is made that is another's in
 * no turn of the conversation, and how one that Google gave is known again, since it alone is sent back.
 */
const given = "gm_";

/** `turn` tells turns apart: the response's id, else what was called. */
export function callId(id: string | undefined, turn: string, index: number): string {
  if (id !== undefined) return given + id;
  return `call_${turn.replace(/[^a-zA-Z0-9_-]/g, "")}_${index}`;
}

/** Undefined for an id that is none of Google's. */
export function givenId(id: string): string | undefined {
  return id.startsWith(given) ? id.slice(given.length) : undefined;
}

/** For an answer that has no id of its own (FNV-1a). */
export function turnOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return hash.toString(36);
}
