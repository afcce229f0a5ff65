/**
 * Walks the audit chain from its first record to its head and names the first one that is not as it was written.
 * Hides slices: a reader thread answers others between two steps.
 */
import type { Database, Statement } from "../store/database.ts";
import { type ChainHead, nextHash } from "./chain.ts";

export type Verification =
  | { readonly ok: true; readonly records: number; readonly head: ChainHead }
  | {
      readonly ok: false;
      /** Good records before the bad one. */
      readonly records: number;
      /** The first record that is wrong, or the first that is missing. */
      readonly seq: number;
      readonly reason: string;
    };

export type Verifier = {
  /** Checks up to `rows` more records. Undefined: there are more. */
  step(rows: number): Verification | undefined;
  /** Records looked at. */
  done(): number;
};

const sliceRows = 10_000;

/** The whole chain in one go. `expected` is a head that was noted elsewhere: a chain cut behind it is found too. */
export function verifyChain(database: Database, expected?: ChainHead): Verification {
  const verifier = createVerifier(database, expected);
  for (;;) {
    const verification = verifier.step(sliceRows);
    if (verification !== undefined) return verification;
  }
}

export function createVerifier(database: Database, expected?: ChainHead): Verifier {
  const meta = readMeta(database);
  const anchors = [expected, meta.checkpoint].filter((head) => head !== undefined && head.seq > 0) as ChainHead[];
  const slice: Statement = database
    .prepare(
      "SELECT seq, hold_id, at, key_id, scopes, cost_nano, tokens, flags, record, lower(hex(hash)) FROM records WHERE seq > ? ORDER BY seq LIMIT ?",
    )
    .raw();
  let seq = 0;
  let hash = meta.genesis;

  function step(rows: number): Verification | undefined {
    const found = slice.all(seq, rows) as Row[];
    for (const row of found) {
      const reason = check(row);
      if (reason !== undefined) return { ok: false, records: seq, seq: row[0] === seq + 1 ? row[0] : seq + 1, reason };
      seq = row[0];
      hash = row[9];
      const anchor = anchors.find((head) => head.seq === seq);
      if (anchor !== undefined && anchor.hash !== hash) {
        return {
          ok: false,
          records: seq - 1,
          seq,
          reason: "is not the record that was noted as the head: the chain was rewritten",
        };
      }
    }
    if (found.length === rows) return undefined;
    const cut = anchors.find((head) => head.seq > seq);
    if (cut === undefined) return { ok: true, records: seq, head: { seq, hash } };
    return {
      ok: false,
      records: seq,
      seq: seq + 1,
      reason: `is missing, and all up to ${cut.seq}: the end was cut off`,
    };
  }

  function check(row: Row): string | undefined {
    const [found, holdId, at, keyId, scopes, cost, tokens, flags, record, stored] = row;
    if (found !== seq + 1) return `is missing, and all before ${found}: deleted, or the beginning was cut off`;
    if (holdId.includes("\n") || scopes.includes("\n")) return "holds a line feed where none can be: edited";
    const right = nextHash(hash, found, holdId, at, keyId, scopes, cost, tokens, flags, record);
    return right === stored ? undefined : "does not follow from the one before: edited, inserted or moved";
  }

  return { step, done: () => seq };
}

type Row = [
  seq: number,
  holdId: string,
  at: number,
  keyId: number,
  scopes: string,
  cost: number | null,
  tokens: number | null,
  flags: number,
  record: string,
  hash: string,
];

function readMeta(database: Database): { readonly genesis: string; readonly checkpoint: ChainHead | undefined } {
  const read = database.prepare("SELECT value FROM meta WHERE name = ?").pluck();
  const hash = read.get("checkpoint_hash") as string | undefined;
  return {
    genesis: (read.get("genesis") as Buffer).toString("hex"),
    checkpoint: hash === undefined ? undefined : { seq: read.get("checkpoint_seq") as number, hash },
  };
}
