/**
 * What the lines of an uploaded batch name: files, containers, conversations, responses that they go on from. Hides that the upload is never held: a few
 * kilobytes wait at a time, wherever chunks are cut, and a name is written over in its own length, so that the length
 * which the client announced stays true.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { splitId } from "./object-ids.ts";

/** A list of ids may be so long, with its name: about a hundred of them. */
const memberBytesMax = 4 * 1024;
/** Looked at together, so that what is searched is never long. */
const sliceBytes = 8 * 1024;

/** Each letter of a name may be written as an escape. */
const letters = (name: string): string =>
  Array.from(name, (letter) => `(?:${letter}|\\\\u00${hexOf(letter)})`).join("");
const hexOf = (letter: string): string =>
  letter
    .charCodeAt(0)
    .toString(16)
    .replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
const plainNames = [
  "file_ids",
  "file_id",
  "container",
  "vector_store_ids",
  "conversation",
  "previous_response_id",
  "id",
];
const names = plainNames.map(letters).join("|");
const text = '"(?:[^"\\\\]|\\\\.)*"';
/** OpenAI's conversation may be an object with nothing but its id. */
const inside = `\\{\\s*"${letters("id")}"\\s*:\\s*`;
const member = new RegExp(`("(?:${names})"\\s*:\\s*(?:${inside})?)(${text}|\\[\\s*(?:${text}\\s*(?:,\\s*)?)*\\])`, "g");
const itemHead = new RegExp(`^"${letters("id")}"`);
/** May become one with what comes next. */
const string = '"(?:[^"\\\\]|\\\\.)*\\\\?';
const begun = new RegExp(
  `"(?:${names})"\\s*(?::\\s*(?:${string}|\\[[^\\]]*|\\{\\s*(?:"[^"{}[\\]]{0,12}"?\\s*:?\\s*(?:${string})?)?)?)?$`,
);
const anyText = new RegExp(text, "g");
/** So much may be the beginning of a name: all of the longest one in escapes. */
const nameBytesMax = 6 * Math.max(...plainNames.map(({ length }) => length)) + 2;

export type LineIds = {
  /** What of it may go on; the rest is kept until it is known what it is. */
  push(chunk: Buffer): Promise<Buffer>;
  /** What was kept. */
  end(): Buffer;
};

/**
 * @param isProvider whether that is one's name
 * @param check throws if one of these is somebody else's
 */
export function watchLines(
  isProvider: (name: string) => boolean,
  check: (ids: readonly string[]) => Promise<void>,
): LineIds {
  let kept = "";
  const ids = new Set<string>();

  function take(slice: string): string {
    const written = (kept + slice).replace(member, (whole, head: string, value: string) => {
      // Others have a member of that name for other things.
      if (head.startsWith('"conversation"') && !/conv_|\\/.test(value)) return whole;
      // An item of a response may be named by nothing else; other things have one as well.
      if (itemHead.test(head)) {
        inProvidersWords(value, () => false, ids);
        return whole;
      }
      const told = value.replace(anyText, (quoted) => inProvidersWords(quoted, isProvider, ids));
      return told === value ? whole : head + told.padStart(value.length);
    });
    const open = written.search(begun);
    if (open >= 0 && written.length - open > memberBytesMax) throw tooLong();
    const end = open >= 0 ? open : Math.max(0, written.length - nameBytesMax);
    kept = written.slice(end);
    return written.slice(0, end);
  }

  return {
    async push(chunk) {
      const all = chunk.toString("latin1");
      let known = "";
      for (let at = 0; at < all.length; at += sliceBytes) known += take(all.slice(at, at + sliceBytes));
      if (ids.size > 0) {
        const named = [...ids];
        ids.clear();
        await check(named);
      }
      return Buffer.from(known, "latin1");
    },
    end() {
      const last = Buffer.from(kept, "latin1");
      kept = "";
      return last;
    },
  };
}

/** One id, with its quotes. */
function inProvidersWords(quoted: string, isProvider: (name: string) => boolean, ids: Set<string>): string {
  let told: string;
  try {
    told = JSON.parse(Buffer.from(quoted, "latin1").toString("utf8")) as string;
  } catch {
    return quoted; // no JSON, and the provider's to refuse
  }
  const { provider, id } = splitId(told);
  const isOurs = provider !== undefined && isProvider(provider);
  ids.add(isOurs ? id : told);
  return isOurs ? JSON.stringify(id) : quoted;
}

function tooLong(): GatewayError {
  return new GatewayError(
    "invalid_request",
    `the ids that a line of the batch names are longer than ${memberBytesMax} bytes`,
    {
      source: "client",
      param: "file",
    },
  );
}
