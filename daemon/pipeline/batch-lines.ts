/**
 * A file of a batch's requests, read as it goes by. Hides that chunks end anywhere and that no more than one line waits at a
 * time: a file with a longer one, or with a line that is no request, counts as not read.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { BatchFile } from "../store/batch-files.ts";
import { type Calls, type LineReader, sumCalls } from "./batch-calls.ts";

/** One request, with the pictures in it. */
export const lineBytesMax = 4 * 1024 * 1024;

export type Lines = {
  push(bytes: Buffer): void;
  /** A line names what decides in two ways: a batch of this file is refused. */
  readonly fault: () => GatewayError | undefined;
  /** The last line may end without its sign. */
  end(): void;
  /** What they come to; undefined: that is not known. */
  found(): BatchFile | undefined;
  /** Nothing more is looked at. */
  giveUp(): void;
};

/**
 * @param usualOf how many tokens an answer of that model usually has
 * @param hold whether so many more bytes may be kept; fewer: they are given back
 */
export function watchBatch(
  read: LineReader,
  usualOf: (model: string) => number,
  hold: (bytes: number) => boolean,
): Lines {
  const calls: Calls = sumCalls(usualOf);
  let begun: Buffer[] = [];
  let length = 0;
  let lines = 0;
  let generates = false;
  let isRead = true;
  let fault: GatewayError | undefined;

  function giveUp(): void {
    isRead = false;
    hold(-length);
    begun = [];
    length = 0;
  }

  function line(bytes: Buffer): void {
    lines += 1;
    if (bytes.every(isSpace)) return;
    const found = readOr(bytes);
    if (found === undefined) giveUp();
    else generates ||= found.generates;
  }

  /** What is no JSON its provider refuses: then there is nothing to pay for. */
  function readOr(bytes: Buffer): ReturnType<LineReader> {
    try {
      return read(bytes, calls, lines);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      if (error.code !== "invalid_json") fault = error;
      return undefined;
    }
  }

  function taken(): Buffer {
    const whole = begun.length === 1 ? begun[0]! : Buffer.concat(begun);
    hold(-length);
    begun = [];
    length = 0;
    return whole;
  }

  return {
    giveUp,
    fault: () => fault,
    push(bytes) {
      let rest = bytes;
      while (isRead) {
        const end = rest.indexOf(newline);
        const part = end < 0 ? rest : rest.subarray(0, end);
        if (length + part.length > lineBytesMax || !hold(part.length)) return giveUp();
        begun.push(part);
        length += part.length;
        if (end < 0) return;
        line(taken());
        rest = rest.subarray(end + 1);
      }
    },
    end() {
      if (isRead && length > 0) line(taken());
    },
    found() {
      if (!isRead) return undefined;
      const [sums, inner] = [calls.sums(), calls.inner()];
      return sums.length === 0 ? undefined : { sums, generates, ...(inner !== undefined && { inner }) };
    },
  };
}

const newline = 0x0a;

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0d || byte === 0x09;
}
