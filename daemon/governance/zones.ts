/** Names of time zones in shared memory, so that a worker can compute a calendar window. Hides their numbering. */
import { controlWord, type Tables, zoneBytes, zonesMax } from "./tables.ts";

/** The number of a zone, a new one if need be. Main thread only. */
export function internZone(tables: Tables, zone: string): number {
  const known = Atomics.load(tables.control, controlWord.zones);
  for (let index = 0; index < known; index++) if (readZone(tables, index) === zone) return index;
  const bytes = new TextEncoder().encode(zone);
  if (bytes.length >= zoneBytes || known >= zonesMax) throw new RangeError(`no room for time zone "${zone}"`);
  tables.zones[known * zoneBytes] = bytes.length;
  tables.zones.set(bytes, known * zoneBytes + 1);
  Atomics.store(tables.control, controlWord.zones, known + 1);
  return known;
}

export function readZone({ zones }: Tables, index: number): string {
  const start = index * zoneBytes;
  return String.fromCharCode(...zones.subarray(start + 1, start + 1 + zones[start]!));
}
