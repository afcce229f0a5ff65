/**
 * SHA-256 → hash row, by open addressing in shared memory. Many threads look up while one changes it: an entry is one
 * word, stored when its row is whole, so a reader sees all of a key or nothing.
 */
import { hashWord, hashWords } from "./key-rows.ts";
import { hashRowWords, type Tables } from "./tables.ts";

/** Nothing here any more, but look further. */
const gone = -1;

/** The row of a hash given as eight words, or 0. */
export function findHash({ hashIndex, hashRows }: Tables, words: Int32Array): number {
  const mask = hashIndex.length - 1;
  for (let place = words[0]! & mask, seen = 0; seen <= mask; place = (place + 1) & mask, seen++) {
    const row = Atomics.load(hashIndex, place);
    if (row === 0) return 0;
    if (row !== gone && equalHash(hashRows, row, words)) return row;
  }
  return 0;
}

/** Publishes a row that is filled and not yet in the index. Writer only. */
export function insertHash({ hashIndex, hashRows }: Tables, row: number): void {
  const mask = hashIndex.length - 1;
  let place = hashRows[row * hashRowWords + hashWord.hash]! & mask;
  while (hashIndex[place]! > 0) place = (place + 1) & mask;
  Atomics.store(hashIndex, place, row);
}

/** Writer only. */
export function removeHash({ hashIndex, hashRows }: Tables, row: number): void {
  const mask = hashIndex.length - 1;
  let place = hashRows[row * hashRowWords + hashWord.hash]! & mask;
  while (hashIndex[place] !== row) {
    if (hashIndex[place] === 0) return;
    place = (place + 1) & mask;
  }
  Atomics.store(hashIndex, place, gone);
  // Marks at the end of a run lead nowhere; clearing them keeps look-ups short however many keys have come and gone.
  if (hashIndex[(place + 1) & mask] !== 0) return;
  while (hashIndex[place] === gone) {
    Atomics.store(hashIndex, place, 0);
    place = (place - 1) & mask;
  }
}

/** Compares all words whatever they hold, so that time says nothing about how much was right. */
function equalHash(hashRows: Int32Array, row: number, words: Int32Array): boolean {
  const start = row * hashRowWords + hashWord.hash;
  let difference = 0;
  for (let index = 0; index < hashWords; index++) difference |= hashRows[start + index]! ^ words[index]!;
  return difference === 0;
}
