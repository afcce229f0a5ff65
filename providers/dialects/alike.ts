/**
 * Most frames of a stream are the frame before with other words in it. Hides how such a frame is known, so that it need
 * not be parsed: what stands before and after its text, letter by letter, and that the text is written without escapes.
 */
import type { Event, StreamDecoder } from "../exchange.ts";

/** What no text may have to be read here: a quote would end the text and a control character is no JSON; both are for the parser. */
const special = /[^ !#-[\]-\uffff]/;
/** After so many frames that began like none before them (each has its number, or padding), none is kept any more. */
const missesMax = 16;

/**
 * The same decoder, faster. What it makes of a text must depend on the text only, unless it is `told` of it: such a
 * frame, after one of its kind, does not reach it.
 */
export function alike(decoder: StreamDecoder, told?: (text: string) => void): StreamDecoder {
  let name = "";
  let before = "";
  let after = "";
  let misses = 0;

  function keep(event: string, data: string, text: string): void {
    before = "";
    if (misses++ >= missesMax || data.includes("\\")) return;
    const literal = JSON.stringify(text);
    const at = data.indexOf(literal);
    // Twice: the one that is the text cannot be told from the other.
    if (at < 0 || data.indexOf(literal, at + 1) >= 0) return;
    name = event;
    before = data.slice(0, at + 1);
    after = data.slice(at + literal.length - 1);
  }

  function push(event: string, data: string): readonly Event[] {
    const end = data.length - after.length;
    // Slices are compared at once; `startsWith` with a text that is not constant looks at every letter.
    const same = before !== "" && end > before.length && event === name && data.slice(0, before.length) === before;
    if (same && data.slice(end) === after) {
      const text = data.slice(before.length, end);
      if (!special.test(text)) {
        misses = 0;
        // Parsed, since a slice would keep its whole frame in memory for as long as someone collects texts.
        const delta = JSON.parse(data.slice(before.length - 1, end + 1)) as string;
        told?.(delta);
        return [{ type: "text", delta }];
      }
    }
    const events = decoder.push(event, data);
    const only = events.length === 1 ? events[0] : undefined;
    if (only?.type === "text" && only.choice === undefined && only.delta !== "") keep(event, data, only.delta);
    else before = "";
    return events;
  }

  return {
    push,
    finished() {
      return decoder.finished();
    },
    end: () => decoder.end(),
  };
}
