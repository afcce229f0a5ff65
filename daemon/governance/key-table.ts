/**
 * What a worker asks about a key, from shared memory and without a lock. Hides where keys lie, and that lists and
 * policies are parsed once a worker and kept while the key stays unchanged.
 */
import type { KeyPolicy } from "./definitions.ts";
import { findHash } from "./hash-index.ts";
import {
  hashWord,
  keyCopyWord,
  keyCopyWords,
  keyFlag,
  keyPublicWords,
  keyWord,
  policyStart,
  policyWord,
  publicIdOf,
  timeOf,
} from "./key-rows.ts";
import { hashRowWords, keyRowWords, scopeListWords, type Tables } from "./tables.ts";

export type KeyState = "ok" | "revoked" | "disabled" | "expired";

export type KeyReader = {
  /** The row of this SHA-256, or -1. A row stays valid as a name for its secret: once that is gone its state is `revoked`. */
  find(hash: Uint8Array): number;
  /** Seen as it is now in any thread. The secret's own end (rotation grace) counts as well as the key's. */
  state(row: number, nowMs: number): KeyState;
  /** 0 for a key that is gone. */
  keyId(row: number): number;
  /** As the world knows it; "" for a key that is gone, or whose id is of another making. */
  publicId(row: number): string;
  /** Scopes the key draws on, narrowest first. A key that is gone draws on scope 0, which admits nothing. */
  scopes(row: number): readonly number[];
  policy(row: number): KeyPolicy;
  /** When it is refused by itself, the key or this secret of it; undefined: never. */
  endsAt(row: number): number | undefined;
  /** Differs after each change of the key. */
  version(row: number): number;
};

type Entry = {
  readonly version: number;
  readonly keyId: number;
  readonly scopes: readonly number[];
  readonly policy: KeyPolicy;
};

const goneEntry: Entry = { version: -1, keyId: 0, scopes: Object.freeze([0]), policy: { models: [] } };
/** Keys, and policies, that a worker keeps parsed; at the bound it begins anew. */
const entriesMax = 16_384;
const policiesMax = 4_096;

export function createKeyReader(tables: Tables): KeyReader {
  const { hashRows, keyRows, scopeLists, policies } = tables;
  const policyWords = new Int32Array(policies.buffer);
  const rowsSpan = tables.shared.hashesMax + 1;
  const entries = new Map<number, Entry>();
  const parsed = new Map<number, { readonly serial: number; readonly policy: KeyPolicy }>();
  const hashBytes = new Uint8Array(32);
  const words = new Int32Array(hashBytes.buffer);

  function find(hash: Uint8Array): number {
    if (hash.length !== 32) return -1;
    hashBytes.set(hash);
    for (;;) {
      const row = findHash(tables, words);
      if (row === 0) return -1;
      const generation = Atomics.load(hashRows, row * hashRowWords + hashWord.generation);
      // The row may have been given to another secret between the two look-ups.
      if (findHash(tables, words) === row) return row + generation * rowsSpan;
    }
  }

  function state(row: number, nowMs: number): KeyState {
    const at = hashRow(row);
    const generation = Math.floor(row / rowsSpan);
    const key = Atomics.load(hashRows, at + hashWord.keyRow) * keyRowWords;
    if (Atomics.load(hashRows, at + hashWord.generation) !== generation) return "revoked";
    let flags = 0;
    let endsAt = 0;
    for (;;) {
      const version = Atomics.load(keyRows, key + keyWord.version);
      const copy = key + keyWord.copies + (version & 1) * keyCopyWords;
      flags = Atomics.load(keyRows, copy + keyCopyWord.flags);
      const high = Atomics.load(keyRows, copy + keyCopyWord.expiresHigh);
      endsAt = timeOf(high, Atomics.load(keyRows, copy + keyCopyWord.expiresLow));
      if (Atomics.load(keyRows, key + keyWord.version) === version) break;
    }
    const secretEndsAt = endOfSecret(at);
    if (Atomics.load(hashRows, at + hashWord.generation) !== generation) return "revoked";
    if ((flags & keyFlag.revoked) !== 0) return "revoked";
    if ((flags & keyFlag.disabled) !== 0) return "disabled";
    return nowMs >= endsAt || nowMs >= secretEndsAt ? "expired" : "ok";
  }

  function endsAt(row: number): number | undefined {
    const at = hashRow(row);
    const key = Atomics.load(hashRows, at + hashWord.keyRow) * keyRowWords;
    for (;;) {
      const version = Atomics.load(keyRows, key + keyWord.version);
      const copy = key + keyWord.copies + (version & 1) * keyCopyWords;
      const high = Atomics.load(keyRows, copy + keyCopyWord.expiresHigh);
      const end = Math.min(timeOf(high, Atomics.load(keyRows, copy + keyCopyWord.expiresLow)), endOfSecret(at));
      if (Atomics.load(keyRows, key + keyWord.version) !== version) continue;
      return end === Number.POSITIVE_INFINITY ? undefined : end;
    }
  }

  function endOfSecret(at: number): number {
    for (;;) {
      const version = Atomics.load(hashRows, at + hashWord.version);
      const copy = at + hashWord.times + (version & 1) * 2;
      const endsAt = timeOf(Atomics.load(hashRows, copy), Atomics.load(hashRows, copy + 1));
      if (Atomics.load(hashRows, at + hashWord.version) === version) return endsAt;
    }
  }

  function entry(row: number): Entry {
    const at = hashRow(row);
    const key = Atomics.load(hashRows, at + hashWord.keyRow) * keyRowWords;
    if (Atomics.load(hashRows, at + hashWord.generation) !== Math.floor(row / rowsSpan)) return goneEntry;
    const known = entries.get(row);
    if (known !== undefined && known.version === Atomics.load(keyRows, key + keyWord.version)) return known;
    const fresh = read(key);
    // Asked again, since a key row may be reused once its secrets are gone.
    if (Atomics.load(hashRows, at + hashWord.generation) !== Math.floor(row / rowsSpan)) return goneEntry;
    if (entries.size >= entriesMax) entries.clear();
    entries.set(row, fresh);
    return fresh;
  }

  function read(key: number): Entry {
    for (;;) {
      const version = Atomics.load(keyRows, key + keyWord.version);
      const copy = key + keyWord.copies + (version & 1) * keyCopyWords;
      const keyId = Atomics.load(keyRows, key + keyWord.keyId);
      const scopes = readScopes(Atomics.load(keyRows, copy + keyCopyWord.scopes));
      const reference = Atomics.load(keyRows, copy + keyCopyWord.policy);
      const serial = reference === 0 ? 0 : Atomics.load(policyWords, policyStart(reference) / 4 + policyWord.serial);
      const known = parsed.get(reference);
      const text = known?.serial === serial ? undefined : readPolicy(reference);
      // Lists and policies are reused only after the version has moved on, so what was read is whole if it has not.
      // Adding nothing is a load that no earlier plain read may pass.
      if (Atomics.add(keyRows, key + keyWord.version, 0) !== version) continue;
      if (text === undefined) return { version, keyId, scopes, policy: known!.policy };
      const policy = JSON.parse(text) as KeyPolicy;
      if (parsed.size >= policiesMax) parsed.clear();
      parsed.set(reference, { serial, policy });
      return { version, keyId, scopes, policy };
    }
  }

  /** One scope stands in the key's row itself, as its negative. */
  function readScopes(reference: number): readonly number[] {
    if (reference === 0) return [];
    if (reference < 0) return [-reference];
    const start = reference * scopeListWords;
    const count = Math.min(Atomics.load(scopeLists, start), scopeListWords - 1);
    return Array.from({ length: count }, (_, index) => Atomics.load(scopeLists, start + 1 + index));
  }

  function readPolicy(reference: number): string {
    if (reference === 0) return '{"models":[]}';
    const start = policyStart(reference);
    const length = Atomics.load(policyWords, start / 4 + policyWord.length);
    // Copied, because decoding does not accept shared memory.
    return decoder.decode(policies.slice(start + 16, start + 16 + length));
  }

  function hashRow(row: number): number {
    return (row < rowsSpan ? row : row % rowsSpan) * hashRowWords;
  }

  function publicId(row: number): string {
    const at = hashRow(row);
    const key = Atomics.load(hashRows, at + hashWord.keyRow) * keyRowWords;
    const words = keyPublicWords.map((word) => Atomics.load(keyRows, key + word));
    // The row may have been given to another key meanwhile.
    return Atomics.load(hashRows, at + hashWord.generation) === Math.floor(row / rowsSpan) ? publicIdOf(words) : "";
  }

  return {
    find,
    state,
    endsAt,
    publicId,
    keyId: (row) => entry(row).keyId,
    scopes: (row) => entry(row).scopes,
    policy: (row) => entry(row).policy,
    version: (row) => entry(row).version,
  };
}

const decoder = new TextDecoder();
