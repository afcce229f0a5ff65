/**
 * Takes symbols and debug data out of an ELF executable. Hides the format: everything that is loaded stays where it
 * is, what follows goes, and a new table of sections says so. A `strip` of the machine would give each machine another file.
 */

const header = { sectionTable: 0x28, sectionEntry: 0x3a, sectionCount: 0x3c, nameSection: 0x3e } as const;
const entryBytes = 64;
const allocated = 2n;
const noBits = 8;

export function stripElf(bytes: Buffer): Buffer {
  if (bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1)
    throw new Error("not a 64-bit little-endian ELF file");
  if (bytes.readUInt16LE(header.sectionEntry) !== entryBytes) throw new Error("unusual ELF section entries");
  const table = Number(bytes.readBigUInt64LE(header.sectionTable));
  const count = bytes.readUInt16LE(header.sectionCount);
  const entries = Array.from({ length: count }, (_, index) =>
    Buffer.from(bytes.subarray(table + index * entryBytes, table + (index + 1) * entryBytes)),
  );
  const names = entries[bytes.readUInt16LE(header.nameSection)]!;
  const kept = entries.filter((entry, index) => index === 0 || (entry.readBigUInt64LE(8) & allocated) !== 0n);
  // Links between sections are positions in the table, which must not shift.
  if (kept.some((entry, index) => entry !== entries[index])) throw new Error("loaded ELF sections do not come first");
  const end = Math.max(loadedEnd(bytes), ...kept.slice(1).map(sectionEnd));
  const nameBytes = bytes.subarray(offsetOf(names), offsetOf(names) + Number(names.readBigUInt64LE(0x20)));
  names.writeBigUInt64LE(BigInt(end), 0x18);
  const newTable = Math.ceil((end + nameBytes.length) / 8) * 8;
  const result = Buffer.alloc(newTable + (kept.length + 1) * entryBytes);
  bytes.copy(result, 0, 0, end);
  nameBytes.copy(result, end);
  [...kept, names].forEach((entry, index) => void entry.copy(result, newTable + index * entryBytes));
  result.writeBigUInt64LE(BigInt(newTable), header.sectionTable);
  result.writeUInt16LE(kept.length + 1, header.sectionCount);
  result.writeUInt16LE(kept.length, header.nameSection);
  return result;
}

/** The end of what the program headers map. */
function loadedEnd(bytes: Buffer): number {
  const table = Number(bytes.readBigUInt64LE(0x20));
  const [size, count] = [bytes.readUInt16LE(0x36), bytes.readUInt16LE(0x38)];
  const ends = Array.from({ length: count }, (_, index) => {
    const at = table + index * size;
    return Number(bytes.readBigUInt64LE(at + 8) + bytes.readBigUInt64LE(at + 0x20));
  });
  return Math.max(...ends);
}

function sectionEnd(entry: Buffer): number {
  return entry.readUInt32LE(4) === noBits ? 0 : offsetOf(entry) + Number(entry.readBigUInt64LE(0x20));
}

function offsetOf(entry: Buffer): number {
  return Number(entry.readBigUInt64LE(0x18));
}
