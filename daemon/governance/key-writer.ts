/**
 * Keys come, change and go: the main thread's side of the key table. What it returns from is visible to every thread.
 * Hides row numbers and their reuse. Make it after a snapshot was loaded, and only once.
 */
import { type KeyDefinition, type KeyHash, scopesPerRequestMax } from "./definitions.ts";
import { findHash, insertHash, removeHash } from "./hash-index.ts";
import {
  hashWord,
  hashWords,
  keyCopyWord,
  keyCopyWords,
  keyFlag,
  keyPublicWords,
  keyWord,
  publicIdWords,
  timeHigh,
  timeLow,
} from "./key-rows.ts";
import { createPolicyArea } from "./policy-area.ts";
import { controlWord, hashRowWords, idsMax, keyRowWords, scopeListWords, type Tables } from "./tables.ts";

export type KeyWriter = {
  /** Makes the key and its secrets exactly what is given. Throws RangeError and changes nothing when it cannot be held. */
  put(definition: KeyDefinition, hashes: readonly KeyHash[]): void;
  /** The key alone; its secrets stay. False for an unknown key. */
  update(definition: KeyDefinition): boolean;
  /** From the next load of any thread on. False for an unknown key. */
  revoke(id: number): boolean;
  /** Its secrets are unknown from now on. False for an unknown key. */
  remove(id: number): boolean;
  hasKey(id: number): boolean;
};

const timeMax = 8_640_000_000_000_000;

export function createKeyWriter(tables: Tables): KeyWriter {
  const { control, hashRows, keyRows, keyIds, scopeLists, shared } = tables;
  const freeKeyRows = freeRows(controlWord.keyRowsHigh, (row) => keyRows[row * keyRowWords + keyWord.keyId] === 0);
  const freeHashRows = freeRows(
    controlWord.hashRowsHigh,
    (row) => hashRows[row * hashRowWords + hashWord.keyRow] === 0,
  );
  const freeLists = freeRows(controlWord.scopeListsHigh, (row) => scopeLists[row * scopeListWords] === 0);
  const listsMax = scopeLists.length / scopeListWords - 1;
  const policyArea = createPolicyArea(tables, policyReferences());
  const words = new Int32Array(hashWords);

  function put(definition: KeyDefinition, hashes: readonly KeyHash[]): void {
    checkKey(definition);
    const { id } = definition;
    const known = keyIds[id]!;
    checkHashes(id, known, hashes);
    const row = known === 0 ? takeRow(freeKeyRows, controlWord.keyRowsHigh, shared.keysMax, "keys") : known;
    if (known === 0) {
      Atomics.store(keyRows, row * keyRowWords + keyWord.keyId, id);
      clearCopies(row);
    }
    const publicId = publicIdWords(definition.publicId) ?? [0, 0, 0];
    for (const [index, word] of keyPublicWords.entries())
      Atomics.store(keyRows, row * keyRowWords + word, publicId[index]!);
    try {
      writeKey(row, definition);
      keyIds[id] = row;
      if (id > Atomics.load(control, controlWord.keyIdHigh)) Atomics.store(control, controlWord.keyIdHigh, id);
    } catch (error) {
      if (known === 0) giveKeyRow(row);
      throw error;
    }
    writeHashes(row, hashes);
  }

  function update(definition: KeyDefinition): boolean {
    checkKey(definition);
    const row = keyIds[definition.id]!;
    if (row === 0) return false;
    writeKey(row, definition);
    return true;
  }

  function revoke(id: number): boolean {
    if (!hasKey(id)) return false;
    const row = keyIds[id]!;
    const [flags, high, low, scopes, policy] = copyOf(row);
    writeCopy(row, [flags | keyFlag.revoked, high, low, scopes, policy]);
    return true;
  }

  function remove(id: number): boolean {
    if (!hasKey(id)) return false;
    const row = keyIds[id]!;
    for (const hash of hashesOf(row)) removeHashRow(row, hash);
    keyIds[id] = 0;
    const [, , , scopes, policy] = copyOf(row);
    writeCopy(row, [keyFlag.revoked, -1, 0, 0, 0]);
    giveScopes(scopes);
    policyArea.give(policy);
    giveKeyRow(row);
    return true;
  }

  function hasKey(id: number): boolean {
    return id > 0 && id < idsMax && keyIds[id] !== 0;
  }

  /** Writes the copy that no reader uses and then makes it the one that counts. */
  function writeKey(row: number, definition: KeyDefinition): void {
    const [, , , oldScopes, oldPolicy] = copyOf(row);
    const policy = policyArea.take(JSON.stringify(definition.policy));
    let scopes: number;
    try {
      scopes = takeScopes(definition.scopes);
    } catch (error) {
      policyArea.give(policy);
      throw error;
    }
    const revoked = definition.revokedAtMs === undefined ? 0 : keyFlag.revoked;
    const flags = revoked | (definition.disabled ? keyFlag.disabled : 0);
    writeCopy(row, [flags, timeHigh(definition.expiresAtMs), timeLow(definition.expiresAtMs), scopes, policy]);
    giveScopes(oldScopes);
    policyArea.give(oldPolicy);
  }

  function copyOf(row: number): KeyCopy {
    const key = row * keyRowWords;
    const copy = key + keyWord.copies + (keyRows[key + keyWord.version]! & 1) * keyCopyWords;
    return [
      keyRows[copy + keyCopyWord.flags]!,
      keyRows[copy + keyCopyWord.expiresHigh]!,
      keyRows[copy + keyCopyWord.expiresLow]!,
      keyRows[copy + keyCopyWord.scopes]!,
      keyRows[copy + keyCopyWord.policy]!,
    ];
  }

  function writeCopy(row: number, values: KeyCopy): void {
    const key = row * keyRowWords;
    const version = (keyRows[key + keyWord.version]! + 1) | 0;
    const copy = key + keyWord.copies + (version & 1) * keyCopyWords;
    // Atomic stores, so that no processor shows a value of this copy before the version that went out of use.
    for (let index = 0; index < keyCopyWords; index++) Atomics.store(keyRows, copy + index, values[index]!);
    Atomics.store(keyRows, key + keyWord.version, version);
  }

  function clearCopies(row: number): void {
    const first = row * keyRowWords + keyWord.copies;
    for (let index = 0; index < 2 * keyCopyWords; index++) Atomics.store(keyRows, first + index, 0);
  }

  function takeScopes(scopes: readonly number[]): number {
    if (scopes.length === 0) return 0;
    if (scopes.length === 1) return -scopes[0]!;
    const list = takeRow(freeLists, controlWord.scopeListsHigh, listsMax, "keys with several scopes");
    const start = list * scopeListWords;
    scopes.forEach((scope, index) => {
      Atomics.store(scopeLists, start + 1 + index, scope);
    });
    Atomics.store(scopeLists, start, scopes.length);
    return list;
  }

  function giveScopes(reference: number): void {
    if (reference <= 0) return;
    Atomics.store(scopeLists, reference * scopeListWords, 0);
    freeLists.push(reference);
  }

  /** New secrets before old ones go, so that a rotation leaves no moment without any. */
  function writeHashes(row: number, hashes: readonly KeyHash[]): void {
    const kept = new Set<number>();
    const before = hashesOf(row);
    for (const { hash, expiresAtMs } of hashes) {
      const known = lookUp(hash);
      if (known !== 0) writeEnd(known, expiresAtMs);
      kept.add(known !== 0 ? known : addHashRow(row, hash, expiresAtMs));
    }
    for (const hash of before) if (!kept.has(hash)) removeHashRow(row, hash);
  }

  function addHashRow(row: number, hash: Uint8Array, expiresAtMs: number | undefined): number {
    const added = takeRow(freeHashRows, controlWord.hashRowsHigh, shared.hashesMax, "secrets");
    const at = added * hashRowWords;
    lookUp(hash);
    Atomics.store(hashRows, at + hashWord.keyRow, row);
    writeEnd(added, expiresAtMs);
    for (let index = 0; index < hashWords; index++) Atomics.store(hashRows, at + hashWord.hash + index, words[index]!);
    hashRows[at + hashWord.nextHash] = keyRows[row * keyRowWords + keyWord.firstHash]!;
    keyRows[row * keyRowWords + keyWord.firstHash] = added;
    insertHash(tables, added);
    return added;
  }

  function removeHashRow(row: number, hash: number): void {
    const at = hash * hashRowWords;
    removeHash(tables, hash);
    // After the index: a reader that still finds the row in it has read the generation that ends here.
    Atomics.store(hashRows, at + hashWord.generation, (hashRows[at + hashWord.generation]! + 1) & 0x3fffffff);
    Atomics.store(hashRows, at + hashWord.keyRow, 0);
    unlink(row, hash);
    freeHashRows.push(hash);
  }

  function unlink(row: number, hash: number): void {
    let link: [Int32Array, number] = [keyRows, row * keyRowWords + keyWord.firstHash];
    while (link[0][link[1]] !== hash) link = [hashRows, link[0][link[1]]! * hashRowWords + hashWord.nextHash];
    link[0][link[1]] = hashRows[hash * hashRowWords + hashWord.nextHash]!;
  }

  function writeEnd(hash: number, expiresAtMs: number | undefined): void {
    const at = hash * hashRowWords;
    const version = (hashRows[at + hashWord.version]! + 1) | 0;
    const copy = at + hashWord.times + (version & 1) * 2;
    Atomics.store(hashRows, copy, timeHigh(expiresAtMs));
    Atomics.store(hashRows, copy + 1, timeLow(expiresAtMs));
    Atomics.store(hashRows, at + hashWord.version, version);
  }

  function hashesOf(row: number): readonly number[] {
    const found: number[] = [];
    let hash = keyRows[row * keyRowWords + keyWord.firstHash]!;
    for (; hash !== 0; hash = hashRows[hash * hashRowWords + hashWord.nextHash]!) found.push(hash);
    return found;
  }

  function lookUp(hash: Uint8Array): number {
    new Uint8Array(words.buffer).set(hash);
    return findHash(tables, words);
  }

  /** Nothing may be half-done when it turns out that there is no room or that a secret is another key's. */
  function checkHashes(id: number, row: number, hashes: readonly KeyHash[]): void {
    let added = 0;
    for (const { hash, expiresAtMs } of hashes) {
      if (hash.length !== 32) throw new RangeError("a key's hash has 32 bytes");
      checkTime(expiresAtMs);
      const known = lookUp(hash);
      if (known === 0) added++;
      else if (row === 0 || hashRows[known * hashRowWords + hashWord.keyRow] !== row) {
        throw new RangeError(`a secret of key ${id} already opens another key`);
      }
    }
    const left = freeHashRows.length + shared.hashesMax - Atomics.load(control, controlWord.hashRowsHigh);
    if (added > left) throw new RangeError(`no room for more secrets than ${shared.hashesMax}`);
  }

  function giveKeyRow(row: number): void {
    Atomics.store(keyRows, row * keyRowWords + keyWord.keyId, 0);
    freeKeyRows.push(row);
  }

  function takeRow(free: number[], high: number, most: number, name: string): number {
    const reused = free.pop();
    if (reused !== undefined) return reused;
    const row = Atomics.load(control, high) + 1;
    if (row > most) throw new RangeError(`no room for more ${name} than ${most}`);
    Atomics.store(control, high, row);
    return row;
  }

  function freeRows(high: number, isFree: (row: number) => boolean): number[] {
    const free: number[] = [];
    for (let row = Atomics.load(control, high); row > 0; row--) if (isFree(row)) free.push(row);
    return free;
  }

  function policyReferences(): ReadonlyMap<number, number> {
    const references = new Map<number, number>();
    for (let row = Atomics.load(control, controlWord.keyRowsHigh); row > 0; row--) {
      if (keyRows[row * keyRowWords + keyWord.keyId] === 0) continue;
      const key = row * keyRowWords;
      const copy = key + keyWord.copies + (keyRows[key + keyWord.version]! & 1) * keyCopyWords;
      const reference = keyRows[copy + keyCopyWord.policy]!;
      references.set(reference, (references.get(reference) ?? 0) + 1);
    }
    return references;
  }

  return { put, update, revoke, remove, hasKey };
}

/** flags, end (two words), scopes, policy */
type KeyCopy = readonly [number, number, number, number, number];

function checkKey({ id, scopes, expiresAtMs }: KeyDefinition): void {
  if (!Number.isInteger(id) || id < 1 || id >= idsMax) throw new RangeError(`key id ${id} is out of range`);
  if (scopes.length > scopesPerRequestMax || new Set(scopes).size !== scopes.length) {
    throw new RangeError(`key ${id}: at most ${scopesPerRequestMax} scopes, each once`);
  }
  for (const scope of scopes) {
    if (!Number.isInteger(scope) || scope < 1 || scope >= idsMax) throw new RangeError(`key ${id}: scope ${scope}`);
  }
  checkTime(expiresAtMs);
}

function checkTime(atMs: number | undefined): void {
  if (atMs !== undefined && !(Number.isInteger(atMs) && atMs >= 0 && atMs <= timeMax)) {
    throw new RangeError(`${atMs} is not a time`);
  }
}
