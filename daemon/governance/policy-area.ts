/**
 * Texts of policies in shared memory, each once however many keys have it. Main thread only. Hides blocks, reference
 * counts and reuse; readers know a text by its serial, so that a reused block is not taken for the old one.
 */
import { policyStart, policyStep, policyWord } from "./key-rows.ts";
import { controlWord, policyBytesMax, type Tables } from "./tables.ts";

export type PolicyArea = {
  /** A reference to this text, counted. Throws when it is too long or the area is full. */
  take(text: string): number;
  give(reference: number): void;
};

const headerBytes = 16;

/** `references`: how often each reference is in use already, after a snapshot was loaded. */
export function createPolicyArea(tables: Tables, references: ReadonlyMap<number, number>): PolicyArea {
  const { policies, control } = tables;
  const words = new Int32Array(policies.buffer);
  const byText = new Map<string, number>();
  const uses = new Map<number, { text: string; count: number }>();
  const free = new Map<number, number[]>();

  for (let start = 0; start < Atomics.load(control, controlWord.policiesHigh) * policyStep; ) {
    const capacity = words[start / 4 + policyWord.capacity]!;
    const reference = start / policyStep + 1;
    const count = references.get(reference) ?? 0;
    if (count === 0) freeOf(capacity).push(reference);
    else remember(reference, readText(start), count);
    start += capacity;
  }

  function take(text: string): number {
    const known = byText.get(text);
    if (known !== undefined) {
      uses.get(known)!.count++;
      return known;
    }
    const bytes = new TextEncoder().encode(text);
    if (bytes.length > policyBytesMax) throw new RangeError(`a policy may not be longer than ${policyBytesMax} bytes`);
    const reference = allot(headerBytes + bytes.length);
    const start = policyStart(reference);
    policies.set(bytes, start + headerBytes);
    words[start / 4 + policyWord.length] = bytes.length;
    const serial = Atomics.add(control, controlWord.policySerial, 1) + 1;
    Atomics.store(words, start / 4 + policyWord.serial, serial);
    remember(reference, text, 1);
    return reference;
  }

  function give(reference: number): void {
    const use = uses.get(reference);
    if (use === undefined || --use.count > 0) return;
    uses.delete(reference);
    byText.delete(use.text);
    freeOf(words[policyStart(reference) / 4 + policyWord.capacity]!).push(reference);
  }

  /** Sizes are powers of two, so that a freed block fits the next text of its class. */
  function allot(bytes: number): number {
    let capacity = 64;
    while (capacity < bytes) capacity *= 2;
    const reused = freeOf(capacity).pop();
    if (reused !== undefined) return reused;
    const high = Atomics.load(control, controlWord.policiesHigh);
    const start = high * policyStep;
    if (start + capacity > policies.length) throw new RangeError("no room for another policy");
    words[start / 4 + policyWord.capacity] = capacity;
    Atomics.store(control, controlWord.policiesHigh, high + capacity / policyStep);
    return high + 1;
  }

  function remember(reference: number, text: string, count: number): void {
    byText.set(text, reference);
    uses.set(reference, { text, count });
  }

  function readText(start: number): string {
    const length = words[start / 4 + policyWord.length]!;
    return new TextDecoder().decode(policies.slice(start + headerBytes, start + headerBytes + length));
  }

  function freeOf(capacity: number): number[] {
    const list = free.get(capacity) ?? [];
    free.set(capacity, list);
    return list;
  }

  return { take, give };
}
